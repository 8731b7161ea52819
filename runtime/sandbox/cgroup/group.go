package cgroup

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// How long Remove waits for processes that were killed to be gone, and how often it looks.
const (
	removeWait  = 2 * time.Second
	removePause = 2 * time.Millisecond
)

// Group is a group for the processes of one instance: a folder in each hierarchy that is
// used. Its owner calls Remove when they are gone.
type Group struct {
	tree  *Tree
	twigs []twig

	mu     sync.Mutex
	peak   int64   // bytes, the most that Usage saw
	killed *Events // those before Kill, which makes forks fail by itself
}

// twig is the group's folder in one hierarchy.
type twig struct {
	branch *branch
	dir    string
}

// Make makes a group with limits; those of controllers that are not there hold nothing.
// The id is of letters, digits, '-' and '_' and no other group's. It leaves nothing
// behind where it fails.
func (t *Tree) Make(id string, limits Limits) (_ *Group, err error) {
	if !word.MatchString(id) {
		return nil, fmt.Errorf("name of a group %q: letters, digits, - and _, at most 128", id)
	}
	g := &Group{tree: t}
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("make group %s: %w", id, err), g.Remove())
		}
	}()
	for _, b := range t.branches {
		w := twig{branch: b, dir: filepath.Join(b.dir, id)}
		if err := t.kernel.mkdir(w.dir); err != nil {
			return nil, err
		}
		g.twigs = append(g.twigs, w)
		if err := w.limit(limits); err != nil {
			return nil, err
		}
	}
	return g, nil
}

// Procs are the files by which a process joins the group, open for writing: one for each
// hierarchy, to be told "0" by the process itself, before it executes its program. The
// caller closes them. In version 1 it joins with the thread that writes alone, which is
// the only one after the exec: moving all threads waits for the kernel's grace periods,
// some milliseconds.
func (g *Group) Procs() ([]*os.File, error) {
	var files []*os.File
	for _, w := range g.twigs {
		name := "cgroup.procs"
		if w.branch.version == 1 {
			name = "tasks"
		}
		f, err := os.OpenFile(filepath.Join(w.dir, name), os.O_WRONLY, 0)
		if err != nil {
			for _, f := range files {
				f.Close()
			}
			return nil, fmt.Errorf("open group: %w", err)
		}
		files = append(files, f)
	}
	return files, nil
}

// Kill ends every process in the group and does not wait for it. What a fork makes
// meanwhile is ended too, where the kernel kills by group or their number is limited here;
// else as far as a bounded number of looks finds it.
func (g *Group) Kill() {
	events := g.Events()
	g.mu.Lock()
	g.killed = &events
	g.mu.Unlock()
	var rest []twig
	for _, w := range g.twigs {
		switch {
		case w.branch.version == 2 && w.write("cgroup.kill", "1") == nil:
		case w.has(PIDs):
			_ = w.write("pids.max", "0")
			fallthrough
		default:
			rest = append(rest, w)
		}
	}
	for _, w := range rest {
		w.killEach()
	}
}

// killRounds bounds how often a group is read again for what was forked meanwhile.
const killRounds = 64

// killEach ends the processes one by one, until none is new.
func (w twig) killEach() {
	killed := map[int]bool{}
	for range killRounds {
		fresh := false
		for _, pid := range w.pids() {
			if !killed[pid] && w.kill(pid) {
				killed[pid], fresh = true, true
			}
		}
		if !fresh {
			return
		}
	}
}

// kill ends one process, unless its number has become another's that is not in the group.
func (w twig) kill(pid int) bool {
	fd, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		return false
	}
	defer unix.Close(fd)
	for _, now := range w.pids() {
		if now == pid {
			return unix.PidfdSendSignal(fd, unix.SIGKILL, nil, 0) == nil
		}
	}
	return false
}

// pids are the processes in the group that this one can see.
func (w twig) pids() []int {
	texts, err := words(filepath.Join(w.dir, "cgroup.procs"))
	if err != nil {
		return nil
	}
	var pids []int
	for _, text := range texts {
		if pid, err := strconv.Atoi(text); err == nil && pid > 0 {
			pids = append(pids, pid)
		}
	}
	return pids
}

// Remove removes the group. It waits a moment for processes that were killed to be gone.
func (g *Group) Remove() error {
	deadline := time.Now().Add(removeWait)
	var errs []error
	for _, w := range g.twigs {
		for {
			err := g.tree.kernel.rmdir(w.dir)
			if errors.Is(err, unix.EBUSY) && time.Now().Before(deadline) {
				time.Sleep(removePause)
				continue
			}
			if err != nil && !errors.Is(err, os.ErrNotExist) {
				errs = append(errs, fmt.Errorf("remove group %s: %w", w.dir, err))
			}
			break
		}
	}
	return errors.Join(errs...)
}
