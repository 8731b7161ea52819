package entry

import (
	"syscall"
	"unsafe"
)

// The numbers of the limits, which the frozen package syscall does not all name; they
// are the same on every architecture here.
const (
	rlimitCPU    = 0
	rlimitSignal = 11
	rlimitFSize  = 1
	rlimitData   = 2
	rlimitCore   = 4
	rlimitNProc  = 6
	rlimitNoFile = 7
)

// apply sets the limit by a raw call: syscall.Setrlimit and syscall.Exec keep a
// memory of the descriptor limit, and would put the old one back.
func (l *limit) apply() error {
	if !l.given {
		return nil
	}
	if err := prlimit(l.resource, &syscall.Rlimit{Cur: l.value, Max: l.value}, nil); err != nil {
		return failed("set limit "+l.key+"="+text(l.value), err)
	}
	return nil
}

// join makes the process a member of its cgroups. They were opened by the host, whose
// rights count. "0" is the writer itself, in whichever pid namespace.
func (o *orders) join() error {
	for _, fd := range o.cgroups {
		if _, err := syscall.Write(int(fd), []byte("0")); err != nil {
			var path [256]byte
			n, _ := syscall.Readlink("/proc/self/fd/"+text(fd), path[:])
			return failed("join cgroup "+string(path[:max(n, 0)]), err)
		}
	}
	return nil
}

// maxProcessors is the most that a kernel can be built for.
const maxProcessors = 8192

// pin keeps the calling thread, which the module inherits, to its processors.
func (o *orders) pin() error {
	if len(o.processors) == 0 {
		return nil
	}
	var mask [maxProcessors / 64]uint64
	for _, cpu := range o.processors {
		if cpu >= maxProcessors {
			return failure("run on processor " + text(cpu) + ": there is none")
		}
		mask[cpu/64] |= 1 << (cpu % 64)
	}
	_, _, e := syscall.RawSyscall(syscall.SYS_SCHED_SETAFFINITY, 0, unsafe.Sizeof(mask), uintptr(unsafe.Pointer(&mask)))
	if e != 0 {
		return failed("run on its processors", e)
	}
	return nil
}
