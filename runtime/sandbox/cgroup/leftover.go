package cgroup

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// prefix is that of the folders of all runtimes.
const prefix = "segue-"

var errTaken = errors.New("a runtime of the same name runs")

// growTries bounds how often a folder is made again that another runtime took for left
// over, in the moment before it was locked.
const growTries = 5

// grow makes the branch's folder, takes its lock and sweeps it, and prunes what other
// runtimes left beside it.
func (t *Tree) grow(b *branch) error {
	for range growTries {
		if err := t.kernel.mkdir(b.dir); err != nil && !errors.Is(err, os.ErrExist) {
			return err
		}
		lock, err := lockFolder(b.dir)
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err != nil {
			return err
		}
		if err := t.sweep(b); err != nil {
			lock.Close()
			return err
		}
		b.lock = lock
		t.prune(b)
		return nil
	}
	return fmt.Errorf("make group %s: it is removed each time", b.dir)
}

// lockFolder takes the lock of a folder, which ends with its descriptor. It is
// ErrNotExist if the folder was removed before.
func lockFolder(dir string) (*os.File, error) {
	lock, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(lock.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		lock.Close()
		return nil, fmt.Errorf("%w: %s", errTaken, dir)
	}
	mine, err := lock.Stat()
	var there os.FileInfo
	if err == nil {
		there, err = os.Stat(dir)
	}
	if err == nil && !os.SameFile(mine, there) {
		err = os.ErrNotExist
	}
	if err != nil {
		lock.Close()
		return nil, err
	}
	return lock, nil
}

// sweep ends and removes the groups of a dead runtime.
func (t *Tree) sweep(b *branch) error {
	entries, err := os.ReadDir(b.dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if !e.IsDir() {
			continue
		}
		left := &Group{tree: t, twigs: []twig{{branch: b, dir: filepath.Join(b.dir, e.Name())}}}
		left.Kill()
		if err := left.Remove(); err != nil {
			return fmt.Errorf("remove what a dead runtime left: %w", err)
		}
	}
	return nil
}

// prune removes the empty groups of runtimes that are dead, whatever their names. What
// still has processes is left to a runtime of its name.
func (t *Tree) prune(b *branch) {
	base := filepath.Dir(b.dir)
	entries, err := os.ReadDir(base)
	if err != nil {
		return
	}
	for _, e := range entries {
		dir := filepath.Join(base, e.Name())
		if !e.IsDir() || dir == b.dir || !strings.HasPrefix(e.Name(), prefix) {
			continue
		}
		lock, err := lockFolder(dir)
		if err != nil {
			continue
		}
		groups, _ := os.ReadDir(dir)
		for _, g := range groups {
			if g.IsDir() {
				_ = t.kernel.rmdir(filepath.Join(dir, g.Name())) // refused where a process is in it
			}
		}
		_ = t.kernel.rmdir(dir)
		lock.Close()
	}
}
