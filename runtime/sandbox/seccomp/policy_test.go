package seccomp_test

import (
	"fmt"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/segue-run/segue/runtime/sandbox/seccomp"
)

// What a program returns.
const (
	allow  = uint32(unix.SECCOMP_RET_ALLOW)
	notify = uint32(unix.SECCOMP_RET_USER_NOTIF)
)

func errno(e unix.Errno) uint32 { return unix.SECCOMP_RET_ERRNO | uint32(e) }

// The policies that a module is held in by.
var (
	strict   = seccomp.Policy{ExecFD: execFD}
	watched  = seccomp.Policy{ExecFD: execFD, Notify: true}
	network  = seccomp.Policy{ExecFD: execFD, Notify: true, Network: true}
	spawning = seccomp.Policy{Spawn: true}
	everyone = []seccomp.Policy{strict, watched, network, spawning}
)

const inet, inet6, local, stream, dgram = unix.AF_INET, unix.AF_INET6, unix.AF_UNIX, unix.SOCK_STREAM, unix.SOCK_DGRAM

// verdicts are what the policies come to under strict, watched, network and spawning;
// where fewer are given the last holds for the rest.
var verdicts = []struct {
	call string
	args []uint64
	want []uint32
}{
	{"read", nil, []uint32{allow}},
	{"openat", []uint64{0, 0, unix.O_RDWR | unix.O_CREAT | unix.O_TRUNC}, []uint32{allow}},
	{"futex", nil, []uint32{allow}},
	{"tgkill", []uint64{12, 12, 23}, []uint32{allow}},

	{"ptrace", nil, []uint32{errno(unix.EPERM), notify, notify, errno(unix.EPERM)}},
	{"mount", nil, []uint32{errno(unix.EPERM), notify, notify, errno(unix.EPERM)}},
	{"fsopen", nil, []uint32{errno(unix.EPERM), notify, notify, errno(unix.EPERM)}},
	{"unshare", []uint64{unix.CLONE_NEWUSER}, []uint32{errno(unix.EPERM), notify, notify, errno(unix.EPERM)}},
	{"setns", nil, []uint32{errno(unix.EPERM), notify, notify, errno(unix.EPERM)}},
	{"bpf", nil, []uint32{errno(unix.EPERM), notify, notify, errno(unix.EPERM)}},
	{"io_uring_setup", nil, []uint32{errno(unix.EPERM), notify, notify, errno(unix.EPERM)}},
	{"keyctl", nil, []uint32{errno(unix.EPERM), notify, notify, errno(unix.EPERM)}},
	{"memfd_create", nil, []uint32{errno(unix.EPERM), notify, notify, errno(unix.EPERM)}},
	{"setsid", nil, []uint32{errno(unix.EPERM), notify, notify, errno(unix.EPERM)}},
	{"seccomp", nil, []uint32{errno(unix.EPERM), notify, notify, errno(unix.EPERM)}},
	{"setuid", nil, []uint32{errno(unix.EPERM), notify, notify, errno(unix.EPERM)}},
	{"chmod", nil, []uint32{errno(unix.EPERM)}},
	{"fchmodat2", nil, []uint32{errno(unix.EPERM)}},
	{"fchown", nil, []uint32{errno(unix.EPERM)}},
	{"fallocate", []uint64{3, 0}, []uint32{allow}},
	{"fallocate", []uint64{3, 3}, []uint32{allow}}, // a hole
	{"fallocate", []uint64{3, 1}, []uint32{errno(unix.EPERM)}},
	{"fallocate", []uint64{3, 0x11}, []uint32{errno(unix.EPERM)}},
	{"utimensat", []uint64{3, 0, 1}, []uint32{allow}},
	{"utimensat", []uint64{0xffffff9c, 1 << 32, 1}, []uint32{errno(unix.EPERM)}},
	{"sched_setaffinity", nil, []uint32{errno(unix.EPERM)}},
	{"setpriority", nil, []uint32{errno(unix.EPERM)}},
	{"clone3", nil, []uint32{errno(unix.ENOSYS)}},
	{"inotify_init", nil, []uint32{errno(unix.ENOSYS)}},
	{"inotify_init1", []uint64{unix.IN_CLOEXEC}, []uint32{errno(unix.ENOSYS)}},
	{"inotify_add_watch", nil, []uint32{errno(unix.ENOSYS)}},
	{"io_setup", nil, []uint32{errno(unix.ENOSYS)}},

	{"fork", nil, []uint32{errno(unix.EPERM), notify, notify, allow}},
	{"vfork", nil, []uint32{errno(unix.EPERM), notify, notify, allow}},
	{"execve", nil, []uint32{errno(unix.EPERM), notify, notify, allow}},
	{"execveat", []uint64{execFD, 1, 1, 1, unix.AT_EMPTY_PATH}, []uint32{allow}},
	{"execveat", []uint64{execFD, 1, 1, 1, 0}, []uint32{errno(unix.EPERM), notify, notify, allow}},
	{"execveat", []uint64{execFD, 1, 1, 1, unix.AT_EMPTY_PATH | unix.AT_SYMLINK_NOFOLLOW}, []uint32{errno(unix.EPERM), notify, notify, allow}},
	{"execveat", []uint64{execFD - 1, 1, 1, 1, unix.AT_EMPTY_PATH}, []uint32{errno(unix.EPERM), notify, notify, allow}},
	{"execveat", []uint64{0xffffff9c, 1, 1, 1, unix.AT_EMPTY_PATH}, []uint32{errno(unix.EPERM), notify, notify, allow}},
	{"clone", []uint64{unix.CLONE_THREAD | unix.CLONE_VM | unix.CLONE_SIGHAND}, []uint32{allow}},
	{"clone", []uint64{uint64(unix.SIGCHLD)}, []uint32{errno(unix.EPERM), notify, notify, allow}},
	{"clone", []uint64{unix.CLONE_VFORK | unix.CLONE_VM | unix.CLONE_PIDFD}, []uint32{errno(unix.EPERM), notify, notify, allow}},
	{"clone", []uint64{unix.CLONE_PARENT}, []uint32{errno(unix.EPERM), notify, notify, errno(unix.EPERM)}},
	{"clone", []uint64{unix.CLONE_THREAD | unix.CLONE_NEWUSER}, []uint32{errno(unix.EPERM), notify, notify, errno(unix.EPERM)}},
	{"clone", []uint64{unix.CLONE_NEWNS}, []uint32{errno(unix.EPERM), notify, notify, errno(unix.EPERM)}},
	{"clone", []uint64{unix.CLONE_NEWNET}, []uint32{errno(unix.EPERM), notify, notify, errno(unix.EPERM)}},
	{"pidfd_open", nil, []uint32{errno(unix.EPERM), errno(unix.EPERM), errno(unix.EPERM), allow}},
	{"pidfd_getfd", nil, []uint32{errno(unix.EPERM), notify, notify, errno(unix.EPERM)}},
	{"kill", []uint64{1234}, []uint32{allow}},
	{"kill", []uint64{0}, []uint32{errno(unix.EPERM), notify, notify, errno(unix.EPERM)}},
	{"kill", []uint64{0xffffffff}, []uint32{errno(unix.EPERM), notify, notify, errno(unix.EPERM)}},
	{"kill", []uint64{0xffffffffffffffff}, []uint32{errno(unix.EPERM), notify, notify, errno(unix.EPERM)}},
	{"kill", []uint64{0xfffffb2e}, []uint32{errno(unix.EPERM), notify, notify, errno(unix.EPERM)}},
	{"prlimit64", []uint64{0, 7, 0, 1}, []uint32{allow}},
	{"prlimit64", []uint64{0, 7, 1, 0}, []uint32{errno(unix.EPERM)}},
	{"prlimit64", []uint64{0, 7, 1 << 32, 0}, []uint32{errno(unix.EPERM)}},
	{"personality", []uint64{0xffffffff}, []uint32{allow}},
	{"personality", []uint64{0x0040000}, []uint32{errno(unix.EPERM)}},
	{"prctl", []uint64{unix.PR_SET_NAME}, []uint32{allow}},
	{"prctl", []uint64{unix.PR_SET_VMA}, []uint32{allow}},
	{"prctl", []uint64{unix.PR_SET_DUMPABLE}, []uint32{errno(unix.EPERM)}},
	{"prctl", []uint64{unix.PR_SET_PDEATHSIG}, []uint32{errno(unix.EPERM), notify, notify, errno(unix.EPERM)}},
	{"prctl", []uint64{unix.PR_SET_PDEATHSIG | 1<<32}, []uint32{errno(unix.EPERM), notify, notify, errno(unix.EPERM)}},
	{"prctl", []uint64{unix.PR_SET_SECCOMP}, []uint32{errno(unix.EPERM), notify, notify, errno(unix.EPERM)}},
	{"prctl", []uint64{12345}, []uint32{errno(unix.EPERM)}},

	{"mmap", []uint64{0, 1, 3, unix.MAP_PRIVATE | unix.MAP_ANONYMOUS}, []uint32{allow}},
	{"mmap", []uint64{0, 1, 3, unix.MAP_SHARED, 5}, []uint32{allow}},
	{"mmap", []uint64{0, 1, 3, unix.MAP_SHARED | unix.MAP_ANONYMOUS}, []uint32{errno(unix.EPERM), notify, notify, errno(unix.EPERM)}},
	{"mmap", []uint64{0, 1, 3, unix.MAP_SHARED_VALIDATE | unix.MAP_ANONYMOUS}, []uint32{errno(unix.EPERM), notify, notify, errno(unix.EPERM)}},
	{"mknodat", []uint64{0, 0, unix.S_IFIFO | 0o600}, []uint32{allow}},
	{"mknodat", []uint64{0, 0, unix.S_IFCHR | 0o600}, []uint32{errno(unix.EPERM), notify, notify, errno(unix.EPERM)}},
	{"mknodat", []uint64{0, 0, unix.S_IFBLK | 0o600}, []uint32{errno(unix.EPERM), notify, notify, errno(unix.EPERM)}},
	{"ioctl", []uint64{1, unix.TCGETS}, []uint32{allow}},
	{"ioctl", []uint64{1, unix.TIOCSTI}, []uint32{errno(unix.EPERM), notify, notify, errno(unix.EPERM)}},
	{"ioctl", []uint64{1, unix.TIOCSTI | 1<<32}, []uint32{errno(unix.EPERM), notify, notify, errno(unix.EPERM)}},
	{"ioctl", []uint64{1, unix.SIOCSIFFLAGS}, []uint32{errno(unix.EPERM)}},
	{"fcntl", []uint64{1, unix.F_SETFL}, []uint32{allow}},
	{"fcntl", []uint64{1, unix.F_SETLEASE}, []uint32{errno(unix.EPERM)}},

	{"socket", []uint64{local, stream | unix.SOCK_CLOEXEC | unix.SOCK_NONBLOCK}, []uint32{allow}},
	{"socket", []uint64{local, dgram}, []uint32{errno(unix.EACCES), notify, notify, errno(unix.EACCES)}},
	{"socket", []uint64{inet, stream | unix.SOCK_CLOEXEC, unix.IPPROTO_TCP}, []uint32{errno(unix.EACCES), notify, notify, errno(unix.EACCES)}},
	{"socket", []uint64{inet6, dgram, unix.IPPROTO_UDP}, []uint32{errno(unix.EACCES), notify, notify, errno(unix.EACCES)}},
	{"socket", []uint64{inet, stream, unix.IPPROTO_MPTCP}, []uint32{errno(unix.EPROTONOSUPPORT)}},
	{"socket", []uint64{inet, unix.SOCK_RAW, unix.IPPROTO_ICMP}, []uint32{errno(unix.EACCES), notify, notify, errno(unix.EACCES)}},
	{"socket", []uint64{unix.AF_VSOCK, stream}, []uint32{errno(unix.EACCES), notify, notify, errno(unix.EACCES)}},
	{"socket", []uint64{unix.AF_NETLINK, unix.SOCK_RAW}, []uint32{errno(unix.EACCES)}},
	{"socketpair", []uint64{local, unix.SOCK_SEQPACKET | unix.SOCK_CLOEXEC}, []uint32{allow}},
	{"socketpair", []uint64{local, dgram}, []uint32{errno(unix.EACCES), notify, notify, errno(unix.EACCES)}},
	{"connect", nil, []uint32{errno(unix.EACCES), notify, notify, errno(unix.EACCES)}},
	{"bind", nil, []uint32{allow, allow, notify, allow}},
	{"listen", nil, []uint32{allow, allow, notify, allow}},
	{"accept4", nil, []uint32{allow}},
	{"sendto", []uint64{3, 1, 1, unix.MSG_NOSIGNAL, 0, 0}, []uint32{allow}},
	{"sendto", []uint64{3, 1, 1, 0, 1 << 32, 16}, []uint32{errno(unix.EACCES), notify, notify, errno(unix.EACCES)}},
	{"sendto", []uint64{3, 1, 1, unix.MSG_FASTOPEN, 0, 0}, []uint32{errno(unix.EACCES), notify, notify, errno(unix.EACCES)}},
	{"sendmsg", []uint64{3, 1, unix.MSG_NOSIGNAL}, []uint32{allow}},
	{"sendmsg", []uint64{3, 1, unix.MSG_FASTOPEN}, []uint32{errno(unix.EACCES), notify, notify, errno(unix.EACCES)}},
	{"sendmmsg", []uint64{3, 1, 1, unix.MSG_FASTOPEN}, []uint32{errno(unix.EACCES), notify, notify, errno(unix.EACCES)}},
	{"setsockopt", []uint64{3, unix.IPPROTO_TCP, unix.TCP_NODELAY}, []uint32{allow}},
	{"setsockopt", []uint64{3, unix.IPPROTO_IP, unix.IP_RECVERR}, []uint32{allow, allow, notify, allow}},
	{"setsockopt", []uint64{3, unix.IPPROTO_IPV6, unix.IPV6_RECVERR}, []uint32{allow, allow, notify, allow}},
	{"setsockopt", []uint64{3, unix.SOL_SOCKET, unix.SO_DETACH_FILTER}, []uint32{errno(unix.EPERM)}},
	{"setsockopt", []uint64{3, unix.SOL_SOCKET, unix.SO_MARK}, []uint32{errno(unix.EPERM)}},
	{"setsockopt", []uint64{3, unix.SOL_SOCKET, unix.SO_LINGER}, []uint32{errno(unix.EPERM)}},
	{"setsockopt", []uint64{3, unix.SOL_SOCKET | 1<<32, unix.SO_LINGER | 1<<32}, []uint32{errno(unix.EPERM)}},
	{"setsockopt", []uint64{3, unix.SOL_SOCKET, unix.SO_SNDBUF}, []uint32{errno(unix.EPERM)}},
	{"setsockopt", []uint64{3, unix.SOL_SOCKET, unix.SO_RCVBUF}, []uint32{errno(unix.EPERM)}},
	{"setsockopt", []uint64{3, unix.SOL_SOCKET, unix.SO_SNDBUFFORCE}, []uint32{errno(unix.EPERM)}},
	{"setsockopt", []uint64{3, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE}, []uint32{errno(unix.EPERM)}},
	{"setsockopt", []uint64{3, unix.SOL_SOCKET, unix.SO_KEEPALIVE}, []uint32{allow}},
	{"setsockopt", []uint64{3, unix.IPPROTO_IP, 64}, []uint32{errno(unix.EPERM)}},
	{"setsockopt", []uint64{3, unix.IPPROTO_IPV6, 64}, []uint32{errno(unix.EPERM)}},
	{"setsockopt", []uint64{3, unix.IPPROTO_IPV6, unix.IPV6_TCLASS}, []uint32{allow}},
}

