package state

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"

	"golang.org/x/sys/unix"

	"github.com/segue-run/segue/runtime/module"
)

// takeLock makes the state directory and locks it for this process. The lock is the
// kernel's: it goes with the open file, so with the process. The file's content is
// only for people.
func takeLock(dir string) (*os.File, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, pathError(dir, err)
	}
	path := filepath.Join(dir, "lock")
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|unix.O_NOFOLLOW, 0o600)
	if err != nil {
		return nil, pathError(dir, err)
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		defer f.Close()
		if errors.Is(err, unix.EWOULDBLOCK) {
			return nil, heldError(dir, f)
		}
		return nil, pathError(path, err)
	}
	if err := writePID(f); err != nil && !isFull(err) {
		f.Close()
		return nil, pathError(path, err)
	}
	return f, nil
}

func writePID(f *os.File) error {
	if err := f.Truncate(0); err != nil {
		return err
	}
	_, err := f.WriteAt(fmt.Appendf(nil, "%d\n", os.Getpid()), 0)
	return err
}

// heldError names the process that has the lock, as far as it has said.
func heldError(dir string, f *os.File) error {
	who := "another runtime"
	buf := make([]byte, 32)
	n, _ := f.ReadAt(buf, 0)
	if pid, err := strconv.Atoi(string(bytes.TrimSpace(buf[:n]))); err == nil {
		who = fmt.Sprintf("another runtime (pid %d)", pid)
	}
	return &module.Error{Kind: module.Conflict, Field: "state", Value: dir, Msg: "in use by " + who,
		Hint: "stop it first, or give this one a directory of its own with --state"}
}

// checkAccess looks for files that this process may not use, so that the refusal can
// name them; a server started once by root leaves such.
func checkAccess(dir string) error {
	return filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return pathError(path, err)
		}
		mode := uint32(unix.R_OK | unix.W_OK)
		if d.IsDir() {
			mode |= unix.X_OK
		}
		if err := unix.Faccessat(unix.AT_FDCWD, path, mode, unix.AT_EACCESS); err != nil && !errors.Is(err, unix.ENOENT) {
			return pathError(path, err)
		}
		return nil
	})
}
