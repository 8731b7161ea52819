package entry

import (
	"syscall"
	"unsafe"
)

// Resources and calls that the frozen package syscall does not name, the same on
// every architecture.
const (
	rlimitFSize  = 1
	rlimitData   = 2
	rlimitCore   = 4
	rlimitNProc  = 6
	rlimitNoFile = 7

	sysCloseRange     = 436
	closeRangeCloexec = 4
	prSetNoNewPrivs   = 38
	atEmptyPath       = 0x1000
	sigSetMask        = 2
	lastSignal        = 64
)

// How long a module's file that somebody still has open for writing is waited
// for, and how often it is tried.
const (
	busyTries = 200
	busyPause = 5e6 // nanoseconds
)

// become turns this process into the module and returns only if that is not
// possible. From the first limit on nothing is allocated that could run into it.
func (o *orders) become(env []string) error {
	if o.parent != 0 && uint64(syscall.Getppid()) != o.parent {
		return failure("the host is gone")
	}
	syscall.Umask(0o077)
	if o.dir != "" {
		if err := syscall.Chdir(o.dir); err != nil {
			return failed("change to directory "+o.dir, err)
		}
	}
	argv, err := syscall.SlicePtrFromStrings(o.argv)
	if err != nil {
		return failed("arguments", err)
	}
	envv, err := syscall.SlicePtrFromStrings(o.environment(env))
	if err != nil {
		return failed("environment", err)
	}
	if _, _, e := syscall.RawSyscall(sysCloseRange, uintptr(o.exec), ^uintptr(0)>>32, closeRangeCloexec); e != 0 {
		return failed("close descriptors", e)
	}
	if _, _, e := syscall.RawSyscall6(syscall.SYS_PRCTL, prSetNoNewPrivs, 1, 0, 0, 0, 0); e != 0 {
		return failed("set no_new_privs", e)
	}
	resetSignals()
	for i := range o.limits {
		if err := o.limits[i].apply(); err != nil {
			return err
		}
	}
	return failed("execute the module", execute(uintptr(o.exec), argv, envv))
}

// environment is env with the listener announced. Only here is the pid known that
// the module will have.
func (o *orders) environment(env []string) []string {
	out := make([]string, 0, len(env)+3)
	for _, entry := range env {
		switch key, _, _ := cut(entry); key {
		case "LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES":
		default:
			out = append(out, entry)
		}
	}
	if o.listener == "" {
		return out
	}
	return append(out,
		"LISTEN_PID="+text(uint64(syscall.Getpid())),
		"LISTEN_FDS=1",
		"LISTEN_FDNAMES="+o.listener)
}

// apply sets the limit by a raw call: syscall.Setrlimit and syscall.Exec keep a
// memory of the descriptor limit, and would put the old one back.
func (l *limit) apply() error {
	if !l.given {
		return nil
	}
	value := syscall.Rlimit{Cur: l.value, Max: l.value}
	_, _, e := syscall.RawSyscall6(syscall.SYS_PRLIMIT64, 0, uintptr(l.resource), uintptr(unsafe.Pointer(&value)), 0, 0, 0)
	if e != 0 {
		return failed("set limit "+l.key+"="+text(l.value), e)
	}
	return nil
}

// resetSignals gives the module the default disposition of every signal and an
// empty mask, whatever the host's parent left ignored or blocked.
func resetSignals() {
	var action [4]uint64 // a kernel sigaction of zeros is SIG_DFL on every architecture
	for sig := uintptr(1); sig <= lastSignal; sig++ {
		// Refused for SIGKILL and SIGSTOP, which are always at their default.
		_, _, _ = syscall.RawSyscall6(syscall.SYS_RT_SIGACTION, sig, uintptr(unsafe.Pointer(&action)), 0, 8, 0, 0)
	}
	var mask uint64
	_, _, _ = syscall.RawSyscall6(syscall.SYS_RT_SIGPROCMASK, sigSetMask, uintptr(unsafe.Pointer(&mask)), 0, 8, 0, 0)
}

// execute replaces the process by the program open as fd. "Text file busy" is
// transient: a concurrent fork somewhere may hold an open writer for a moment.
func execute(fd uintptr, argv, envv []*byte) error {
	empty := [1]byte{}
	path, err := syscall.BytePtrFromString("/proc/self/fd/" + text(uint64(fd)))
	if err != nil {
		return err
	}
	for range busyTries {
		_, _, e := syscall.RawSyscall6(sysExecveat, fd, uintptr(unsafe.Pointer(&empty)),
			uintptr(unsafe.Pointer(&argv[0])), uintptr(unsafe.Pointer(&envv[0])), atEmptyPath, 0)
		if e == syscall.ENOSYS {
			_, _, e = syscall.RawSyscall(syscall.SYS_EXECVE, uintptr(unsafe.Pointer(path)),
				uintptr(unsafe.Pointer(&argv[0])), uintptr(unsafe.Pointer(&envv[0])))
		}
		if e != syscall.ETXTBSY {
			return e
		}
		pause := syscall.Timespec{Nsec: busyPause}
		_, _, _ = syscall.RawSyscall(syscall.SYS_NANOSLEEP, uintptr(unsafe.Pointer(&pause)), 0, 0)
	}
	return syscall.ETXTBSY
}