func TestEachCallComesToWhatIsMeant(t *testing.T) {
	for _, goarch := range seccomp.Architectures() {
		numbers := seccomp.Numbers(goarch)
		for i, p := range everyone {
			code := program(t, p, goarch)
			for _, v := range verdicts {
				nr, ok := numbers[v.call]
				if !ok {
					continue
				}
				var args [6]uint64
				copy(args[:], v.args)
				want := v.want[min(i, len(v.want)-1)]
				if got := interpret(t, code, data(uint32(nr), auditOf[goarch], args)); got != want {
					t.Errorf("%s, %+v: %s%#x gives %#x, want %#x", goarch, p, v.call, v.args, got, want)
				}
			}
		}
	}
}

func TestTruncationIsDeniedWhereLandlockHasNoSayInIt(t *testing.T) {
	for _, goarch := range seccomp.Architectures() {
		numbers := seccomp.Numbers(goarch)
		for _, c := range []struct {
			call          string
			args          [6]uint64
			with, without uint32
		}{
			{"truncate", [6]uint64{}, allow, errno(unix.EACCES)},
			{"ftruncate", [6]uint64{}, allow, allow},
			{"openat", [6]uint64{0, 0, unix.O_RDONLY | unix.O_TRUNC | unix.O_CLOEXEC}, allow, errno(unix.EACCES)},
			{"openat", [6]uint64{0, 0, unix.O_WRONLY | unix.O_TRUNC}, allow, allow},
			{"openat", [6]uint64{0, 0, unix.O_RDONLY}, allow, allow},
			{"open", [6]uint64{0, unix.O_RDONLY | unix.O_TRUNC}, allow, errno(unix.EACCES)},
			{"open", [6]uint64{0, unix.O_RDWR | unix.O_TRUNC}, allow, allow},
			{"openat2", [6]uint64{}, allow, errno(unix.ENOSYS)},
		} {
			nr, ok := numbers[c.call]
			if !ok {
				continue
			}
			call := data(uint32(nr), auditOf[goarch], c.args)
			if got := interpret(t, program(t, strict, goarch), call); got != c.with {
				t.Errorf("%s %s%#x gives %#x where Landlock knows truncation", goarch, c.call, c.args, got)
			}
			p := strict
			p.NoTruncate = true
			if got := interpret(t, program(t, p, goarch), call); got != c.without {
				t.Errorf("%s %s%#x gives %#x where Landlock does not know truncation", goarch, c.call, c.args, got)
			}
		}
	}
}

