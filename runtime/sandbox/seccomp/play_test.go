package seccomp_test

import (
	"encoding/json"
	"fmt"
	"os"
	"runtime"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/segue-run/segue/runtime/sandbox/seccomp"
)

// scenarios are what a child does under a filter, by name.
var scenarios = map[string]func() error{
	"attempt": attempt,
	"work":    work,
	"execute": execute,
	"spawn":   spawn,
	"signal":  signalled,
	"listen":  listen,
	"done":    func() error { fmt.Println("done"); return nil },
}

// play becomes the user that it is to be, and plays a scenario on a locked thread.
func play(scenario string) int {
	runtime.LockOSThread()
	if os.Getuid() == 0 && os.Getenv("SECCOMP_NOBODY") != "" {
		for _, err := range []error{
			syscall.Setgroups(nil), syscall.Setresgid(nobody, nobody, nobody), syscall.Setresuid(nobody, nobody, nobody),
		} {
			if err != nil {
				fmt.Fprintln(os.Stderr, err)
				return 1
			}
		}
	}
	if err := scenarios[scenario](); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// policy is the one that the child is to be under. The test cannot know its pid.
func policy() seccomp.Policy {
	var p seccomp.Policy
	if err := json.Unmarshal([]byte(os.Getenv("SECCOMP_POLICY")), &p); err != nil {
		panic(err)
	}
	if p.PID != 0 {
		p.PID = uint32(os.Getpid())
	}
	return p
}

// confine puts the filter on all threads, or, for a listener, on this one.
func confine(flags uintptr) (listener int, err error) {
	code, err := seccomp.Program(policy())
	if err != nil {
		return 0, err
	}
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return 0, err
	}
	prog := unix.SockFprog{Len: uint16(len(code) / unix.SizeofSockFilter), Filter: (*unix.SockFilter)(unsafe.Pointer(&code[0]))}
	fd, _, errno := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, flags, uintptr(unsafe.Pointer(&prog)))
	if errno != 0 {
		return 0, fmt.Errorf("seccomp: %w", errno)
	}
	return int(fd), nil
}

