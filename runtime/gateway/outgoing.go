package gateway

import (
	"context"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// options are those of a socket that its successor keeps. That one fails to be kept is
// no reason to fail a call.
var options = []struct{ level, name, domain int }{
	{unix.SOL_SOCKET, unix.SO_KEEPALIVE, 0},
	{unix.SOL_SOCKET, unix.SO_REUSEADDR, 0},
	{unix.IPPROTO_TCP, unix.TCP_NODELAY, 0},
	{unix.IPPROTO_TCP, unix.TCP_KEEPIDLE, 0},
	{unix.IPPROTO_TCP, unix.TCP_KEEPINTVL, 0},
	{unix.IPPROTO_TCP, unix.TCP_KEEPCNT, 0},
	{unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, 0},
	{unix.IPPROTO_IPV6, unix.IPV6_V6ONLY, unix.AF_INET6},
}

func copyOptions(to, from, domain int) {
	for _, o := range options {
		if o.domain != 0 && o.domain != domain {
			continue
		}
		if value, err := unix.GetsockoptInt(from, o.level, o.name); err == nil {
			_ = unix.SetsockoptInt(to, o.level, o.name, value)
		}
	}
	for _, name := range []int{unix.SO_RCVTIMEO, unix.SO_SNDTIMEO} {
		if value, err := unix.GetsockoptTimeval(from, unix.SOL_SOCKET, name); err == nil {
			_ = unix.SetsockoptTimeval(to, unix.SOL_SOCKET, name, value)
		}
	}
}

// connectTo connects a nonblocking socket, until ctx ends.
func connectTo(ctx context.Context, fd int, address unix.Sockaddr) error {
	if err := unix.Connect(fd, address); err != unix.EINPROGRESS {
		return err
	}
	duplicate, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return err
	}
	file := os.NewFile(uintptr(duplicate), "socket") // with the runtime's poller
	defer file.Close()
	defer onEnd(ctx, func() { _ = file.SetWriteDeadline(time.Unix(1, 0)) })()
	raw, err := file.SyscallConn()
	if err != nil {
		return err
	}
	var failed error
	err = raw.Write(func(fd uintptr) bool {
		fds := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLOUT}}
		if n, err := unix.Poll(fds, 0); n == 0 || err != nil {
			return false
		}
		errno, err := unix.GetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_ERROR)
		if failed = err; errno != 0 {
			failed = syscall.Errno(errno)
		}
		return true
	})
	if failed != nil {
		return failed
	}
	return err
}