func TestAProcessThatSpawnsNoneSignalsItselfAlone(t *testing.T) {
	const own = ownPID
	for _, goarch := range seccomp.Architectures() {
		numbers := seccomp.Numbers(goarch)
		for _, c := range []struct {
			call string
			args []uint64
			want uint32
		}{
			{"kill", []uint64{own, 15}, allow},
			{"kill", []uint64{own | 7<<32, 15}, allow}, // the kernel takes the low half
			{"kill", []uint64{own + 1, 15}, notify},
			{"kill", []uint64{own - 1, 0}, notify},
			{"kill", []uint64{1, 15}, notify},
			{"kill", []uint64{0, 15}, notify},
			{"kill", []uint64{0xffffffff, 15}, notify},
			{"kill", []uint64{1<<32 - own, 15}, notify}, // its group
			{"tgkill", []uint64{own, own + 3, 23}, allow},
			{"tgkill", []uint64{own + 3, own, 23}, notify},
			{"tgkill", []uint64{0, own, 23}, notify},
			{"tkill", []uint64{own, 23}, errno(unix.EPERM)},
			{"rt_sigqueueinfo", []uint64{own, 23}, errno(unix.EPERM)},
			{"rt_tgsigqueueinfo", []uint64{own, own, 23}, errno(unix.EPERM)},
			{"pidfd_open", []uint64{own}, errno(unix.EPERM)},
			{"pidfd_send_signal", []uint64{3, 15}, errno(unix.EPERM)},
			{"fcntl", []uint64{3, unix.F_SETOWN, 1}, errno(unix.EPERM)},
			{"fcntl", []uint64{3, unix.F_SETOWN_EX, 1}, errno(unix.EPERM)},
			{"fcntl", []uint64{3, unix.F_SETSIG, 9}, errno(unix.EPERM)},
			{"ioctl", []uint64{3, 0x8901 /* FIOSETOWN */}, errno(unix.EPERM)},
			{"ioctl", []uint64{3, 0x8902 /* SIOCSPGRP */}, errno(unix.EPERM)},
		} {
			var args [6]uint64
			copy(args[:], c.args)
			call := data(uint32(numbers[c.call]), auditOf[goarch], args)
			p := watched
			p.PID = own
			if got := interpret(t, program(t, p, goarch), call); got != c.want {
				t.Errorf("%s: %s%#x gives %#x, want %#x", goarch, c.call, c.args, got, c.want)
			}
			spawns, of := spawning, spawning
			spawns.PID = own
			if got, want := interpret(t, program(t, spawns, goarch), call), interpret(t, program(t, of, goarch), call); got != want {
				t.Errorf("%s: where it spawns %s%#x gives %#x, want %#x", goarch, c.call, c.args, got, want)
			}
		}
	}
}

