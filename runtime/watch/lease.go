package watch

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// grip is the outcome of asking for a lease.
type grip int

const (
	gripBusy grip = iota // somebody has the file open for writing
	gripHeld             // nobody has, nor will until it is released
	gripNone             // the kernel does not say: another's file, a file system without leases
)

// lease asks for a read lease on f.
func lease(f *os.File) grip {
	if remote(f) {
		return gripNone
	}
	switch _, err := fcntl(f, unix.F_SETLEASE, unix.F_RDLCK); {
	case err == nil:
		return gripHeld
	case errors.Is(err, unix.EAGAIN):
		return gripBusy
	}
	return gripNone
}

// leaseHolds reports whether the lease on f is whole: the kernel shows it as given up
// from the moment somebody wants to write.
func leaseHolds(f *os.File) bool {
	kind, err := fcntl(f, unix.F_GETLEASE, 0)
	return err == nil && kind == unix.F_RDLCK
}

// remote reports whether f lies on a file system whose writers may be on another
// machine, where a local lease says nothing about them.
func remote(f *os.File) bool {
	var fs unix.Statfs_t
	if _, err := control(f, func(fd int) (int, error) { return 0, unix.Fstatfs(fd, &fs) }); err != nil {
		return true
	}
	switch uint32(fs.Type) {
	case unix.NFS_SUPER_MAGIC, unix.SMB_SUPER_MAGIC, unix.SMB2_SUPER_MAGIC, unix.CIFS_SUPER_MAGIC,
		unix.AFS_SUPER_MAGIC, unix.CEPH_SUPER_MAGIC, unix.FUSE_SUPER_MAGIC, unix.V9FS_MAGIC:
		return true
	}
	return false
}

func fcntl(f *os.File, cmd, arg int) (int, error) {
	return control(f, func(fd int) (int, error) { return unix.FcntlInt(uintptr(fd), cmd, arg) })
}

// control runs call with f's descriptor, again where a signal came in between.
func control(f *os.File, call func(fd int) (int, error)) (n int, err error) {
	conn, err := f.SyscallConn()
	if err != nil {
		return 0, err
	}
	outer := conn.Control(func(fd uintptr) {
		for {
			if n, err = call(int(fd)); !errors.Is(err, unix.EINTR) {
				return
			}
		}
	})
	return n, errors.Join(outer, err)
}
