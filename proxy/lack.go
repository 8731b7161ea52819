package proxy

import (
	"errors"
	"os"
	"syscall"
)

// HostLacks reports whether a connection failed because the host has no descriptors or
// no memory left, for which nobody at the other end can be blamed. EAGAIN is the
// host's where a socket is made; where it is connected, the other end is busy.
func HostLacks(err error) bool {
	errno, ok := errors.AsType[syscall.Errno](err)
	if !ok {
		return false
	}
	switch errno {
	case syscall.EMFILE, syscall.ENFILE, syscall.ENOMEM, syscall.ENOBUFS:
		return true
	case syscall.EAGAIN:
		call, ok := errors.AsType[*os.SyscallError](err)
		return ok && call.Syscall == "socket"
	}
	return false
}