func TestACallHasAName(t *testing.T) {
	for nr, want := range map[int]string{
		unix.SYS_READ: "read", unix.SYS_PTRACE: "ptrace", unix.SYS_EXECVEAT: "execveat", unix.SYS_OPENAT: "openat",
		unix.SYS_NEWFSTATAT: "newfstatat", unix.SYS_SOCKET: "socket", unix.SYS_CONNECT: "connect", unix.SYS_BIND: "bind",
		unix.SYS_SETNS: "setns", unix.SYS_BPF: "bpf", unix.SYS_SECCOMP: "seccomp", unix.SYS_USERFAULTFD: "userfaultfd",
		unix.SYS_MEMFD_CREATE: "memfd_create", unix.SYS_IO_PGETEVENTS: "io_pgetevents", unix.SYS_RSEQ: "rseq",
		unix.SYS_PIDFD_SEND_SIGNAL: "pidfd_send_signal", unix.SYS_IO_URING_SETUP: "io_uring_setup",
		unix.SYS_CLONE3: "clone3", unix.SYS_FCHMODAT2: "fchmodat2", unix.SYS_LISTNS: "listns",
		unix.SYS_PRLIMIT64: "prlimit64", unix.SYS_FANOTIFY_INIT: "fanotify_init", unix.SYS_UMOUNT2: "umount2",
		unix.SYS_FUTEX: "futex", unix.SYS_CLONE: "clone", unix.SYS_KEYCTL: "keyctl", unix.SYS_MMAP: "mmap",
		unix.SYS_SETSID: "setsid", unix.SYS_PRCTL: "prctl", unix.SYS_SENDMMSG: "sendmmsg", unix.SYS_EXECVE: "execve",
		unix.SYS_KILL: "kill", unix.SYS_IOCTL: "ioctl", unix.SYS_REBOOT: "reboot", unix.SYS_PERF_EVENT_OPEN: "perf_event_open",
		unix.SYS_KEXEC_FILE_LOAD: "kexec_file_load", unix.SYS_RSEQ_SLICE_YIELD: "rseq_slice_yield",
	} {
		if got := seccomp.Name(nr); got != want {
			t.Errorf("%d is %q, want %q", nr, got, want)
		}
	}
	for _, nr := range []int{-1, 400, 999, 1 << 40} {
		if got := seccomp.Name(nr); !strings.HasSuffix(got, fmt.Sprintf("call %d", nr)) {
			t.Errorf("%d is %q", nr, got)
		}
	}
}
