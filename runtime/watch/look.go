package watch

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"github.com/segue-run/segue/runtime/executable"
	"github.com/segue-run/segue/runtime/module"
	"github.com/segue-run/segue/sdk/manifest"
)

// condition is what a look found under a name.
type condition int

const (
	absent     condition = iota
	unseen               // the machine could not look
	known                // the edition that was reported last
	busy                 // somebody writes to it
	incomplete           // nobody writes to it, and something is missing
	unfit                // no module
	resting              // whole as far as one can see, to be taken when it has rested
	whole                // whole, and a lease says that nobody writes
)

// sight is what one look saw.
type sight struct {
	condition condition
	edition   edition
	uid       uint32
	linked    bool          // there are other ways to the file than this name
	err       *module.Error // of unseen, incomplete and unfit
	offer     *Offer        // of resting and whole; whoever has the sight closes it
}

// look says what stands under name in dir now. It returns early with known where that
// is exactly what was reported. It never blocks, and leaves nothing open but the
// sight's offer.
func look(dir, name string, reported edition) sight {
	path := filepath.Join(dir, name)
	var st unix.Stat_t
	if err := unix.Lstat(path, &st); err != nil {
		if errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ENOTDIR) {
			return sight{condition: absent}
		}
		return sight{}.hidden("file", name, err)
	}
	s := sight{uid: st.Uid}
	s.edition.main = newStamp(&st)
	s.linked = st.Nlink > 1
	if s.edition.main.format == unix.S_IFLNK {
		s.linked = true
		if err := unix.Stat(path, &st); err != nil {
			return s.unread("file", name, "it is a link that leads nowhere", "make it point to an executable", err)
		}
		s.edition.main = newStamp(&st)
	}
	if what, ok := irregular[s.edition.main.format]; ok {
		return s.unfit("file", name, "it is "+what+", not an executable", "keep it elsewhere, or give it a name that begins with a dot", nil)
	}
	if err := unix.Lstat(path+manifest.SidecarSuffix, &st); err == nil {
		s.edition.sidecar = newStamp(&st)
	}
	if s.edition == reported {
		s.condition = known
		return s
	}
	return s.enter(name, path)
}

// irregular names what a module cannot be.
var irregular = map[uint32]string{
	unix.S_IFDIR:  "a directory",
	unix.S_IFIFO:  "a named pipe",
	unix.S_IFSOCK: "a socket",
	unix.S_IFCHR:  "a device",
	unix.S_IFBLK:  "a device",
}

// enter looks into the file and its sidecar.
func (s sight) enter(name, path string) sight {
	main, err := take(path, 0)
	s.edition.main = main.stamp
	switch {
	case errors.Is(err, unix.ENOENT):
		return sight{condition: absent}
	case err != nil:
		return s.unread("file", name, "it cannot be read", "make it a file that the user whom the runtime runs as may read", err)
	case main.grip == gripBusy:
		s.condition = busy
		return s
	}
	o := &Offer{
		Name: name, Path: path, File: main.file, UID: s.uid, ModTime: time.Unix(0, main.stamp.mtime), Changed: time.Unix(0, main.stamp.ctime),
		main: main.stamp, leased: main.grip == gripHeld,
	}
	o.held.Store(o.leased)
	s.condition = whole
	if !o.leased || s.linked {
		s.condition = resting
	}
	if s = s.readSidecar(o).inspect(o); s.condition == whole || s.condition == resting {
		s.offer = o
	} else {
		o.Close()
	}
	return s
}

