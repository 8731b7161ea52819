package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/segue-run/segue/plugins/chaos/escape/attack"
)

// secret is the file in a folder of others.
func (t target) secret(folder string) string { return filepath.Join(t.Get(folder), "secret") }

// read reads a little of a file.
func read(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	b := make([]byte, 200)
	n, err := f.Read(b)
	if err != nil {
		return "", err
	}
	return string(b[:n]), nil
}

// readable is the verdict on reading any of the files.
func readable(paths ...string) verdict {
	var steps []step
	for _, path := range paths {
		steps = append(steps, step{"read " + path, func() error { _, err := read(path); return err }})
	}
	if len(steps) == 0 {
		return stopped("%v", errNothing)
	}
	return each(steps...)
}

func hugeFile(target) verdict {
	path := own("huge")
	f, err := os.Create(path)
	if err != nil {
		return stopped("create: %v", err)
	}
	defer os.Remove(path)
	defer f.Close()
	block := make([]byte, 1<<20)
	for n := range 64 {
		if _, err := f.Write(block); err != nil {
			return stopped("%d MiB, then %v", n, err)
		}
	}
	return escaped("64 MiB in one file")
}

func sparseFile(target) verdict {
	path := own("sparse")
	f, err := os.Create(path)
	if err != nil {
		return stopped("create: %v", err)
	}
	defer os.Remove(path)
	defer f.Close()
	return each(
		step{"ftruncate", func() error { return f.Truncate(1 << 40) }},
		step{"write at its end", func() error { _, err := f.WriteAt([]byte{0}, 1<<40); return err }},
	)
}

// preallocate has blocks given to a file that stays as short as it is.
func preallocate(target) verdict {
	path := own("reserved")
	f, err := os.Create(path)
	if err != nil {
		return stopped("create: %v", err)
	}
	defer os.Remove(path)
	defer f.Close()
	return each(
		step{"fallocate", func() error { return unix.Fallocate(int(f.Fd()), 0, 0, 64<<20) }},
		step{"fallocate KEEP_SIZE", func() error { return unix.Fallocate(int(f.Fd()), unix.FALLOC_FL_KEEP_SIZE, 0, 64<<20) }},
	)
}

// fillDisk writes more than its quota and waits for who minds.
func fillDisk(target) verdict {
	block := make([]byte, 1<<20)
	defer func() {
		for n := range 64 {
			_ = os.Remove(own(fmt.Sprintf("fill-%d", n)))
		}
	}()
	for n := range 64 {
		if err := os.WriteFile(own(fmt.Sprintf("fill-%d", n)), block, 0o600); err != nil {
			return stopped("%d MiB, then %v", n, err)
		}
	}
	// Who looks from outside comes a moment later.
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		if err := os.WriteFile(own("fill-0"), block, 0o600); err != nil {
			return stopped("64 MiB, then %v", err)
		}
	}
	return escaped("64 MiB, and nobody minds")
}

// manyFiles makes files that hold nothing, some thousands at a time: who minds looks from
// outside, and comes a moment later. Where it is killed the files stay.
func manyFiles(target) verdict {
	const most, rounds = 20_000, 5
	dir := own("many")
	if err := os.Mkdir(dir, 0o700); err != nil {
		return stopped("mkdir: %v", err)
	}
	defer os.RemoveAll(dir)
	for n := range most * rounds {
		f, err := os.Create(filepath.Join(dir, fmt.Sprint(n)))
		if err != nil {
			return stopped("%d files, then %v", n, err)
		}
		_ = f.Close()
		if (n+1)%most == 0 {
			time.Sleep(3 * time.Second)
		}
	}
	return escaped("%d files, and nobody minds", most*rounds)
}

func readOutside(target) verdict { return readable("/etc/passwd", "/etc/shadow", "/root/.bashrc") }

func writeOutside(t target) verdict {
	path := filepath.Join(t.Get(attack.Outside), "escaped")
	defer os.Remove(path)
	return failed("write "+path, os.WriteFile(path, nil, 0o600))
}

func truncateOutside(t target) verdict {
	path := filepath.Join(t.Get(attack.Outside), "scrap")
	return each(
		step{"truncate", func() error { return os.Truncate(path, 1) }},
		step{"open with O_TRUNC", func() error {
			f, err := os.OpenFile(path, os.O_WRONLY|os.O_TRUNC, 0)
			if err == nil {
				_ = f.Close()
			}
			return err
		}},
	)
}

