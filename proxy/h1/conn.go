package h1

import (
	"bytes"
	"errors"
	"net"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/segue-run/segue/proxy"
	"github.com/segue-run/segue/proxy/h1/wire"
)

const (
	// lastWords is how long a client that is being cut off may take to read what it
	// is told, and to stop sending.
	lastWords = time.Second
	// lastBytes is how much is read of it in that time.
	lastBytes = 1 << 20
)

// What a connection is at.
const (
	connIdle   int32 = iota // between two requests
	connBusy                // from the first byte of a request to the last of its answer
	connClosed              // by a shutdown, while it was idle
)

// conn is a client's connection. One goroutine serves it; while a body goes up, another one
// reads.
type conn struct {
	e  *Engine
	pc *proxy.Conn
	socket
	watched syscall.RawConn // the socket beneath, nil where it is none of the kernel's

	in   *buffer // nil where nothing is there
	r, w int     // in[r:w] is to be read
	head wire.Request

	state    atomic.Int32
	current  atomic.Pointer[transit] // nil between requests
	cut      atomic.Bool             // a shutdown has no more time: current is looked at after it was set
	readDue  due                     // from the client
	writeDue due                     // it must have taken something by then
	serves   bool                    // it has served a request
}

func newConn(e *Engine, pc *proxy.Conn) *conn {
	c := &conn{e: e, pc: pc}
	c.open(pc.Conn, smallBuffers)
	c.watched = rawOf(pc.Beneath())
	if len(pc.Early) > 0 {
		c.in = take(smallBuffers)
		for len(c.in.b) < len(pc.Early) {
			c.in = c.in.larger()
		}
		c.w = copy(c.in.b, pc.Early)
		pc.Early = nil
	}
	return c
}

// serve serves requests until the connection is to end.
func (c *conn) serve() {
	for {
		err := c.readHead()
		if err == nil {
			if !c.request() {
				return
			}
			c.serves = true
			continue
		}
		if refusal, ok := errors.AsType[*wire.SyntaxError](err); ok {
			c.refuseHead(refusal.Status, refusal.Msg)
		} else if errors.Is(err, errLate) && c.w > c.r {
			c.refuseHead(408, "")
		}
		return
	}
}

// errLate is a client, or a module, that did not do what it was waited for.
var errLate = errors.New("it took too long")

// readHead reads the head of the next request.
func (c *conn) readHead() error {
	if c.r < c.w {
		c.state.Store(connBusy)
	} else if err := c.first(); err != nil {
		return err
	}
	late := c.e.after(c.e.cfg.HeadTimeout)
	for look := true; ; {
		if look {
			n, err := c.head.Parse(c.in.b[c.r:c.w], &c.e.requests)
			if err != nil {
				return err
			}
			if n > 0 {
				c.r += n
				return nil
			}
		}
		n, err := c.more(late)
		if err != nil {
			return err
		}
		// A head that comes byte by byte is not to be read again and again.
		look = c.w-c.r >= c.e.requests.Bytes || bytes.IndexByte(c.in.b[c.w-n:c.w], '\n') >= 0
	}
}

// first waits for the first bytes of a request.
func (c *conn) first() error {
	c.release()
	clear(c.head.Fields) // which hold on to the head that they are cut out of
	c.head = wire.Request{Fields: c.head.Fields[:0]}
	if !c.state.CompareAndSwap(connBusy, connIdle) && c.state.Load() == connClosed {
		return net.ErrClosed
	}
	if c.e.closing.Load() {
		return net.ErrClosed
	}
	wait := c.e.cfg.IdleTimeout
	if !c.serves {
		wait = c.e.cfg.HeadTimeout
	}
	c.readDue.set(c.e.after(wait))
	buf, n, err := c.await()
	if !c.readDue.met() {
		err = errLate
		_ = c.SetReadDeadline(time.Time{}) // it may have come at the same moment
	}
	if n > 0 {
		c.in, c.r, c.w = buf, 0, n
		err = nil
	}
	if err == nil && !c.state.CompareAndSwap(connIdle, connBusy) {
		return net.ErrClosed
	}
	return err
}

// more reads more behind what is there, until late; it gives something or an error.
func (c *conn) more(late int64) (int, error) {
	c.room()
	c.readDue.set(late)
	n, err := c.Read(c.in.b[c.w:])
	if !c.readDue.met() {
		return 0, errLate
	}
	c.w += n
	if n > 0 {
		return n, nil
	}
	return 0, err
}

// room makes room to read more into.
func (c *conn) room() {
	switch {
	case c.in == nil:
		c.in, c.r, c.w = take(smallBuffers), 0, 0
	case c.r == c.w:
		c.r, c.w = 0, 0
	case c.w == len(c.in.b) && c.r > 0:
		c.w = copy(c.in.b, c.in.b[c.r:c.w])
		c.r = 0
	case c.w == len(c.in.b):
		c.in = c.in.larger()
	}
}

// release gives the buffer back, where nothing is in it.
func (c *conn) release() {
	if c.in != nil {
		c.in.free()
		c.in, c.r, c.w = nil, 0, 0
	}
}

// linger ends our side, and reads for a moment what the client still sends: closed with
// something unread, the connection would be reset, and the client might not come to read
// what it was told.
func (c *conn) linger() {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); !ok || half.CloseWrite() != nil {
		return
	}
	_ = c.SetReadDeadline(time.Now().Add(lastWords))
	for left := lastBytes; left > 0; {
		buf, n, err := c.await()
		buf.free()
		if left -= n; err != nil || n == 0 {
			return
		}
	}
}
