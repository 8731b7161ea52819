package gateway

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strconv"

	"golang.org/x/sys/unix"

	"github.com/segue-run/segue/runtime/proc"
)

// tracee is the thread that waits for the answer to its call. What it gives was true of
// that thread, not of another that got its number, but its process may change it any
// time: each thing is looked at once, and only the copy is used.
type tracee struct {
	notifier *notifier
	id       uint64
	tid      int
}

// errGone is what became of a call that nobody waits for any more.
var errGone = errors.New("the call was given up")

func (t tracee) valid() error {
	if !t.notifier.isValid(t.id) {
		return errGone
	}
	return nil
}

// read copies size bytes from its memory.
func (t tracee) read(address uint64, size int) ([]byte, error) {
	b := make([]byte, size)
	if size == 0 {
		return b, nil
	}
	local := []unix.Iovec{{Base: &b[0]}}
	local[0].SetLen(size)
	n, err := unix.ProcessVMReadv(t.tid, local, []unix.RemoteIovec{{Base: uintptr(address), Len: size}}, 0)
	if gone := t.valid(); gone != nil {
		return nil, gone
	}
	if err == nil && n < size {
		err = unix.EFAULT
	}
	if err != nil {
		return nil, fmt.Errorf("read its memory: %w", err)
	}
	return b, nil
}

// text copies a string of at most size bytes; what cannot be read of it is left out.
func (t tracee) text(address uint64, size int) string {
	var all []byte
	for page := uint64(os.Getpagesize()); size > 0; {
		n := min(size, int(page-address%page)) // the next page may not be there
		b, err := t.read(address, n)
		if err != nil {
			break
		}
		if end := bytes.IndexByte(b, 0); end >= 0 {
			return string(append(all, b[:end]...))
		}
		all = append(all, b...)
		address, size = address+uint64(n), size-n
	}
	return string(all)
}

// descriptor duplicates one of its descriptors, which the caller closes. An error that
// is EBADF is the thread's own.
func (t tracee) descriptor(fd int) (int, error) {
	status, err := proc.Status(t.tid)
	if err != nil {
		return -1, err
	}
	pid, err := strconv.Atoi(proc.Field(status, "Tgid:"))
	if err != nil {
		return -1, fmt.Errorf("find its process: %w", err)
	}
	process, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		return -1, fmt.Errorf("open its process: %w", err)
	}
	defer unix.Close(process)
	if err := t.valid(); err != nil {
		return -1, err
	}
	own, err := unix.PidfdGetfd(process, fd, 0)
	if err != nil {
		return -1, fmt.Errorf("duplicate its descriptor: %w", err)
	}
	return own, nil
}

// closesOnExec reports whether its descriptor goes at an exec.
func (t tracee) closesOnExec(fd int) (bool, error) {
	info, err := os.ReadFile("/proc/" + strconv.Itoa(t.tid) + "/fdinfo/" + strconv.Itoa(fd))
	if err != nil {
		return false, err
	}
	flags, err := strconv.ParseUint(proc.Field(info, "flags:"), 8, 64)
	return flags&unix.O_CLOEXEC != 0, err
}
