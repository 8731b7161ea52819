package sandbox

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/segue-run/segue/runtime/module"
)

const (
	mostLinks = 40  // that a path leads through, as many as the kernel follows
	maxTarget = 200 // bytes of a link's target that are told
)

// walk goes along a path from the root folder, one name at a time, and opens each. What
// it judges is what it has opened: nothing that changes meanwhile leads it elsewhere.
type walk struct {
	asRoot bool     // modules run as root here
	at     *os.File // O_PATH; its name is its path, without links
	// kept says that at, and each folder on the way to it, is root's and lets nobody else
	// write: nobody else has put anything into it, or it elsewhere.
	kept  bool
	links int // that were followed
}

// find opens what an absolute path names, as O_PATH. The caller closes it.
//
// A symbolic link on the way is followed only where no module, not one of earlier, can
// have made it: it is root's, and so is each folder on the way to it, in which nobody else
// may write. Where modules run as root themselves it must lie in the root folder, which
// no grant opens. Any other link is refused by a module.Error.
func (s paths) find(path string) (*os.File, error) {
	w := walk{asRoot: s.asRoot}
	if err := w.begin(); err != nil {
		return nil, err
	}
	for names := strings.Split(path, "/"); len(names) > 0; {
		name := names[0]
		names = names[1:]
		if name == "" || name == "." {
			continue
		}
		target, err := w.step(name)
		if err == nil && strings.HasPrefix(target, "/") {
			err = w.begin()
		}
		if err != nil {
			w.at.Close()
			return nil, err
		}
		if target != "" {
			names = append(strings.Split(target, "/"), names...)
		}
	}
	return w.at, nil
}

// begin goes to the root folder.
func (w *walk) begin() error {
	root, err := os.OpenFile("/", unix.O_PATH|unix.O_DIRECTORY, 0)
	if err != nil {
		return fmt.Errorf("open the root folder: %w", err)
	}
	w.kept = true
	return w.to(root)
}

// to goes to next, which is not a link and the walk's from now on.
func (w *walk) to(next *os.File) error {
	if w.at != nil {
		w.at.Close()
	}
	w.at = next
	var st unix.Stat_t
	if err := unix.Fstat(int(next.Fd()), &st); err != nil {
		return fmt.Errorf("look at %s: %w", next.Name(), err)
	}
	// An access list that lets others write shows in the bits of the group.
	w.kept = w.kept && st.Uid == 0 && st.Mode&0o022 == 0
	return nil
}

// step goes on to a name in the folder, or says where the link of that name leads.
func (w *walk) step(name string) (target string, err error) {
	path := filepath.Join(w.at.Name(), name)
	fd, err := unix.Openat(int(w.at.Fd()), name, unix.O_PATH|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return "", &fs.PathError{Op: "open", Path: path, Err: err}
	}
	f := os.NewFile(uintptr(fd), path)
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		f.Close()
		return "", fmt.Errorf("look at %s: %w", path, err)
	}
	if st.Mode&unix.S_IFMT != unix.S_IFLNK {
		return "", w.to(f)
	}
	defer f.Close()
	text := make([]byte, unix.PathMax)
	n, err := unix.Readlinkat(fd, "", text)
	if err != nil {
		return "", &fs.PathError{Op: "readlink", Path: path, Err: err}
	}
	if target = string(text[:n]); target == "" {
		return "", &fs.PathError{Op: "readlink", Path: path, Err: unix.ENOENT}
	}
	if !w.kept || st.Uid != 0 || w.asRoot && w.at.Name() != "/" {
		return "", &module.Error{
			Kind: module.Denied,
			Msg:  fmt.Sprintf("%s leads to %q", path, module.Clip(target, maxTarget)),
			Err:  ErrLink,
			Hint: "ask for the real path, and grant that; only links of root's in folders of root's are followed",
		}
	}
	if w.links++; w.links > mostLinks {
		return "", &fs.PathError{Op: "open", Path: path, Err: unix.ELOOP}
	}
	return target, nil
}
