package watch

import (
	"cmp"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/fsnotify/fsnotify"
	"go.uber.org/zap"

	"github.com/segue-run/segue/runtime/executable"
	"github.com/segue-run/segue/runtime/module"
)

// retryPause is how long to wait before a lost directory is tried again.
const retryPause = time.Second

// begin watches the directory and enters what is there.
func (w *Watcher) begin() error {
	fs, err := fsnotify.NewWatcher()
	if err != nil {
		return &module.Error{
			Kind: module.Unavailable, Msg: "no file watching to be had", Err: err,
			Hint: "raise the system's limit fs.inotify.max_user_instances",
		}
	}
	w.fs = fs
	if err := w.attach(); err != nil {
		fs.Close()
		return &module.Error{
			Kind: module.Unavailable, Field: "modules", Value: w.dir, Err: err,
			Hint: "it must be a readable directory; where watches have run out, raise fs.inotify.max_user_watches",
		}
	}
	for _, e := range w.entries {
		e.atStart = true
		w.starting[e] = struct{}{}
	}
	w.rescan = time.Now().Add(w.cfg.Rescan)
	return nil
}

// attach makes the directory where it is missing, watches it and scans it. Names that
// are not in it are forgotten: it may be another directory than before.
func (w *Watcher) attach() error {
	if err := os.MkdirAll(w.dir, 0o755); err != nil {
		return err
	}
	if err := w.fs.Add(w.dir); err != nil {
		return err
	}
	id, err := os.Stat(w.dir)
	if err != nil {
		return err
	}
	found, err := w.scan()
	if err != nil {
		return err
	}
	for name, e := range w.entries {
		if !found[name] {
			w.forget(e)
		}
	}
	w.id = id
	return nil
}

// scan has every name in the directory looked at, oldest file first, and every name
// known from before.
func (w *Watcher) scan() (found map[string]bool, err error) {
	listed, err := os.ReadDir(w.dir)
	if err != nil {
		return nil, err
	}
	type file struct {
		name     string
		modified time.Time
	}
	var files []file
	for _, entry := range listed {
		name := entry.Name()
		if _, sidecar := subject(name); sidecar || ignored(name) {
			continue
		}
		if info, err := entry.Info(); err == nil {
			files = append(files, file{name, info.ModTime()})
		}
	}
	slices.SortFunc(files, func(a, b file) int {
		return cmp.Or(a.modified.Compare(b.modified), strings.Compare(a.name, b.name))
	})
	found = make(map[string]bool, len(files))
	for _, f := range files {
		found[f.name] = true
		w.queue(w.entry(f.name))
	}
	for name, e := range w.entries {
		if !found[name] {
			w.queue(e)
		}
	}
	return found, nil
}

// entry is what is known of name, which is entered where nothing is.
func (w *Watcher) entry(name string) *entry {
	e := w.entries[name]
	if e == nil {
		e = &entry{name: name, slot: -1}
		w.entries[name] = e
	}
	return e
}

// patrol scans again, and gets the directory back where it was lost.
func (w *Watcher) patrol(now time.Time) {
	w.rescan = now.Add(w.cfg.Rescan)
	if w.id != nil && w.intact() {
		_, err := w.scan()
		if err == nil {
			w.plight = ""
			return
		}
		w.complain("the watched directory cannot be read; trying again", err)
		if executable.Passing(err) {
			w.rescan = now.Add(retryPause)
			return
		}
	}
	if w.id != nil {
		w.lose()
	}
	switch err := w.attach(); {
	case err == nil:
		w.plight, w.rescan = "", now.Add(w.cfg.Rescan)
		w.log.Info("the watched directory is back", zap.String("file", w.dir))
	default:
		w.rescan = now.Add(retryPause)
		w.complain("the watched directory cannot be had; trying again", err)
	}
}

// complain logs an error that may come every second, once.
func (w *Watcher) complain(msg string, err error) {
	if w.plight != err.Error() {
		w.plight = err.Error()
		w.log.Error(msg, zap.String("file", w.dir), zap.Error(err))
	}
}

// intact reports whether the path still leads to the directory that is watched, as far
// as that can be found out.
func (w *Watcher) intact() bool {
	now, err := os.Stat(w.dir)
	if err != nil {
		return executable.Passing(err)
	}
	return os.SameFile(now, w.id)
}

// lose notes that the directory is another one or gone, which says nothing about what
// was in it, and has it attached again.
func (w *Watcher) lose() {
	if w.id == nil {
		return
	}
	w.log.Warn("the watched directory is gone; what runs goes on", zap.String("file", w.dir))
	w.id = nil
	if w.of != nil {
		w.withdraw()
	}
	for _, e := range w.entries {
		e.absentSince = time.Time{}
	}
	_ = w.fs.Remove(w.dir) // it may not be watched any more
	w.rescan = time.Time{}
}

// unsettled are the names that were there at the start and of which nothing was said.
func (w *Watcher) unsettled() []string {
	var names []string
	for name, e := range w.entries {
		if e.atStart {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}
