package instance

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/segue-run/segue/runtime/proc"
)

const (
	// controlDir is the directory, within an instance's own, that the module gets
	// as a descriptor and puts its control socket into.
	controlDir = "control"
	// tempDir is the one, beside it, that is the module's while it runs.
	tempDir = "tmp"
	// controlFD is the module's number of it.
	controlFD = 4
	// httpSocket is the data listener's name, for the moment until it is unlinked.
	httpSocket = "http.sock"
)

// directory is an instance's own, RunDir/ID- and some digits: what could not be removed
// of another instance with the same id is in nobody's way. Sockets in it are reached
// through the descriptor, since a socket's path must be short and the run directory's may
// not be.
type directory struct {
	path    string
	control *os.File // O_PATH
	temp    string   // the module's temporary folder; empty where it has none
}

func makeDirectory(runDir, id string) (*directory, error) {
	path, err := os.MkdirTemp(runDir, id+"-*") // for its owner alone
	if err != nil {
		return nil, fmt.Errorf("make instance directory: %w", err)
	}
	d := &directory{path: path}
	control := filepath.Join(path, controlDir)
	if err := os.Mkdir(control, 0o700); err != nil {
		d.remove()
		return nil, fmt.Errorf("make control directory: %w", err)
	}
	f, err := os.OpenFile(control, unix.O_PATH|unix.O_DIRECTORY|unix.O_NOFOLLOW, 0)
	if err != nil {
		d.remove()
		return nil, fmt.Errorf("open control directory: %w", err)
	}
	d.control = f
	return d, nil
}

// makeTemp makes the temporary folder.
func (d *directory) makeTemp() error {
	temp := filepath.Join(d.path, tempDir)
	if err := os.Mkdir(temp, 0o700); err != nil {
		return fmt.Errorf("make temporary folder: %w", err)
	}
	d.temp = temp
	return nil
}

// remove closes and deletes it, whatever the module put there; see removeTree.
func (d *directory) remove() error {
	if d.control != nil {
		_ = d.control.Close()
	}
	most := mostRemoved
	return removeTree(d.path, &most)
}

// listen makes a listening socket whose name is gone again before anybody else
// could have seen it. The listener is for the module; the endpoint is how the host
// reaches it, and nobody without that descriptor can. Both are the caller's.
func (d *directory) listen() (listener *os.File, to *endpoint, err error) {
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, nil, fmt.Errorf("make listener: %w", err)
	}
	listener = os.NewFile(uintptr(fd), httpSocket)
	defer func() {
		if err != nil {
			_ = listener.Close()
		}
	}()
	if err := unix.Bind(fd, &unix.SockaddrUnix{Name: proc.FD(int(d.control.Fd())) + "/" + httpSocket}); err != nil {
		return nil, nil, fmt.Errorf("bind listener: %w", err)
	}
	if err := unix.Listen(fd, backlog); err != nil {
		return nil, nil, fmt.Errorf("listen: %w", err)
	}
	to, err = d.pin(httpSocket)
	if err != nil {
		return nil, nil, err
	}
	if err := unix.Unlinkat(int(d.control.Fd()), httpSocket, 0); err != nil {
		to.close()
		return nil, nil, fmt.Errorf("unlink listener: %w", err)
	}
	return listener, to, nil
}

// backlog is how many connections may wait to be accepted; the kernel lowers it to
// its own limit.
const backlog = 4096

// pin opens the socket that lies in the control directory under name. It follows
// no link, and what is opened stays the same socket whatever happens to the name.
func (d *directory) pin(name string) (*endpoint, error) {
	raw, err := d.control.SyscallConn()
	if err != nil {
		return nil, err
	}
	fd := -1
	closed := raw.Control(func(dir uintptr) {
		fd, err = unix.Openat(int(dir), name, unix.O_PATH|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	})
	if err := errors.Join(closed, err); err != nil {
		return nil, fmt.Errorf("open socket %s: %w", name, lacking(err))
	}
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil || st.Mode&unix.S_IFMT != unix.S_IFSOCK {
		_ = unix.Close(fd)
		return nil, fmt.Errorf("%s is no socket", name)
	}
	return &endpoint{file: os.NewFile(uintptr(fd), name)}, nil
}
