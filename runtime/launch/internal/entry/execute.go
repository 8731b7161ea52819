package entry

import (
	"syscall"
	"unsafe"
)

const atEmptyPath = 0x1000

// How long a module's file that somebody still has open for writing is waited
// for, and how often it is tried.
const (
	busyTries = 200
	busyPause = 5e6 // nanoseconds
)

// execute replaces the process by the program open as fd. "Text file busy" is
// transient: a concurrent fork somewhere may hold an open writer for a moment.
func execute(fd uintptr, argv, envv []*byte) error {
	empty := [1]byte{}
	for range busyTries {
		_, _, e := syscall.RawSyscall6(sysExecveat, fd, uintptr(unsafe.Pointer(&empty)),
			uintptr(unsafe.Pointer(&argv[0])), uintptr(unsafe.Pointer(&envv[0])), atEmptyPath, 0)
		if e != syscall.ETXTBSY {
			return e
		}
		pause := syscall.Timespec{Nsec: busyPause}
		_, _, _ = syscall.RawSyscall(syscall.SYS_NANOSLEEP, uintptr(unsafe.Pointer(&pause)), 0, 0)
	}
	return syscall.ETXTBSY
}
