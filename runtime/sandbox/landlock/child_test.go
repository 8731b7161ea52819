package landlock_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"
)

// attempts are what the child tries in its yard, by name.
var attempts = map[string]func(yard string) error{
	"read own":             func(y string) error { return read(y, "own/file") },
	"read listed":          func(y string) error { return read(y, "listed/file") },
	"read single":          func(y string) error { return read(y, "single/file") },
	"read beside single":   func(y string) error { return read(y, "single/other") },
	"read foreign":         func(y string) error { return read(y, "foreign/file") },
	"read program":         func(y string) error { return read(y, "bin/nothing") },
	"list listed":          func(y string) error { return list(y, "listed") },
	"list foreign":         func(y string) error { return list(y, "foreign") },
	"read by symlink":      func(y string) error { return read(y, "own/link") },
	"make symlink abroad":  func(y string) error { return os.Symlink("/etc", filepath.Join(y, "foreign/new")) },
	"make symlink at home": func(y string) error { return os.Symlink(y+"/foreign", filepath.Join(y, "own/newlink")) },
	"create at home":       func(y string) error { return write(y, "own/created") },
	"create in second":     func(y string) error { return write(y, "second/created") },
	"create in folder":     func(y string) error { return write(y, "folder/created") },
	"create in listed":     func(y string) error { return write(y, "listed/created") },
	"create abroad":        func(y string) error { return write(y, "foreign/created") },
	"overwrite listed":     func(y string) error { return write(y, "listed/file") },
	"overwrite foreign":    func(y string) error { return write(y, "foreign/file") },
	"truncate own":         func(y string) error { return os.Truncate(filepath.Join(y, "own/file"), 1) },
	"truncate listed":      func(y string) error { return os.Truncate(filepath.Join(y, "listed/long"), 1) },
	"truncate foreign":     func(y string) error { return os.Truncate(filepath.Join(y, "foreign/long"), 1) },
	"rename within":        func(y string) error { return rename(y, "own/a", "own/b") },
	"rename between":       func(y string) error { return rename(y, "own/c", "second/c") },
	"rename abroad":        func(y string) error { return rename(y, "own/d", "foreign/d") },
	"rename home":          func(y string) error { return rename(y, "foreign/file", "own/e") },
	"link abroad":          func(y string) error { return link(y, "own/file", "foreign/l") },
	"link home":            func(y string) error { return link(y, "foreign/file", "own/l") },
	"remove own":           func(y string) error { return os.Remove(filepath.Join(y, "own/f")) },
	"remove foreign":       func(y string) error { return os.Remove(filepath.Join(y, "foreign/file")) },
	"remove listed":        func(y string) error { return os.Remove(filepath.Join(y, "listed/file")) },
	"make folder":          func(y string) error { return os.Mkdir(filepath.Join(y, "own/dir"), 0o700) },
	"make folder abroad":   func(y string) error { return os.Mkdir(filepath.Join(y, "foreign/dir"), 0o700) },
	"make fifo":            func(y string) error { return unix.Mkfifo(filepath.Join(y, "own/fifo"), 0o600) },
	"make device": func(y string) error {
		return unix.Mknod(filepath.Join(y, "own/null"), unix.S_IFCHR|0o600, int(unix.Mkdev(1, 3)))
	},
	"execute listed":   func(y string) error { return exec.Command(filepath.Join(y, "bin/nothing")).Run() },
	"execute artifact": func(y string) error { return exec.Command(filepath.Join(y, "artifact")).Run() },
	"execute own":      func(y string) error { return exec.Command(filepath.Join(y, "own/nothing")).Run() },
	"execute foreign":  func(y string) error { return exec.Command(filepath.Join(y, "foreign/nothing")).Run() },
	"write device":     func(string) error { return os.WriteFile("/dev/null", []byte("x"), 0o600) },
	"read device":      func(string) error { return read("/dev", "null") },
	"other device":     func(string) error { return os.WriteFile("/dev/zero", []byte("x"), 0o600) },
	"control device":   controlDevice,
	"bind tcp":         func(string) error { return tcp(unix.Bind, 0) },
	"connect tcp":      func(string) error { return tcp(unix.Connect, atoi("LANDLOCK_PORT")) },
	"connect abstract": connectAbstract,
	"signal parent":    func(string) error { return unix.Kill(os.Getppid(), 0) },
	"signal itself":    func(string) error { return unix.Kill(os.Getpid(), 0) },
}

// child puts the ruleset on that is descriptor 3, makes the attempts and prints what came
// of each: nothing, or an error.
func child(yard string) int {
	runtime.LockOSThread()
	if err := restrict(atoi("LANDLOCK_UID"), atoi("LANDLOCK_FLAGS")); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	seen := map[string]string{}
	for name, attempt := range attempts {
		seen[name] = ""
		if err := attempt(yard); err != nil {
			seen[name] = reason(err)
		}
	}
	if err := json.NewEncoder(os.Stdout).Encode(seen); err != nil {
		return 1
	}
	return 0
}

func restrict(uid, flags int) error {
	if uid != os.Getuid() {
		if err := syscall.Setgroups(nil); err != nil {
			return err
		}
		if err := errors.Join(syscall.Setresgid(uid, uid, uid), syscall.Setresuid(uid, uid, uid)); err != nil {
			return err
		}
	}
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return err
	}
	if _, _, errno := unix.Syscall(unix.SYS_LANDLOCK_RESTRICT_SELF, 3, uintptr(flags), 0); errno != 0 {
		return fmt.Errorf("landlock_restrict_self: %w", errno)
	}
	return nil
}

// reason is the errno in err by its name, or what else is in it.
func reason(err error) string {
	if errno, ok := errors.AsType[syscall.Errno](err); ok {
		return unix.ErrnoName(errno)
	}
	return err.Error()
}

func atoi(key string) int {
	n, err := strconv.Atoi(os.Getenv(key))
	if err != nil {
		panic(err)
	}
	return n
}

func read(y, name string) error {
	_, err := os.ReadFile(filepath.Join(y, name))
	return err
}

func list(y, name string) error {
	_, err := os.ReadDir(filepath.Join(y, name))
	return err
}

func write(y, name string) error {
	f, err := os.OpenFile(filepath.Join(y, name), os.O_WRONLY|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	return f.Close()
}

func rename(y, from, to string) error { return os.Rename(filepath.Join(y, from), filepath.Join(y, to)) }

func link(y, from, to string) error { return os.Link(filepath.Join(y, from), filepath.Join(y, to)) }

// controlDevice asks a device what it does not know: without Landlock that is ENOTTY.
func controlDevice(string) error {
	f, err := os.OpenFile("/dev/null", os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	if _, err := unix.IoctlGetTermios(int(f.Fd()), unix.TCGETS); err != unix.ENOTTY {
		return err
	}
	return nil
}

func tcp(do func(int, unix.Sockaddr) error, port int) error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	return do(fd, &unix.SockaddrInet4{Port: port, Addr: [4]byte{127, 0, 0, 1}})
}

func connectAbstract(string) error {
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	return unix.Connect(fd, &unix.SockaddrUnix{Name: os.Getenv("LANDLOCK_SOCKET")})
}
