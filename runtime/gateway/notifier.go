package gateway

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/segue-run/segue/runtime/proc"
)

// addDescriptor is SECCOMP_IOCTL_NOTIF_ADDFD, and stillValid SECCOMP_IOCTL_NOTIF_ID_VALID.
const (
	addDescriptor = 0x40182103
	stillValid    = 0x40082102
)

// notification is struct seccomp_notif: a system call that waits for an answer.
type notification struct {
	id    uint64
	tid   uint32 // as this process sees it
	flags uint32
	nr    int32
	arch  uint32
	ip    uint64
	args  [6]uint64
}

// response is struct seccomp_notif_resp.
type response struct {
	id    uint64
	value int64
	errno int32
	flags uint32
}

// addition is struct seccomp_notif_addfd.
type addition struct {
	id              uint64
	flags           uint32
	source          uint32
	target          uint32
	descriptorFlags uint32
}

// notifier is the listener of a process's filter.
type notifier struct {
	file *os.File
	raw  syscall.RawConn
	// room is what the kernel writes a notification to; a newer one's may be bigger.
	room []uint64
}

// openNotifier takes over the descriptor, which is closed where it is no listener.
func openNotifier(fd int) (*notifier, error) {
	// An ioctl means something else to every other file.
	if name, err := os.Readlink(proc.FD(fd)); err != nil || name != "anon_inode:seccomp notify" {
		discard(fd)
		return nil, errors.Join(errors.New("the descriptor is no filter's listener"), err)
	}
	var sizes struct{ notification, response, data uint16 }
	_, _, errno := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_GET_NOTIF_SIZES, 0, uintptr(unsafe.Pointer(&sizes)))
	if errno == 0 {
		errno, _ = unix.SetNonblock(fd, true).(syscall.Errno)
	}
	if errno != 0 {
		_ = unix.Close(fd)
		return nil, fmt.Errorf("open the filter's listener: %w", errno)
	}
	n := &notifier{
		file: os.NewFile(uintptr(fd), "seccomp"),
		room: make([]uint64, (max(uintptr(sizes.notification), unsafe.Sizeof(notification{}))+7)/8),
	}
	raw, err := n.file.SyscallConn()
	if err == nil {
		err = n.file.SetReadDeadline(time.Time{}) // refused where the kernel cannot poll it
	}
	if err != nil {
		_ = n.file.Close()
		return nil, fmt.Errorf("open the filter's listener: %w", err)
	}
	n.raw = raw
	return n, nil
}

// receive waits for the next call. io.EOF: nobody is left who could make one.
func (n *notifier) receive(ctx context.Context) (notification, error) {
	var failed error
	err := n.raw.Read(func(fd uintptr) bool {
		var waiting bool
		waiting, failed = n.poll(fd)
		return !waiting
	})
	if ctx.Err() != nil {
		return notification{}, ctx.Err()
	}
	if err = errors.Join(failed, err); err != nil {
		return notification{}, err
	}
	return *(*notification)(unsafe.Pointer(&n.room[0])), nil
}

// poll takes a call into room where there is one; else it reports whether one may come.
// The kernel would block in its ioctl whatever the descriptor's flags are, so it is asked
// first.
func (n *notifier) poll(fd uintptr) (waiting bool, err error) {
	for {
		fds := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
		if _, err := unix.Poll(fds, 0); err != nil && err != unix.EINTR {
			return false, err
		}
		switch {
		case fds[0].Revents&unix.POLLIN != 0:
		case fds[0].Revents != 0:
			return false, io.EOF
		default:
			return true, nil
		}
		clear(n.room)
		errno := control(fd, unix.SECCOMP_IOCTL_NOTIF_RECV, unsafe.Pointer(&n.room[0]))
		switch errno {
		case 0:
			return false, nil
		case unix.EINTR, unix.ENOENT: // the call was given up in the meantime
		default:
			return false, errno
		}
	}
}

func control(fd, request uintptr, arg unsafe.Pointer) syscall.Errno {
	_, _, errno := unix.Syscall(unix.SYS_IOCTL, fd, request, uintptr(arg))
	return errno
}

// do is an ioctl; its error is a syscall.Errno.
func (n *notifier) do(request uintptr, arg unsafe.Pointer) (value int, err error) {
	var errno syscall.Errno
	var result uintptr
	err = n.raw.Control(func(fd uintptr) { result, _, errno = unix.Syscall(unix.SYS_IOCTL, fd, request, uintptr(arg)) })
	if err != nil || errno != 0 {
		return 0, errors.Join(err, errnoError(errno))
	}
	return int(result), nil
}

func errnoError(errno syscall.Errno) error {
	if errno == 0 {
		return nil
	}
	return errno
}

// answer ends the call. That it has been given up meanwhile is no error.
func (n *notifier) answer(id uint64, o outcome) error {
	r := response{id: id, value: o.value, errno: -int32(o.errno)}
	if o.proceed {
		r = response{id: id, flags: unix.SECCOMP_USER_NOTIF_FLAG_CONTINUE}
	}
	_, err := n.do(unix.SECCOMP_IOCTL_NOTIF_SEND, unsafe.Pointer(&r))
	if errors.Is(err, unix.ENOENT) {
		return nil
	}
	return err
}

// isValid reports whether the call still waits, so that what was read of its thread was
// read of that thread.
func (n *notifier) isValid(id uint64) bool {
	_, err := n.do(stillValid, unsafe.Pointer(&id))
	return err == nil
}

// give adds a descriptor to the caller's and ends the call with its number there.
func (n *notifier) give(id uint64, fd int, cloexec bool) error {
	added := addition{id: id, flags: unix.SECCOMP_ADDFD_FLAG_SEND, source: uint32(fd)}
	_, err := n.add(added, cloexec)
	if !errors.Is(err, unix.EINVAL) {
		return err
	}
	added.flags = 0 // before Linux 5.14
	number, err := n.add(added, cloexec)
	if err != nil {
		return err
	}
	return n.answer(id, outcome{value: int64(number)})
}

// replace puts a descriptor in place of one of the caller's.
func (n *notifier) replace(id uint64, fd, target int, cloexec bool) error {
	_, err := n.add(addition{id: id, flags: unix.SECCOMP_ADDFD_FLAG_SETFD, source: uint32(fd), target: uint32(target)}, cloexec)
	return err
}

func (n *notifier) add(a addition, cloexec bool) (int, error) {
	if cloexec {
		a.descriptorFlags = unix.O_CLOEXEC
	}
	return n.do(addDescriptor, unsafe.Pointer(&a))
}
