package access

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/segue-run/segue/runtime/module"
)

// probeTimeout bounds the question whether a socket is answered. Connecting to a
// socket that is listened on does not wait for its owner, unless very many wait already.
const probeTimeout = 2 * time.Second

// Listen makes the admin socket. Its directory is made, or set, to mode 0700; the
// socket has mode 0600. The socket of a runtime that died is replaced, that of one
// that lives is a Conflict. Accept gives only connections of users who may change
// things. Closing the listener removes the socket.
func Listen(path string) (net.Listener, error) { return listen(path, mayChange) }

func listen(path string, may func(uid uint32) bool) (net.Listener, error) {
	dir, name, err := openDir(path, true)
	if err != nil {
		return nil, err
	}
	l, err := listenIn(dir, name, path)
	if err != nil {
		dir.Close()
		return nil, err
	}
	l.may = may
	return l, nil
}

func listenIn(dir *os.File, name, path string) (*listener, error) {
	if err := clearStale(dir, name, path); err != nil {
		return nil, err
	}
	ul, err := net.ListenUnix("unix", &net.UnixAddr{Net: "unix", Name: through(dir, name)})
	if err != nil {
		return nil, socketError(path, err)
	}
	ul.SetUnlinkOnClose(false) // ours looks first whose socket it is
	l := &listener{UnixListener: ul, dir: dir, name: name, path: path}
	err = unix.Fchmodat(int(dir.Fd()), name, 0o600, 0)
	if err == nil {
		err = unix.Fstatat(int(dir.Fd()), name, &l.made, unix.AT_SYMLINK_NOFOLLOW)
	}
	if err != nil {
		ul.Close()
		return nil, socketError(path, err)
	}
	return l, nil
}

// Dial connects to the admin socket of a runtime. The error is of Kind Unavailable
// where none answers, Denied where the caller may not.
func Dial(ctx context.Context, path string) (net.Conn, error) {
	dir, name, err := openDir(path, false)
	if err != nil {
		return nil, err
	}
	defer dir.Close()
	var d net.Dialer
	c, err := d.DialContext(ctx, "unix", through(dir, name))
	if err != nil {
		return nil, socketError(path, err)
	}
	return c, nil
}

// openDir opens the directory of a socket, and makes it private where own is set.
func openDir(path string, own bool) (dir *os.File, name string, err error) {
	parent, name := filepath.Split(filepath.Clean(path))
	if parent == "" {
		parent = "."
	}
	if own {
		if err := os.MkdirAll(parent, 0o700); err != nil {
			return nil, "", socketError(path, err)
		}
	}
	flags := unix.O_PATH
	if own {
		flags = os.O_RDONLY
	}
	dir, err = os.OpenFile(parent, flags|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, "", socketError(path, err)
	}
	if own {
		if err := dir.Chmod(0o700); err != nil {
			dir.Close()
			return nil, "", socketError(path, err)
		}
	}
	return dir, name, nil
}

// through is a short name for an entry of an open directory.
func through(dir *os.File, name string) string {
	return fmt.Sprintf("/proc/self/fd/%d/%s", dir.Fd(), name)
}

// clearStale removes a socket that nobody listens on.
func clearStale(dir *os.File, name, path string) error {
	var st unix.Stat_t
	err := unix.Fstatat(int(dir.Fd()), name, &st, unix.AT_SYMLINK_NOFOLLOW)
	if errors.Is(err, unix.ENOENT) {
		return nil
	}
	if err != nil {
		return socketError(path, err)
	}
	if st.Mode&unix.S_IFMT != unix.S_IFSOCK {
		return &module.Error{Kind: module.Invalid, Field: "admin socket", Value: path, Msg: "is there and is no socket",
			Hint: "move it away, or use another state directory"}
	}
	c, err := net.DialTimeout("unix", through(dir, name), probeTimeout)
	if err == nil {
		c.Close()
	}
	if !errors.Is(err, unix.ECONNREFUSED) {
		return &module.Error{Kind: module.Conflict, Field: "admin socket", Value: path, Msg: "another runtime listens on it",
			Hint: "stop it first, or use another state directory"}
	}
	if err := unix.Unlinkat(int(dir.Fd()), name, 0); err != nil && !errors.Is(err, unix.ENOENT) {
		return socketError(path, err)
	}
	return nil
}

// socketError says what is wrong with the socket and what to do.
func socketError(path string, err error) error {
	e := &module.Error{Kind: module.Internal, Field: "admin socket", Value: path, Err: cause(err)}
	switch {
	case errors.Is(err, unix.ENOENT), errors.Is(err, unix.ECONNREFUSED):
		e.Kind, e.Hint = module.Unavailable, "no runtime answers there; start one with segue run, or name its state directory with --state"
	case errors.Is(err, unix.EACCES), errors.Is(err, unix.EPERM):
		e.Kind, e.Hint = module.Denied, "only the runtime's own user and root may use it"
	case errors.Is(err, unix.ENOTDIR):
		e.Kind, e.Hint = module.Invalid, "name a directory"
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded):
		e.Kind = module.Timeout
	case errors.Is(err, context.Canceled):
		return err
	}
	return e
}

// cause takes off the path that the error carries, a short one of ours.
func cause(err error) error {
	var errno unix.Errno
	if errors.As(err, &errno) {
		return errno
	}
	return err
}

// listener gives connections with their actor.
type listener struct {
	*net.UnixListener
	dir  *os.File
	name string
	path string
	made unix.Stat_t // the socket as it was made
	may  func(uid uint32) bool

	once sync.Once
	err  error
}

// conn is a connection whose other end is known.
type conn struct {
	*net.UnixConn
	actor module.Actor
}

// Accept waits for a connection of somebody who may change things. Others are hung up
// on unheard.
func (l *listener) Accept() (net.Conn, error) {
	for {
		c, err := l.AcceptUnix()
		if err != nil {
			return nil, err
		}
		actor, err := peerActor(c)
		if err != nil || !l.may(*actor.UID) {
			c.Close() // nobody can say who it was, or it is a stranger
			continue
		}
		return &conn{UnixConn: c, actor: actor}, nil
	}
}

// Addr is the socket's path as it was given.
func (l *listener) Addr() net.Addr { return &net.UnixAddr{Net: "unix", Name: l.path} }

// Close ends Accept and removes the socket, if it is still this listener's.
func (l *listener) Close() error {
	l.once.Do(func() {
		var st unix.Stat_t
		var unlinkErr error
		if unix.Fstatat(int(l.dir.Fd()), l.name, &st, unix.AT_SYMLINK_NOFOLLOW) == nil &&
			st.Ino == l.made.Ino && st.Dev == l.made.Dev {
			unlinkErr = unix.Unlinkat(int(l.dir.Fd()), l.name, 0)
		}
		l.err = errors.Join(unlinkErr, l.UnixListener.Close(), l.dir.Close())
	})
	return l.err
}
