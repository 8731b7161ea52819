package entry

import (
	"syscall"
	"unsafe"
)

const (
	sysLandlockRestrictSelf = 446

	seccompSetModeFilter    = 1
	seccompNewListener      = 1 << 3
	seccompWaitKillableRecv = 1 << 5

	instruction     = 8    // bytes of one
	maxInstructions = 4096 // that the kernel takes

	// NotifyByte is the message that comes with the filter's listener.
	NotifyByte = 'N'

	// SelfPID stands in a filter for the process's own pid, which nobody knows before the
	// process is there. It is above every pid that a kernel gives.
	SelfPID = 0x7ffe_5e1f
)

type filterProgram struct {
	length uint16
	first  *byte
}

// filterCalls puts the filter on and, where it has a listener, sends that to the host.
// The listener is closed by the exec: the module never has it.
func (o *orders) filterCalls(filter []byte) error {
	if len(filter) == 0 {
		return nil
	}
	own := uint32(syscall.Getpid())
	for at := 0; at+instruction <= len(filter); at += instruction {
		if operand := (*uint32)(unsafe.Pointer(&filter[at+4])); *operand == SelfPID {
			*operand = own
		}
	}
	program := filterProgram{length: uint16(len(filter) / instruction), first: &filter[0]}
	var flags uintptr
	if o.notify != 0 {
		flags = seccompNewListener | seccompWaitKillableRecv
	}
	listener, _, e := syscall.RawSyscall(sysSeccomp, seccompSetModeFilter, flags, uintptr(unsafe.Pointer(&program)))
	if e == syscall.EINVAL && o.notify != 0 { // before Linux 5.19
		listener, _, e = syscall.RawSyscall(sysSeccomp, seccompSetModeFilter, seccompNewListener, uintptr(unsafe.Pointer(&program)))
	}
	if e != 0 {
		return failed("restrict by seccomp", e)
	}
	if o.notify == 0 {
		return nil
	}
	if e := send(uintptr(o.notify), listener); e != 0 {
		return failed("send the listener of seccomp", e)
	}
	return nil
}

// rights is a control message with one descriptor.
type rights struct {
	header syscall.Cmsghdr
	fd     int32
	_      int32
}

// send sends NotifyByte with the descriptor fd over socket. It does not block: the
// message is the first.
func send(socket, fd uintptr) syscall.Errno {
	control := rights{fd: int32(fd)}
	control.header.Level, control.header.Type = syscall.SOL_SOCKET, syscall.SCM_RIGHTS
	control.header.SetLen(int(unsafe.Offsetof(control.fd)) + 4)
	payload := [1]byte{NotifyByte}
	vector := syscall.Iovec{Base: &payload[0]}
	vector.SetLen(len(payload))
	message := syscall.Msghdr{Iov: &vector, Iovlen: 1, Control: (*byte)(unsafe.Pointer(&control))}
	message.SetControllen(int(unsafe.Sizeof(control)))
	_, _, e := syscall.RawSyscall(syscall.SYS_SENDMSG, socket, uintptr(unsafe.Pointer(&message)),
		syscall.MSG_NOSIGNAL|syscall.MSG_DONTWAIT)
	return e
}
