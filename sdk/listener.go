package sdk

import (
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"

	"golang.org/x/sys/unix"

	"github.com/segue-run/segue/sdk/wire"
)

// inheritedListener takes over the listener that the runtime announced in the
// environment, the systemd way, and withdraws the announcement. Descriptors that
// the process was born with do not pass on to its children.
func inheritedListener() (net.Listener, error) {
	defer func() {
		for _, name := range []string{"LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"} {
			_ = os.Unsetenv(name)
		}
	}()
	if pid := os.Getenv("LISTEN_PID"); pid != strconv.Itoa(os.Getpid()) {
		return nil, fmt.Errorf("LISTEN_PID is %q, this process is %d; the listener is for another process", pid, os.Getpid())
	}
	if n := os.Getenv("LISTEN_FDS"); n != "1" {
		return nil, fmt.Errorf("LISTEN_FDS is %q, want 1", n)
	}
	if err := unix.CloseRange(wire.ListenFD, ^uint(0)>>1, unix.CLOSE_RANGE_CLOEXEC); err != nil {
		unix.CloseOnExec(wire.ListenFD) // a kernel before 5.11
	}
	if accepts, err := unix.GetsockoptInt(wire.ListenFD, unix.SOL_SOCKET, unix.SO_ACCEPTCONN); err != nil {
		return nil, fmt.Errorf("descriptor %d: %w", wire.ListenFD, err)
	} else if accepts == 0 {
		return nil, errors.New("the inherited descriptor is a socket that does not listen")
	}
	f := os.NewFile(wire.ListenFD, wire.ListenerName)
	defer f.Close() // FileListener has a duplicate
	return net.FileListener(f)
}