func dotDot(target) verdict {
	up := strings.Repeat("../", 40)
	return readable(up+"etc/passwd", own(up+"etc/passwd"), "/proc/self/root/etc/passwd", "/proc/self/cwd/"+up+"etc/passwd")
}

func symlinkOut(t target) verdict {
	var paths []string
	for n, to := range []string{t.secret(attack.Outside), "/etc/passwd", "/proc/1/environ"} {
		link := own(fmt.Sprintf("link-%d", n))
		defer os.Remove(link)
		if err := os.Symlink(to, link); err == nil {
			paths = append(paths, link)
		}
	}
	return readable(paths...)
}

// symlinkTrap lays links that whoever walks these folders must not follow; the host walks
// them to count what they hold, and to remove them.
func symlinkTrap(t target) verdict {
	var errs []error
	for _, place := range []func(string) string{own, scratch} {
		_ = os.Remove(place("trap"))
		errs = append(errs, os.Symlink(t.Get(attack.Outside), place("trap")), os.MkdirAll(place("deep/deeper"), 0o700))
		_ = os.Remove(place("deep/deeper/loop"))
		errs = append(errs, os.Symlink(place("deep"), place("deep/deeper/loop")))
	}
	if err := errors.Join(errs...); err != nil {
		return contained("some links are laid: %v", err)
	}
	return contained("the links are laid")
}

func hardlinkOut(t target) verdict {
	path := own("hard")
	defer os.Remove(path)
	return each(
		step{"link", func() error { return os.Link(t.secret(attack.Outside), path) }},
		step{"link through /proc/self/fd", func() error {
			f, err := os.OpenFile(t.secret(attack.Outside), unix.O_PATH, 0)
			if err != nil {
				return err
			}
			defer f.Close()
			return unix.Linkat(unix.AT_FDCWD, fmt.Sprintf("/proc/self/fd/%d", f.Fd()), unix.AT_FDCWD, path, unix.AT_SYMLINK_FOLLOW)
		}},
	)
}

func renameOut(t target) verdict {
	from, to := own("moved"), filepath.Join(t.Get(attack.Outside), "moved")
	if err := os.WriteFile(from, nil, 0o600); err != nil {
		return stopped("create: %v", err)
	}
	defer os.Remove(from)
	defer os.Remove(to)
	return each(
		step{"rename", func() error { return os.Rename(from, to) }},
		step{"exchange", func() error {
			return unix.Renameat2(unix.AT_FDCWD, from, unix.AT_FDCWD, filepath.Join(t.Get(attack.Outside), "scrap"), unix.RENAME_EXCHANGE)
		}},
	)
}

// The mode and the owner are those that the file has.
func changeMode(t target) verdict {
	return each(
		step{"chmod", func() error { return os.Chmod(t.secret(attack.Outside), 0o644) }},
		step{"fchmodat2", func() error {
			return raw(unix.SYS_FCHMODAT2, uintptr(^uint(99)), text(t.secret(attack.Outside)), 0o644, 0)
		}},
	)
}

func changeOwner(t target) verdict {
	path := t.secret(attack.Outside)
	return each(
		step{"chown", func() error { return os.Chown(path, -1, -1) }},
		step{"lchown to itself", func() error { return os.Lchown(path, os.Getuid(), os.Getgid()) }},
	)
}

func changeTimes(t target) verdict {
	now := time.Now()
	return failed("utimensat", os.Chtimes(t.secret(attack.Outside), now, now))
}

func watchOutside(target) verdict {
	fd, err := unix.InotifyInit1(unix.IN_CLOEXEC)
	if err != nil {
		return stopped("inotify_init1: %v", err)
	}
	defer unix.Close(fd)
	_, err = unix.InotifyAddWatch(fd, "/etc", unix.IN_ALL_EVENTS)
	return failed("inotify_add_watch", err)
}

func statOutside(target) verdict {
	info, err := os.Stat("/etc/passwd")
	if err != nil {
		return stopped("%v", err)
	}
	return escaped("/etc/passwd has %d bytes", info.Size())
}