// calls are tried by "attempt". Their arguments are such that the kernel would take none
// of them: what is seen is the filter's answer.
var calls = []struct {
	name string
	nr   uintptr
	args [6]uintptr
	want syscall.Errno
}{
	{"ptrace", unix.SYS_PTRACE, [6]uintptr{9999}, unix.EPERM},
	{"process_vm_readv", unix.SYS_PROCESS_VM_READV, [6]uintptr{0, 0, 0, 0, 0, 1}, unix.EPERM},
	{"mount", unix.SYS_MOUNT, [6]uintptr{}, unix.EPERM},
	{"umount2", unix.SYS_UMOUNT2, [6]uintptr{0, 0xffff}, unix.EPERM},
	{"chroot", unix.SYS_CHROOT, [6]uintptr{}, unix.EPERM},
	{"pivot_root", unix.SYS_PIVOT_ROOT, [6]uintptr{}, unix.EPERM},
	{"fsopen", unix.SYS_FSOPEN, [6]uintptr{}, unix.EPERM},
	{"unshare", unix.SYS_UNSHARE, [6]uintptr{1}, unix.EPERM},
	{"setns", unix.SYS_SETNS, [6]uintptr{1 << 30}, unix.EPERM},
	{"bpf", unix.SYS_BPF, [6]uintptr{9999}, unix.EPERM},
	{"perf_event_open", unix.SYS_PERF_EVENT_OPEN, [6]uintptr{}, unix.EPERM},
	{"userfaultfd", unix.SYS_USERFAULTFD, [6]uintptr{0xffff}, unix.EPERM},
	{"io_uring_setup", unix.SYS_IO_URING_SETUP, [6]uintptr{}, unix.EPERM},
	{"keyctl", unix.SYS_KEYCTL, [6]uintptr{9999}, unix.EPERM},
	{"add_key", unix.SYS_ADD_KEY, [6]uintptr{}, unix.EPERM},
	{"memfd_create", unix.SYS_MEMFD_CREATE, [6]uintptr{}, unix.EPERM},
	{"seccomp", unix.SYS_SECCOMP, [6]uintptr{9999}, unix.EPERM},
	{"reboot", unix.SYS_REBOOT, [6]uintptr{}, unix.EPERM},
	{"init_module", unix.SYS_INIT_MODULE, [6]uintptr{}, unix.EPERM},
	{"kexec_load", unix.SYS_KEXEC_LOAD, [6]uintptr{0, 1, 0, 1 << 20}, unix.EPERM},
	{"swapon", unix.SYS_SWAPON, [6]uintptr{}, unix.EPERM},
	{"sethostname", unix.SYS_SETHOSTNAME, [6]uintptr{0, 9999}, unix.EPERM},
	{"clock_settime", unix.SYS_CLOCK_SETTIME, [6]uintptr{9999}, unix.EPERM},
	{"setgroups", unix.SYS_SETGROUPS, [6]uintptr{1 << 30}, unix.EPERM},
	{"shmget", unix.SYS_SHMGET, [6]uintptr{1, 0, 0}, unix.EPERM},
	{"mq_open", unix.SYS_MQ_OPEN, [6]uintptr{}, unix.EPERM},
	{"open_by_handle_at", unix.SYS_OPEN_BY_HANDLE_AT, [6]uintptr{}, unix.EPERM},
	{"kill everybody", unix.SYS_KILL, [6]uintptr{^uintptr(0), 9999}, unix.EPERM},
	{"kill a group", unix.SYS_KILL, [6]uintptr{0, 9999}, unix.EPERM},
	{"a child", unix.SYS_CLONE, [6]uintptr{unix.CLONE_SIGHAND}, unix.EPERM},
	{"a child in a namespace", unix.SYS_CLONE, [6]uintptr{unix.CLONE_NEWUSER | unix.CLONE_FS | unix.CLONE_THREAD}, unix.EPERM},
	{"clone3", unix.SYS_CLONE3, [6]uintptr{0, 1}, unix.ENOSYS},
	{"execve", unix.SYS_EXECVE, [6]uintptr{}, unix.EPERM},
	{"execveat", unix.SYS_EXECVEAT, [6]uintptr{1 << 30, 0, 0, 0, unix.AT_EMPTY_PATH}, unix.EPERM},
	{"parent death", unix.SYS_PRCTL, [6]uintptr{unix.PR_SET_PDEATHSIG, 9999}, unix.EPERM},
	{"dumpable", unix.SYS_PRCTL, [6]uintptr{unix.PR_SET_DUMPABLE, 9999}, unix.EPERM},
	{"prlimit64", unix.SYS_PRLIMIT64, [6]uintptr{0, 9999, 1}, unix.EPERM},
	{"chmod", unix.SYS_FCHMODAT, [6]uintptr{}, unix.EPERM},
	{"chown", unix.SYS_FCHOWNAT, [6]uintptr{0, 0, 0, 0, 0xffff}, unix.EPERM},
	{"setxattr", unix.SYS_SETXATTR, [6]uintptr{}, unix.EPERM},
	{"sched_setaffinity", unix.SYS_SCHED_SETAFFINITY, [6]uintptr{}, unix.EPERM},
	{"setpriority", unix.SYS_SETPRIORITY, [6]uintptr{9999}, unix.EPERM},
	{"shared memory", unix.SYS_MMAP, [6]uintptr{0, 0, 0, unix.MAP_SHARED | unix.MAP_ANONYMOUS}, unix.EPERM},
	{"a device", unix.SYS_MKNODAT, [6]uintptr{0, 0, unix.S_IFBLK}, unix.EPERM},
	{"TIOCSTI", unix.SYS_IOCTL, [6]uintptr{0, unix.TIOCSTI}, unix.EPERM},
	{"SIOCSIFFLAGS", unix.SYS_IOCTL, [6]uintptr{1 << 30, unix.SIOCSIFFLAGS}, unix.EPERM},
	{"a lease", unix.SYS_FCNTL, [6]uintptr{0, unix.F_SETLEASE, 9999}, unix.EPERM},
	{"TCP", unix.SYS_SOCKET, [6]uintptr{inet, stream}, unix.EACCES},
	{"UDP", unix.SYS_SOCKET, [6]uintptr{inet6, dgram}, unix.EACCES},
	{"raw", unix.SYS_SOCKET, [6]uintptr{inet, unix.SOCK_RAW, 1}, unix.EACCES},
	{"MPTCP", unix.SYS_SOCKET, [6]uintptr{inet, stream, unix.IPPROTO_MPTCP}, unix.EPROTONOSUPPORT},
	{"netlink", unix.SYS_SOCKET, [6]uintptr{unix.AF_NETLINK, unix.SOCK_RAW}, unix.EACCES},
	{"vsock", unix.SYS_SOCKET, [6]uintptr{unix.AF_VSOCK, stream}, unix.EACCES},
	{"a unix datagram", unix.SYS_SOCKET, [6]uintptr{local, dgram}, unix.EACCES},
	{"connect", unix.SYS_CONNECT, [6]uintptr{1 << 30}, unix.EACCES},
	{"sendto", unix.SYS_SENDTO, [6]uintptr{1 << 30, 0, 0, 0, 1, 1}, unix.EACCES},
	{"fast open", unix.SYS_SENDMSG, [6]uintptr{1 << 30, 0, unix.MSG_FASTOPEN}, unix.EACCES},
	{"lingering", unix.SYS_SETSOCKOPT, [6]uintptr{1 << 30, unix.SOL_SOCKET, unix.SO_LINGER}, unix.EPERM},
	{"a longer queue to send", unix.SYS_SETSOCKOPT, [6]uintptr{1 << 30, unix.SOL_SOCKET, unix.SO_SNDBUF}, unix.EPERM},
	{"a longer queue to receive", unix.SYS_SETSOCKOPT, [6]uintptr{1 << 30, unix.SOL_SOCKET, unix.SO_RCVBUF}, unix.EPERM},
	{"another option", unix.SYS_SETSOCKOPT, [6]uintptr{1 << 30, unix.SOL_SOCKET, unix.SO_KEEPALIVE}, unix.EBADF},
	{"inotify", unix.SYS_INOTIFY_INIT1, [6]uintptr{9999}, unix.ENOSYS},
	{"unknown", 999, [6]uintptr{}, unix.ENOSYS},
}

// attempt makes all calls under a filter and prints what came of each.
func attempt() error {
	if _, err := confine(unix.SECCOMP_FILTER_FLAG_TSYNC); err != nil {
		return err
	}
	seen := map[string]syscall.Errno{}
	for _, c := range calls {
		_, _, seen[c.name] = unix.Syscall6(c.nr, c.args[0], c.args[1], c.args[2], c.args[3], c.args[4], c.args[5])
	}
	return json.NewEncoder(os.Stdout).Encode(seen)
}
