package instance

import (
	"context"
	"errors"
	"net"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/segue-run/segue/runtime/module"
	"github.com/segue-run/segue/runtime/proc"
)

// endpoint is a unix socket that is known by a descriptor instead of a name.
type endpoint struct{ file *os.File }

func (e *endpoint) close() { _ = e.file.Close() }

// dial connects. A full accept queue is waited out until ctx ends or stop is
// closed; every other failure is final, and is lacking's where it is the host's. After
// close it is os.ErrClosed.
func (e *endpoint) dial(ctx context.Context, stop <-chan struct{}) (net.Conn, error) {
	for pause := time.Millisecond; ; pause = min(2*pause, 20*time.Millisecond) {
		conn, err := e.connect(ctx)
		err = lacking(err)
		if !errors.Is(err, syscall.EAGAIN) || module.KindOf(err) == module.Quota {
			return conn, err
		}
		select {
		case <-time.After(pause):
		case <-stop:
			return nil, err
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}

// connect connects once. The descriptor cannot be closed, and its number taken by
// another file, while Control runs.
func (e *endpoint) connect(ctx context.Context) (conn net.Conn, err error) {
	raw, err := e.file.SyscallConn()
	if err != nil {
		return nil, err
	}
	dialer := net.Dialer{Control: takeNoDescriptors}
	closed := raw.Control(func(fd uintptr) {
		conn, err = dialer.DialContext(ctx, "unix", proc.FD(int(fd)))
	})
	if closed != nil {
		return nil, os.ErrClosed
	}
	return conn, err
}

// takeNoDescriptors makes a socket refuse descriptors that the other end passes, where the
// kernel knows how (Linux 6.16). The host reads none; elsewhere the kernel closes them
// when it reads past them, in the host's thread.
func takeNoDescriptors(_, _ string, raw syscall.RawConn) error {
	return raw.Control(func(fd uintptr) {
		_ = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_PASSRIGHTS, 0)
	})
}

// peer is the pid of the process that listens at the other end.
func peer(conn net.Conn) (pid int, err error) {
	raw, err := conn.(syscall.Conn).SyscallConn()
	if err != nil {
		return 0, err
	}
	var cred *unix.Ucred
	if outer := raw.Control(func(fd uintptr) {
		cred, err = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED)
	}); outer != nil {
		return 0, outer
	}
	if err != nil {
		return 0, err
	}
	return int(cred.Pid), nil
}
