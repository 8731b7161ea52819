package sandbox

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// Bounds on what is handed over: a folder that a module filled is not trusted.
const (
	mostHandedOver = 1 << 20
	deepest        = 256
)

// handOver gives a folder, and all that is in it, to a user and his group. It follows no
// link and leaves no file system. A file that has names outside of the folder stays whose
// it is, and is an error: it could be anybody's.
func handOver(dir string, uid uint32) error {
	fd, err := unix.Open(dir, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("open: %w", err)
	}
	f := os.NewFile(uintptr(fd), dir)
	defer f.Close()
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return err
	}
	if st.Uid == uid && st.Gid == uid {
		return nil // the folder itself is given last
	}
	h := handover{uid: uid, device: uint64(st.Dev), names: map[uint64]uint64{}}
	// First it is seen whether all can be given; the second time it is.
	for _, h.give = range []bool{false, true} {
		h.left = mostHandedOver
		if err := h.contents(f, 0); err != nil {
			return err
		}
	}
	if err := unix.Fchmod(fd, 0o700); err != nil {
		return err
	}
	return unix.Fchown(fd, int(uid), int(uid))
}

type handover struct {
	uid    uint32
	device uint64
	give   bool
	left   int               // entries that it may still look at
	names  map[uint64]uint64 // how many names of a file were seen, by its inode
}

// contents hands over what is in dir.
func (h *handover) contents(dir *os.File, depth int) error {
	if depth > deepest {
		return fmt.Errorf("%s: folders in folders, more than %d", dir.Name(), deepest)
	}
	names, err := listed(dir, h.left)
	if err != nil {
		return err
	}
	if h.left -= len(names); h.left <= 0 {
		return fmt.Errorf("%s: more than %d files", dir.Name(), mostHandedOver)
	}
	for _, name := range names {
		if err := h.entry(dir, name, depth); err != nil {
			return err
		}
	}
	if depth == 0 && !h.give {
		return h.outsiders()
	}
	return nil
}

// entry hands over one name in dir, what is below it first.
func (h *handover) entry(dir *os.File, name string, depth int) error {
	path := filepath.Join(dir.Name(), name)
	fd, err := unix.Openat(int(dir.Fd()), name, unix.O_PATH|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	f := os.NewFile(uintptr(fd), path)
	defer f.Close()
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	folder := st.Mode&unix.S_IFMT == unix.S_IFDIR
	switch {
	case uint64(st.Dev) != h.device:
		return fmt.Errorf("%s: another file system is mounted there", path)
	case folder:
		inner, err := unix.Openat(fd, ".", unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
		if err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		in := os.NewFile(uintptr(inner), path)
		err = h.contents(in, depth+1)
		in.Close()
		if err != nil {
			return err
		}
	case st.Nlink > 1 && !h.give:
		if _, seen := h.names[st.Ino]; !seen {
			h.names[st.Ino] = uint64(st.Nlink)
		}
		h.names[st.Ino]--
	}
	if !h.give || st.Uid == h.uid && st.Gid == h.uid {
		return nil
	}
	if err := unix.Fchownat(fd, "", int(h.uid), int(h.uid), unix.AT_EMPTY_PATH); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}

// outsiders refuses files that have names elsewhere.
func (h *handover) outsiders() error {
	for inode, missing := range h.names {
		if missing > 0 {
			return fmt.Errorf("the file with inode %d has a name outside of it: find / -xdev -inum %d", inode, inode)
		}
	}
	return nil
}

// listed are the names in dir, at most n and one more.
func listed(dir *os.File, n int) ([]string, error) {
	if _, err := dir.Seek(0, 0); err != nil {
		return nil, err
	}
	var names []string
	for len(names) <= n {
		some, err := dir.Readdirnames(1024)
		names = append(names, some...)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
	}
	return names, nil
}

// give hands one folder itself over, through its descriptor, which may be O_PATH.
func give(folder *os.File, uid uint32) error {
	if err := unix.Fchownat(int(folder.Fd()), "", int(uid), int(uid), unix.AT_EMPTY_PATH); err != nil {
		return fmt.Errorf("give %s to the module's user: %w", folder.Name(), err)
	}
	return nil
}
