package watchdog

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// Bounds of one look at the folders. What is beyond them is over every quota.
const (
	mostEntries = 1 << 20
	mostPending = 1 << 16 // folders that were seen and not yet looked into
)

// leastCharge is what each entry costs, however little is in it, and each further name of
// a file: a block. So a quota bounds their number, too.
const leastCharge = 4096

// uncountable is more than any quota.
const uncountable = math.MaxInt64

type inode struct{ dev, ino uint64 }

// tally adds up what files take on disk.
type tally struct {
	most    int64 // beyond it nothing is counted
	used    int64
	entries int
	devices []uint64       // of the folders
	linked  map[inode]bool // files with more names than one, each counted once
}

// node is a folder to look into. Paths are made of nodes so that long ones, which a
// module can make, take memory once.
type node struct {
	parent *node
	name   string
}

// path is the folder's, relative to the one that was begun at.
func (n *node) path() string {
	names := []string{}
	for ; n.parent != nil; n = n.parent {
		names = append(names, n.name)
	}
	names = append(names, ".")
	slices.Reverse(names)
	return strings.Join(names, "/")
}

// folder adds what lies in the folder at path, whatever that is; a folder that is not
// there holds nothing. It follows no link, leaves out what is mounted in it, and ends
// early with ctx.
func (t *tally) folder(ctx context.Context, path string) error {
	const flags = unix.O_DIRECTORY | unix.O_NOFOLLOW | unix.O_CLOEXEC
	root, err := unix.Open(path, flags, 0)
	if errors.Is(err, unix.ENOENT) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("open folder %s: %w", path, err)
	}
	defer unix.Close(root)
	var st unix.Stat_t
	if err := unix.Fstat(root, &st); err != nil {
		return fmt.Errorf("open folder %s: %w", path, err)
	}
	t.devices = append(t.devices, uint64(st.Dev))
	how := unix.OpenHow{
		Flags:   flags,
		Resolve: unix.RESOLVE_BENEATH | unix.RESOLVE_NO_SYMLINKS | unix.RESOLVE_NO_MAGICLINKS | unix.RESOLVE_NO_XDEV,
	}
	for pending := []*node{{}}; len(pending) > 0 && t.used <= t.most && ctx.Err() == nil; {
		n := pending[len(pending)-1]
		pending = pending[:len(pending)-1]
		fd, err := unix.Openat2(root, n.path(), &how)
		switch {
		case errors.Is(err, unix.ENAMETOOLONG), len(pending) > mostPending:
			t.used = uncountable
			return nil
		case errors.Is(err, unix.ENOSYS):
			return fmt.Errorf("open folder %s: %w", path, err)
		case err != nil:
			continue // it is gone, or was put elsewhere
		}
		dir := os.NewFile(uintptr(fd), n.name)
		pending = t.entriesOf(ctx, dir, n, pending)
		_ = dir.Close()
	}
	return nil
}

// entriesOf adds the entries of dir, and those that are folders to pending.
func (t *tally) entriesOf(ctx context.Context, dir *os.File, n *node, pending []*node) []*node {
	for t.used <= t.most && ctx.Err() == nil {
		names, err := dir.Readdirnames(256)
		for _, name := range names {
			var st unix.Stat_t
			if unix.Fstatat(int(dir.Fd()), name, &st, unix.AT_SYMLINK_NOFOLLOW) != nil {
				continue
			}
			if st.Mode&unix.S_IFMT == unix.S_IFDIR {
				pending = append(pending, &node{parent: n, name: name})
			}
			t.add(&st)
		}
		if len(pending) > mostPending {
			t.used = uncountable
		}
		if err != nil && !errors.Is(err, io.EOF) || len(names) == 0 {
			break
		}
	}
	return pending
}

// add counts one file.
func (t *tally) add(st *unix.Stat_t) {
	if t.entries++; t.entries > mostEntries {
		t.used = uncountable
	}
	if t.used > t.most {
		return
	}
	if st.Nlink > 1 && st.Mode&unix.S_IFMT == unix.S_IFREG {
		key := inode{uint64(st.Dev), st.Ino}
		if t.linked[key] {
			t.used += leastCharge
			return
		}
		t.linked[key] = true
	}
	const block = 512
	t.used += max(leastCharge, st.Blocks*block)
}

// unnamed adds the files that a process holds open on the folders' file systems and that
// have no name any more. Where its descriptors may not be looked at there are none.
func (t *tally) unnamed(pid int) {
	dir, err := os.Open("/proc/" + strconv.Itoa(pid) + "/fd")
	if err != nil {
		return
	}
	defer dir.Close()
	for {
		names, err := dir.Readdirnames(256)
		for _, name := range names {
			var st unix.Stat_t
			if unix.Fstatat(int(dir.Fd()), name, &st, 0) != nil {
				continue
			}
			if st.Nlink == 0 && st.Mode&unix.S_IFMT == unix.S_IFREG && slices.Contains(t.devices, uint64(st.Dev)) {
				t.once(&st)
			}
		}
		if err != nil || len(names) == 0 {
			return
		}
	}
}

// once counts a file that many descriptors may lead to.
func (t *tally) once(st *unix.Stat_t) {
	key := inode{uint64(st.Dev), st.Ino}
	if !t.linked[key] {
		t.linked[key] = true
		t.add(st)
	}
}
