package instance

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"

	"golang.org/x/sys/unix"

	"github.com/segue-run/segue/runtime/proc"
)

// How many entries of directories are dealt with in one go, behind one instance and by
// one sweep, for which the host waits. A module can make more than anybody wants to
// wait for, and a process that survived can make them as fast as they are removed.
const (
	mostRemoved = 1 << 18
	mostSwept   = 1 << 14
)

// removeTree removes what is at path, and takes what that cost off most. However deep
// directories are nested it needs three descriptors: what lies in a directory within
// the top one is moved up into the top one, so that nothing is ever deeper than that.
// It follows no link and opens nothing but directories. Where most is used up, or
// something cannot be removed, the error says so in few words and the rest stays.
func removeTree(path string, most *int) error {
	switch err := unix.Unlink(path); {
	case err == nil, errors.Is(err, unix.ENOENT):
		return nil
	case !errors.Is(err, unix.EISDIR):
		return fmt.Errorf("remove %s: %w", filepath.Base(path), err)
	}
	top, err := openForRemoval(unix.AT_FDCWD, path)
	if err != nil {
		return fmt.Errorf("remove %s: %w", filepath.Base(path), err)
	}
	r := remover{top: top, most: most}
	err = r.empty(top, false)
	_ = top.Close()
	if err == nil {
		err = unix.Rmdir(path)
	}
	if err != nil {
		return fmt.Errorf("remove %s: %w", filepath.Base(path), err)
	}
	return nil
}

// errTooMuch says that most was used up.
var errTooMuch = errors.New("it holds too much; the rest is left for the next start")

// remover empties one directory.
type remover struct {
	top   *os.File
	most  *int
	moved int // names given in top
}

// empty removes all entries of dir. Directories in it that are not empty are moved into
// the top one where up is set, and else emptied, which moves theirs. It reads from the
// start until nothing is left, since what is moved into the top may not show at once.
func (r *remover) empty(dir *os.File, up bool) error {
	for {
		if _, err := dir.Seek(0, io.SeekStart); err != nil {
			return err
		}
		found := false
		for {
			names, err := dir.Readdirnames(256)
			for _, name := range names {
				found = true
				if err := r.entry(dir, name, up); err != nil {
					return err
				}
			}
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				return err
			}
		}
		if !found {
			return nil
		}
	}
}

// entry removes one entry of dir, or moves it up.
func (r *remover) entry(dir *os.File, name string, up bool) error {
	if *r.most--; *r.most < 0 {
		return errTooMuch
	}
	at := int(dir.Fd())
	err := unix.Unlinkat(at, name, 0)
	if errors.Is(err, unix.EISDIR) {
		err = unix.Unlinkat(at, name, unix.AT_REMOVEDIR)
	}
	if err == nil || errors.Is(err, unix.ENOENT) {
		return nil
	}
	if !errors.Is(err, unix.ENOTEMPTY) && !errors.Is(err, unix.EEXIST) {
		return err
	}
	if up {
		return r.moveUp(at, name)
	}
	sub, err := openForRemoval(at, name)
	if err != nil {
		return err
	}
	defer sub.Close()
	if err := r.empty(sub, true); err != nil {
		return err
	}
	return unix.Unlinkat(at, name, unix.AT_REMOVEDIR)
}

// moveUp gives a directory a name in the top one. To move it, it must be writable.
func (r *remover) moveUp(at int, name string) error {
	for {
		r.moved++
		err := unix.Renameat2(at, name, int(r.top.Fd()), "."+strconv.Itoa(r.moved), unix.RENAME_NOREPLACE)
		switch {
		case errors.Is(err, unix.EEXIST):
			continue
		case errors.Is(err, unix.EACCES):
			sub, err := openForRemoval(at, name) // makes it writable
			if err != nil {
				return err
			}
			_ = sub.Close()
			return unix.Renameat2(at, name, int(r.top.Fd()), "."+strconv.Itoa(r.moved), unix.RENAME_NOREPLACE)
		}
		return err
	}
}

// openForRemoval opens a directory of which all may be removed, whatever mode it was
// given. A link in its place is not followed.
func openForRemoval(at int, name string) (*os.File, error) {
	const flags = unix.O_DIRECTORY | unix.O_NOFOLLOW | unix.O_CLOEXEC
	pinned, err := unix.Openat(at, name, flags|unix.O_PATH, 0)
	if err != nil {
		return nil, err
	}
	defer unix.Close(pinned)
	if err := unix.Chmod(proc.FD(pinned), 0o700); err != nil {
		return nil, err
	}
	fd, err := unix.Openat(pinned, ".", flags, 0)
	if err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(fd), filepath.Base(name)), nil
}