// readSidecar adds the text of the sidecar to o, where there is one. A link is not
// followed: what is wrong with a manifest is told with its words, and a link could
// have those of any file told that the runtime may read.
func (s sight) readSidecar(o *Offer) sight {
	name := o.Name + manifest.SidecarSuffix
	side, err := take(o.Path+manifest.SidecarSuffix, unix.O_NOFOLLOW)
	s.edition.sidecar = side.stamp
	switch {
	case errors.Is(err, unix.ENOENT), errors.Is(err, unix.ENAMETOOLONG):
		return s // where the file's name is so long, its sidecar's can be nobody's
	case err != nil:
		return s.unread("sidecar", name, "it cannot be read", "make it a file, not a link, that the user whom the runtime runs as may read", err)
	case side.grip == gripBusy:
		s.condition = busy
		return s
	case side.grip == gripNone:
		s.condition = resting
	}
	defer side.file.Close()
	defer release(side.file)
	text, err := io.ReadAll(io.LimitReader(side.file, manifest.MaxSize+1))
	switch {
	case err != nil:
		return s.unread("sidecar", name, "it cannot be read", "copy it again", err)
	case len(text) == 0:
		s = s.unfit("sidecar", name, "it is empty", "write the manifest into it, or remove it", nil)
		s.condition = incomplete
	case len(text) > manifest.MaxSize:
		return s.unfit("sidecar", name, fmt.Sprintf("it is too big: a manifest has at most %d KiB", manifest.MaxSize>>10), "see docs/writing-a-module.md", nil)
	}
	o.Sidecar = text
	return s
}

// inspect judges the executable, unless something else was found wrong before.
func (s sight) inspect(o *Offer) sight {
	if s.condition != whole && s.condition != resting {
		return s
	}
	info, err := executable.Inspect(o.File, s.edition.main.size)
	if err != nil {
		return s.unread("file", o.Name, "it cannot be read", "copy it again", err)
	}
	var refusal *module.Error
	if errors.As(info.Check(), &refusal) {
		refusal.Value = o.Name
		s.condition, s.err = unfit, refusal
		if !info.Complete() {
			s.condition = incomplete
		}
	}
	return s
}

// unread is unfit with an error of reading as the cause, unless that is the machine's:
// then nothing is known of the file, and it is looked at again.
func (s sight) unread(field, value, msg, hint string, cause error) sight {
	if executable.Passing(cause) {
		return s.hidden(field, value, cause)
	}
	return s.unfit(field, value, msg, hint, cause)
}

func (s sight) hidden(field, value string, cause error) sight {
	s.condition = unseen
	s.err = &module.Error{Kind: module.Unavailable, Field: field, Value: value, Msg: "it cannot be looked at now", Err: cause}
	return s
}

func (s sight) unfit(field, value, msg, hint string, cause error) sight {
	s.condition = unfit
	s.err = &module.Error{Kind: module.Invalid, Field: field, Value: value, Msg: msg, Hint: hint, Err: cause}
	return s
}

// taken is a file opened for reading, with a lease on it or without.
type taken struct {
	file  *os.File // nil where grip is busy
	grip  grip
	stamp stamp
}

// take opens the regular file at path, with more flags than those for reading, and
// asks for a lease. Where the error is not nil the stamp says what is known of the file
// all the same.
func take(path string, flags int) (taken, error) {
	var t taken
	fd, err := openRead(path, flags)
	if errors.Is(err, unix.EWOULDBLOCK) { // somebody else's lease on it is being given up
		return t, nil
	}
	if err != nil {
		var st unix.Stat_t
		stat := unix.Stat
		if flags&unix.O_NOFOLLOW != 0 {
			stat = unix.Lstat
		}
		if stat(path, &st) == nil {
			t.stamp = newStamp(&st)
		}
		return t, err
	}
	t.file = os.NewFile(uintptr(fd), path)
	t.grip = lease(t.file)
	if t.stamp, err = stampFile(t.file); err == nil && t.stamp.format != unix.S_IFREG {
		err = errors.New("not a regular file")
	}
	if err != nil || t.grip == gripBusy {
		t.file.Close()
		t.file = nil
	}
	return t, err
}

// openRead opens without waiting for anybody: not for the other end of a pipe, not for
// a lease.
func openRead(path string, flags int) (int, error) {
	for {
		fd, err := unix.Open(path, flags|unix.O_RDONLY|unix.O_NONBLOCK|unix.O_CLOEXEC|unix.O_NOCTTY, 0)
		if !errors.Is(err, unix.EINTR) {
			return fd, err
		}
	}
}
