package sandbox

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"syscall"

	"github.com/segue-run/segue/runtime/module"
)

// users gives modules user ids of their own. Who owns a module's data folder is its
// user, so that the ids are kept without a file of their own.
type users struct {
	dir         string
	first, last uint32

	mu sync.Mutex // one change of owners at a time
}

// of is the user id of a module: that which it had, else one that no other has. It makes
// the module's folder, and gives it with all that is in it to that user.
func (u *users) of(name string) (uint32, error) {
	if name == "" || filepath.Base(name) != name || name == "." || name == ".." {
		return 0, module.Errorf(module.Internal, "the data folder of a module %q", name)
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	own := filepath.Join(u.dir, name)
	if err := os.Mkdir(own, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return 0, fmt.Errorf("make the data folder: %w", err)
	}
	uid, err := u.choose(name)
	if err != nil {
		return 0, err
	}
	if err := handOver(own, uid); err != nil {
		return 0, &module.Error{
			Kind: module.Invalid, Field: "data folder", Value: own, Err: err,
			Msg: "it cannot be given to the module's own user", Hint: "move what is in the way out of it",
		}
	}
	return uid, nil
}

// choose keeps the owner of the module's folder where he is one of ours and no other
// folder's, else takes the first that is free.
func (u *users) choose(name string) (uint32, error) {
	entries, err := os.ReadDir(u.dir)
	if err != nil {
		return 0, fmt.Errorf("see who owns the data folders: %w", err)
	}
	taken := map[uint32]bool{}
	var own uint32
	for _, e := range entries {
		info, err := e.Info()
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return 0, fmt.Errorf("see who owns the data folders: %w", err)
		}
		if uid := info.Sys().(*syscall.Stat_t).Uid; e.Name() == name {
			own = uid
		} else {
			taken[uid] = true
		}
	}
	if own >= u.first && own <= u.last && !taken[own] {
		return own, nil
	}
	for uid := u.first; uid <= u.last; uid++ {
		if !taken[uid] {
			return uid, nil
		}
	}
	return 0, &module.Error{
		Kind: module.Quota, Field: "sandbox.uids", Value: fmt.Sprintf("%d-%d", u.first, u.last),
		Msg: "every user id has a module", Hint: "name a wider range, or remove folders of modules that are gone from " + u.dir,
	}
}

// passable reports the first folder on the way to path, path itself included, that not
// everybody may pass through; empty where there is none.
func passable(path string) (closed string, err error) {
	for dir := path; ; dir = filepath.Dir(dir) {
		info, err := os.Stat(dir)
		if err != nil {
			return dir, err
		}
		if info.Mode().Perm()&0o001 == 0 {
			closed = dir
		}
		if dir == filepath.Dir(dir) {
			return closed, nil
		}
	}
}

// letThrough lets everybody pass through a folder, not look into it.
func letThrough(dir string) error {
	info, err := os.Stat(dir)
	if err != nil || info.Mode().Perm()&0o001 != 0 {
		return err
	}
	return os.Chmod(dir, info.Mode().Perm()|0o011)
}
