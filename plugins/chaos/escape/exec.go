package main

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// start starts a program and gives what it printed.
func start(path string, args ...string) (string, error) {
	cmd := exec.Command(path, args...)
	cmd.WaitDelay = time.Second
	out, err := cmd.Output()
	return strings.TrimSpace(string(out)), err
}

func execShell(target) verdict {
	out, err := start("/bin/sh", "-c", "echo a shell; id")
	if err != nil {
		return stopped("%v", err)
	}
	return escaped("%s", out)
}

// execSetuid starts a program that belongs to root and runs as such for everybody.
func execSetuid(target) verdict {
	var errs []error
	for _, path := range []string{"/bin/su", "/usr/bin/su", "/usr/bin/passwd", "/bin/mount", "/usr/bin/mount"} {
		out, err := start(path, "--version")
		if err == nil {
			return escaped("%s: %s", path, out)
		}
		errs = append(errs, err)
	}
	return stopped("%v", errors.Join(errs...))
}

// execAgain ends this process where it works: the program then finds itself executed.
func execAgain(target) verdict {
	return each(
		step{"execve", func() error {
			return unix.Exec("/proc/self/exe", []string{"escape", executed}, os.Environ())
		}},
		step{"execveat", func() error {
			f, err := os.Open("/proc/self/exe")
			if err != nil {
				return err
			}
			defer f.Close()
			return execveat(int(f.Fd()), "", executed)
		}},
	)
}

// execveat executes in this process's place: a descriptor, where the path is empty.
func execveat(fd int, path, flag string) error {
	file := append([]byte(path), 0)
	name, argument := append([]byte("escape"), 0), append([]byte(flag), 0)
	argv := []*byte{&name[0], &argument[0], nil}
	env := []*byte{nil}
	_, _, errno := unix.RawSyscall6(unix.SYS_EXECVEAT, uintptr(fd), uintptr(unsafe.Pointer(&file[0])),
		uintptr(unsafe.Pointer(&argv[0])), uintptr(unsafe.Pointer(&env[0])), unix.AT_EMPTY_PATH, 0)
	runtime.KeepAlive(file)
	runtime.KeepAlive(name)
	runtime.KeepAlive(argument)
	if errno != 0 {
		return errno
	}
	return nil
}

// execSlot looks for the number under which the launcher executed: at the limit of open
// files or above it.
func execSlot(target) verdict {
	var limit unix.Rlimit
	if err := unix.Prlimit(0, unix.RLIMIT_NOFILE, nil, &limit); err != nil {
		limit.Max = 128
	}
	f, err := os.Open(program())
	if err != nil {
		if f, err = os.Create(own("program")); err != nil {
			return stopped("nothing to execute: %v", err)
		}
	}
	defer f.Close()
	var said []string
	for n := int(limit.Max); n < int(limit.Max)+16; n++ {
		duplicated := unix.Dup3(int(f.Fd()), n, unix.O_CLOEXEC)
		executed := execveat(n, "", executed)
		if duplicated == nil {
			return escaped("descriptor %d can be taken", n)
		}
		if len(said) == 0 {
			said = append(said, "dup3 to "+strconv.Itoa(n)+": "+duplicated.Error(), "execveat: "+executed.Error())
		}
	}
	return stopped("%s", strings.Join(said, "; "))
}

// execAbsolute names a path beside each number that the filter may let pass: the kernel
// takes the path. A shell in this process's place ends it.
func execAbsolute(target) verdict {
	var limit unix.Rlimit
	if err := unix.Prlimit(0, unix.RLIMIT_NOFILE, nil, &limit); err != nil {
		limit.Max = 128
	}
	var last error
	for n := int(limit.Max); n < int(limit.Max)+16; n++ {
		if last = execveat(n, "/bin/sh", "-c"); last == nil {
			return escaped("execveat %d /bin/sh worked", n)
		}
	}
	return stopped("execveat: %v", last)
}

// program is the path of this executable, as far as it can be found out.
func program() string {
	path, err := os.Readlink("/proc/self/exe")
	if err != nil {
		return filepath.Clean("/proc/self/exe")
	}
	return path
}

func memfdExec(target) verdict {
	fd, err := unix.MemfdCreate("program", 0)
	if err != nil {
		return stopped("memfd_create: %v", err)
	}
	f := os.NewFile(uintptr(fd), "program")
	defer f.Close()
	script := "#!/bin/sh\necho " + executed + "\n"
	if _, err := f.WriteString(script); err != nil {
		return stopped("write: %v", err)
	}
	out, err := start("/proc/self/fd/" + strconv.Itoa(fd))
	if err == nil {
		return escaped("%s", out)
	}
	return failed("execveat", execveat(fd, "", executed))
}
