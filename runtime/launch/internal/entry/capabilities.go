package entry

import (
	"syscall"
	"unsafe"
)

const (
	prCapBSetDrop   = 24
	prSetSecureBits = 28
	prSetNoNewPrivs = 38
	prCapAmbient    = 47

	prCapAmbientClearAll = 4

	capVersion3 = 0x20080522
	capSetPCap  = 8
	capLast     = 63 // more than any kernel knows

	// Uid 0 is a user like any other, no capability can be made ambient, and neither
	// can be undone.
	secureBits = 1<<0 | 1<<1 | 1<<6 | 1<<7
)

type capHeader struct {
	version uint32
	pid     int32
}

// capSets are 32 capabilities: effective, permitted, inheritable.
type capSets [3]uint32

// dropCapabilities leaves the process none, and none that an exec could give it: not
// to root, be it of the machine or of a user namespace. Where the right to narrow the
// bounding set is missing, no_new_privs alone keeps an exec from giving any.
func dropCapabilities() error {
	header := capHeader{version: capVersion3}
	var sets [2]capSets
	if err := capability(syscall.SYS_CAPGET, &header, &sets); err != nil {
		return failed("read its capabilities", err)
	}
	if sets[0][0]&(1<<capSetPCap) != 0 {
		for c := range uintptr(capLast + 1) {
			_, _, e := syscall.RawSyscall6(syscall.SYS_PRCTL, prCapBSetDrop, c, 0, 0, 0, 0)
			if e == syscall.EINVAL && c > 0 {
				break // past the last one that this kernel knows
			}
			if e != 0 {
				return failed("drop capability "+text(uint64(c))+" from the bounding set", e)
			}
		}
		if _, _, e := syscall.RawSyscall6(syscall.SYS_PRCTL, prSetSecureBits, secureBits, 0, 0, 0, 0); e != 0 {
			return failed("make root a user like any other", e)
		}
	}
	if _, _, e := syscall.RawSyscall6(syscall.SYS_PRCTL, prCapAmbient, prCapAmbientClearAll, 0, 0, 0, 0); e != 0 {
		return failed("clear the ambient capabilities", e)
	}
	sets = [2]capSets{}
	return failed("drop all capabilities", capability(syscall.SYS_CAPSET, &header, &sets))
}

func capability(call uintptr, header *capHeader, sets *[2]capSets) error {
	_, _, e := syscall.RawSyscall(call, uintptr(unsafe.Pointer(header)), uintptr(unsafe.Pointer(sets)), 0)
	if e != 0 {
		return e
	}
	return nil
}
