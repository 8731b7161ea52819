package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/segue-run/segue/plugins/chaos/escape/attack"
	"github.com/segue-run/segue/sdk/wire"
)

// expected are the variables that a module of its own kind has.
var expected = []string{"SEGUE_", "LISTEN_", "PLUGIN_", "GOMEMLIMIT", "GOMAXPROCS", "TMPDIR", "HOME", "PATH", "LANG", "TZ", "GODEBUG", "GOTRACEBACK"}

func ownEnvironment(target) verdict {
	var found []string
	for _, entry := range os.Environ() {
		name, _, _ := strings.Cut(entry, "=")
		known := false
		for _, e := range expected {
			known = known || name == e || strings.HasSuffix(e, "_") && strings.HasPrefix(name, e)
		}
		if !known {
			found = append(found, name)
		}
	}
	if len(found) > 0 {
		return escaped("%s", strings.Join(found, " "))
	}
	return stopped("%d variables, all of them its own", len(os.Environ()))
}

// inheritedDescriptors looks for what is neither announced nor its own. What this process
// opened itself has been opened since: sockets of connections, and what Go's runtime needs.
func inheritedDescriptors(target) verdict {
	var found, known []string
	for fd := range 1024 {
		var st unix.Stat_t
		if unix.Fstat(fd, &st) != nil {
			continue
		}
		kind := map[uint32]string{
			unix.S_IFREG: "file", unix.S_IFDIR: "folder", unix.S_IFCHR: "device", unix.S_IFBLK: "disk",
			unix.S_IFIFO: "pipe", unix.S_IFSOCK: "socket", unix.S_IFLNK: "link", 0: "anonymous",
		}[st.Mode&unix.S_IFMT]
		name := fmt.Sprintf("%d:%s", fd, kind)
		switch {
		case fd <= wire.LinkFD, kind == "socket" && local(fd), kind == "anonymous", kind == "pipe", kind == "file" && runtimeFile(fd):
			known = append(known, name)
		default:
			found = append(found, name)
		}
	}
	if len(found) > 0 {
		return escaped("%s beside %s", strings.Join(found, " "), strings.Join(known, " "))
	}
	return stopped("nothing beside %s", strings.Join(known, " "))
}

// local reports whether the descriptor is a unix socket.
func local(fd int) bool {
	address, err := unix.Getsockname(fd)
	_, unixSocket := address.(*unix.SockaddrUnix)
	return err == nil && unixSocket
}

// runtimeFile reports whether the descriptor is a file that Go's runtime keeps open: it
// reads the limits of its cgroup.
func runtimeFile(fd int) bool {
	var st unix.Statfs_t
	return unix.Fstatfs(fd, &st) == nil &&
		(int64(st.Type) == unix.CGROUP_SUPER_MAGIC || int64(st.Type) == unix.CGROUP2_SUPER_MAGIC || int64(st.Type) == unix.PROC_SUPER_MAGIC)
}

func hostEnvironment(t target) verdict {
	return readable(t.proc(attack.HostPID, "environ"), fmt.Sprintf("/proc/%d/environ", os.Getppid()), "/proc/1/environ")
}

// scanProc reads of every process that is not this one.
func scanProc(target) verdict {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		// It need not be listed to be guessed.
		var paths []string
		for pid := 1; pid < 200; pid++ {
			paths = append(paths, fmt.Sprintf("/proc/%d/cmdline", pid))
		}
		for _, path := range paths {
			if got, err := read(path); err == nil && path != fmt.Sprintf("/proc/%d/cmdline", os.Getpid()) {
				return escaped("%s: %q", path, got)
			}
		}
		return stopped("%v; and nothing to be guessed", err)
	}
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil || pid == os.Getpid() {
			continue
		}
		for _, file := range []string{"environ", "cmdline"} {
			if got, err := read(filepath.Join("/proc", e.Name(), file)); err == nil {
				return escaped("/proc/%d/%s: %q", pid, file, got)
			}
		}
	}
	return stopped("%d entries, and none of them tells", len(entries))
}

func hostMemory(t target) verdict {
	return each(
		step{"open mem", func() error { return opens(t.proc(attack.HostPID, "mem"), os.O_RDONLY) }},
		step{"open maps", func() error { _, err := read(t.proc(attack.HostPID, "maps")); return err }},
		step{"open mem of the parent", func() error { return opens(fmt.Sprintf("/proc/%d/mem", os.Getppid()), os.O_RDONLY) }},
	)
}

func readHostMemory(t target) verdict { return readMemory(t.pid(attack.HostPID)) }

// readMemory reads where a Go program without position independence has its code.
func readMemory(pid int) verdict {
	b := make([]byte, 64)
	local := []unix.Iovec{{Base: &b[0]}}
	local[0].SetLen(len(b))
	return failed("process_vm_readv", func() error {
		_, err := unix.ProcessVMReadv(pid, local, []unix.RemoteIovec{{Base: 0x400000, Len: len(b)}}, 0)
		if errors.Is(err, unix.EFAULT) { // it may, and nothing lies there
			return nil
		}
		return err
	}())
}

func hostDescriptors(t target) verdict {
	return each(
		step{"pidfd_getfd", func() error {
			pidfd, err := unix.PidfdOpen(t.pid(attack.HostPID), 0)
			if err != nil {
				return err
			}
			defer unix.Close(pidfd)
			for fd := range 16 {
				got, err := unix.PidfdGetfd(pidfd, fd, 0)
				if err == nil {
					return unix.Close(got)
				}
				if !errors.Is(err, unix.EBADF) {
					return err
				}
			}
			return errNothing
		}},
		step{"open /proc/PID/fd", func() error { _, err := os.ReadDir(t.proc(attack.HostPID, "fd")); return err }},
	)
}

func readState(t target) verdict {
	state := t.Get(attack.State)
	steps := []step{{"list " + state, func() error { _, err := os.ReadDir(state); return err }}}
	for _, name := range []string{"run", "artifacts", "data", "jetstream", "token", "tokens"} {
		path := filepath.Join(state, name)
		steps = append(steps, step{"list " + name, func() error { _, err := os.ReadDir(path); return err }},
			step{"read " + name, func() error { _, err := read(path); return err }},
			step{"write in " + name, func() error {
				defer os.Remove(filepath.Join(path, "escaped"))
				return os.WriteFile(filepath.Join(path, "escaped"), nil, 0o600)
			}})
	}
	return each(steps...)
}

func touchAudit(t target) verdict {
	dir := filepath.Join(t.Get(attack.State), "jetstream")
	return each(
		step{"list " + dir, func() error { _, err := os.ReadDir(dir); return err }},
		step{"make a file in " + dir, func() error {
			defer os.Remove(filepath.Join(dir, "escaped"))
			return os.WriteFile(filepath.Join(dir, "escaped"), nil, 0o600)
		}},
	)
}

func readOtherData(t target) verdict {
	return each(
		step{"list", func() error { _, err := os.ReadDir(t.Get(attack.Data)); return err }},
		step{"read", func() error { _, err := read(t.secret(attack.Data)); return err }},
		step{"write", func() error {
			return opens(t.secret(attack.Data), os.O_WRONLY)
		}},
	)
}

func siblingMemory(t target) verdict {
	v := readable(t.proc(attack.SiblingPID, "environ"), t.proc(attack.SiblingPID, "maps"))
	w := readMemory(t.pid(attack.SiblingPID))
	if w.outcome == attack.Escaped {
		return w
	}
	return verdict{v.outcome, v.detail + "; " + w.detail}
}
