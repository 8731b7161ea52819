package instance

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

// refusesDescriptors reports whether this kernel's sockets can.
func refusesDescriptors(t *testing.T) bool {
	t.Helper()
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(pair[0])
	defer unix.Close(pair[1])
	return unix.SetsockoptInt(pair[0], unix.SOL_SOCKET, unix.SO_PASSRIGHTS, 0) == nil
}

func TestAModuleCannotPassTheHostDescriptorsWhereTheKernelRefusesThem(t *testing.T) {
	dir, err := os.MkdirTemp("", "endpoint") // a socket's path is short
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "socket")
	listener, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	fd, err := unix.Open(path, unix.O_PATH|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	to := &endpoint{file: os.NewFile(uintptr(fd), path)}
	defer to.close()
	host, err := to.dial(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer host.Close()
	module, err := listener.AcceptUnix()
	if err != nil {
		t.Fatal(err)
	}
	defer module.Close()
	_, _, err = module.WriteMsgUnix([]byte("x"), unix.UnixRights(0), nil)
	if refuses := refusesDescriptors(t); refuses != errors.Is(err, unix.EPERM) || !refuses && err != nil {
		t.Errorf("passing a descriptor gives %v; the kernel refuses them: %t", err, refuses)
	}
	if _, err := module.Write([]byte("y")); err != nil {
		t.Errorf("writing gives %v", err)
	}
}
