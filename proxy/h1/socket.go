package h1

import (
	"io"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// past is a deadline that ends what waits.
var past = time.Unix(1, 0)

// socket is a connection that is read and written without a buffer being held while it is
// waited for. One goroutine at a time reads, and one writes.
type socket struct {
	net.Conn
	raw     syscall.RawConn // nil where the bytes are not the socket's own
	buffers *sync.Pool      // for await

	read struct {
		try func(fd uintptr) bool
		p   []byte
		buf *buffer // of await
		n   int
		err error

		look   func(fd uintptr) bool
		silent bool

		ask  func(fd uintptr) bool
		asks asker // what it is still to ask
	}
	write struct {
		try  func(fd uintptr) bool
		p, q []byte // q behind p
		err  error
	}
	written atomic.Int64 // bytes, ever
}

// open makes s the socket of conn.
func (s *socket) open(conn net.Conn, buffers *sync.Pool) {
	s.Conn, s.buffers = conn, buffers
	if s.raw = rawOf(conn); s.raw != nil {
		s.read.try, s.read.look, s.read.ask, s.write.try = s.tryRead, s.look, s.tryAsk, s.tryWrite
	}
}

// rawOf is nil for what is no TCP or unix socket of the kernel's.
func rawOf(conn net.Conn) syscall.RawConn {
	switch conn := conn.(type) {
	case *net.TCPConn:
		if raw, err := conn.SyscallConn(); err == nil {
			return raw
		}
	case *net.UnixConn:
		if raw, err := conn.SyscallConn(); err == nil {
			return raw
		}
	}
	return nil
}

// Read reads into p, which is not empty.
func (s *socket) Read(p []byte) (int, error) {
	if s.raw == nil {
		return s.Conn.Read(p)
	}
	s.read.p, s.read.n, s.read.err = p, 0, nil
	err := s.raw.Read(s.read.try)
	s.read.p = nil
	if err == nil {
		err = s.read.err
	}
	if err == nil && s.read.n == 0 {
		err = io.EOF
	}
	return s.read.n, err
}

// await waits until there is something to be read, and gives it in a buffer that is taken
// only then, where that can be. The buffer is nil where nothing was read.
func (s *socket) await() (*buffer, int, error) {
	if s.raw == nil {
		buf := take(s.buffers)
		n, err := s.Conn.Read(buf.b)
		if n == 0 {
			buf.free()
			buf = nil
		}
		return buf, n, err
	}
	n, err := s.Read(nil)
	buf := s.read.buf
	s.read.buf = nil
	return buf, n, err
}

// asker is what is asked on a socket.
type asker interface {
	// dispatch writes it.
	dispatch() error
}

// ask dispatches a once it is sure that the other end is there and has said nothing, and then
// awaits what it says. The look counts for the wait, which needs none of its own. errDead
// where nothing was dispatched; what the other end had said is lost then.
func (s *socket) ask(a asker) (*buffer, int, error) {
	if s.raw == nil {
		if err := a.dispatch(); err != nil {
			return nil, 0, err
		}
		return s.await()
	}
	r := &s.read
	r.asks, r.n, r.err = a, 0, nil
	err := s.raw.Read(r.ask)
	buf, unasked := r.buf, r.asks != nil
	r.buf, r.asks = nil, nil
	switch {
	case unasked:
		return nil, 0, errDead
	case err == nil:
		err = r.err
	}
	if err == nil && r.n == 0 {
		err = io.EOF
	}
	return buf, r.n, err
}

// tryAsk reports false where it must wait.
func (s *socket) tryAsk(fd uintptr) bool {
	r := &s.read
	if r.asks == nil {
		return s.tryRead(fd)
	}
	if s.look(fd); !r.silent {
		return true
	}
	a := r.asks
	r.asks = nil
	r.err = a.dispatch()
	return r.err != nil
}

// tryRead reports false where it must wait.
func (s *socket) tryRead(fd uintptr) bool {
	r := &s.read
	p := r.p
	if p == nil {
		r.buf = take(s.buffers)
		p = r.buf.b
	}
	var again bool
	r.n, r.err, again = readSocket(int(fd), p)
	if r.n == 0 && r.buf != nil {
		r.buf.free()
		r.buf = nil
	}
	return !again
}

// readSocket reads what is there; again, where nothing is.
func readSocket(fd int, p []byte) (n int, err error, again bool) {
	for {
		n, err = syscall.Read(fd, p)
		switch err {
		case nil:
			return n, nil, false
		case syscall.EINTR:
		case syscall.EAGAIN:
			return 0, nil, true
		default:
			return 0, os.NewSyscallError("read", err), false
		}
	}
}

// Write writes all of p. What the other end's socket has taken is counted as it goes.
func (s *socket) Write(p []byte) (int, error) { return s.writeBoth(p, nil) }

// writeBoth writes all of p, and then of q, at once where it can.
func (s *socket) writeBoth(p, q []byte) (int, error) {
	if s.raw == nil {
		s.written.Add(int64(len(p) + len(q)))
		n, err := s.Conn.Write(p)
		if err == nil && len(q) > 0 {
			n, err = s.Conn.Write(q)
			n += len(p)
		}
		return n, err
	}
	s.write.p, s.write.q, s.write.err = p, q, nil
	err := s.raw.Write(s.write.try)
	n := len(p) + len(q) - len(s.write.p) - len(s.write.q)
	s.write.p, s.write.q = nil, nil
	if err == nil {
		err = s.write.err
	}
	return n, err
}

// tryWrite reports false where it must wait.
func (s *socket) tryWrite(fd uintptr) bool {
	w := &s.write
	for len(w.p)+len(w.q) > 0 {
		if len(w.p) == 0 {
			w.p, w.q = w.q, nil
		}
		var n int
		var err error
		if len(w.q) == 0 {
			n, err = syscall.Write(int(fd), w.p)
		} else {
			n, err = unix.Writev(int(fd), [][]byte{w.p, w.q})
		}
		switch err {
		case nil:
			s.written.Add(int64(n))
			m := min(n, len(w.p))
			w.p, w.q = w.p[m:], w.q[n-m:]
		case syscall.EINTR:
		case syscall.EAGAIN:
			return false
		default:
			w.err = os.NewSyscallError("write", err)
			return true
		}
	}
	return true
}

// silent reports whether the other end is there and has said nothing. What it has said is
// lost.
func (s *socket) silent() bool {
	if s.raw == nil {
		return true
	}
	return s.raw.Read(s.read.look) == nil && s.read.silent
}

func (s *socket) look(fd uintptr) bool {
	var one [1]byte
	_, _, s.read.silent = readSocket(int(fd), one[:])
	return true
}
