package entry

import (
	"syscall"
	"unsafe"
)

const (
	sysCloseRange     = 436
	closeRangeCloexec = 4
)

// descriptors leaves the module those that are its own, /dev/null as its standard
// input, and gives the number by which it is executed. All others are closed by that.
func (o *orders) descriptors() (module uintptr, err error) {
	// The launcher's threads share one table, and the kernel lets a shared one grow
	// only when all processors have seen it: milliseconds. A table of its own grows at
	// once.
	if _, _, e := syscall.RawSyscall(syscall.SYS_UNSHARE, syscall.CLONE_FILES, 0, 0); e != 0 {
		return 0, failed("unshare the descriptors", e)
	}
	null, err := syscall.Open("/dev/null", syscall.O_RDONLY|syscall.O_CLOEXEC, 0)
	if err != nil {
		return 0, failed("open /dev/null", err)
	}
	if err := syscall.Dup3(null, 0, 0); err != nil {
		return 0, failed("give it /dev/null", err)
	}
	if _, _, e := syscall.RawSyscall(sysCloseRange, uintptr(o.exec), ^uintptr(0)>>32, closeRangeCloexec); e != 0 {
		return 0, failed("close descriptors", e)
	}
	if o.execFD == 0 {
		return uintptr(o.exec), nil
	}
	// The limit may still be below the number that the hard limit allows.
	var now syscall.Rlimit
	if err := prlimit(rlimitNoFile, nil, &now); err != nil {
		return 0, failed("read the limit of open files", err)
	}
	now.Cur = now.Max
	if err := prlimit(rlimitNoFile, &now, nil); err != nil {
		return 0, failed("raise the limit of open files", err)
	}
	if err := syscall.Dup3(int(o.exec), int(o.execFD), syscall.O_CLOEXEC); err != nil {
		return 0, failed("move the executable to descriptor "+text(o.execFD), err)
	}
	return uintptr(o.execFD), nil
}

func prlimit(resource int, set, get *syscall.Rlimit) error {
	_, _, e := syscall.RawSyscall6(syscall.SYS_PRLIMIT64, 0, uintptr(resource),
		uintptr(unsafe.Pointer(set)), uintptr(unsafe.Pointer(get)), 0, 0)
	if e != 0 {
		return e
	}
	return nil
}
