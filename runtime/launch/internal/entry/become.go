package entry

import (
	"syscall"
	"unsafe"
)

const (
	sigSetMask = 2
	lastSignal = 64
)

// become turns this process into the module and returns only if that is not
// possible. What it does in which order, and why, is told by the package launch.
// From the first limit on nothing is allocated that could run into it, and from the
// filter on there is no system call that a filter must not let pass.
func (o *orders) become(env []string) error {
	filter, err := o.hear()
	if err != nil {
		return err
	}
	if err := o.join(); err != nil {
		return err
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
	module, err := o.descriptors()
	if err != nil {
		return err
	}
	resetSignals()
	if err := o.restrict(filter); err != nil {
		return err
	}
	if o.try != 0 {
		end(0)
	}
	return failed("execute the module", execute(module, argv, envv))
}

// restrict puts on what cannot be taken off again.
func (o *orders) restrict(filter []byte) error {
	if err := o.pin(); err != nil {
		return err
	}
	for i := range o.limits {
		if err := o.limits[i].apply(); err != nil {
			return err
		}
	}
	if err := dropCapabilities(); err != nil {
		return err
	}
	if _, _, e := syscall.RawSyscall6(syscall.SYS_PRCTL, prSetNoNewPrivs, 1, 0, 0, 0, 0); e != 0 {
		return failed("set no_new_privs", e)
	}
	if o.ruleset != 0 {
		if _, _, e := syscall.RawSyscall(sysLandlockRestrictSelf, uintptr(o.ruleset), uintptr(o.rulesetFlags), 0); e != 0 {
			return failed("restrict by landlock", e)
		}
	}
	return o.filterCalls(filter)
}

// environment is what of env is the module's, with the listener announced. Only here is
// the pid known that the module will have.
func (o *orders) environment(env []string) []string {
	out := make([]string, 0, len(env)+3)
	for _, variable := range env {
		if len(variable) < len(EnvMark) || variable[:len(EnvMark)] != EnvMark {
			continue // for the launcher
		}
		variable = variable[len(EnvMark):]
		switch key, _, _ := cut(variable); key {
		case "LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES":
		default:
			out = append(out, variable)
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
