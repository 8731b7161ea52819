package proxy

import (
	"context"
	"net"
	"net/netip"
	"sync"
)

// Engine carries the requests of connections that somebody else has accepted.
type Engine interface {
	// Serve carries what comes over the connection until it ends, and closes it. It may
	// return before that.
	Serve(*Conn)
	// Shutdown waits for the requests in flight, upgraded ones too; connections are closed
	// as their requests end, and ones that come are closed at once. When ctx ends first,
	// the rest is cut off with the cause ErrDraining and the error is ctx's. Nothing of the
	// engine runs any more when it returns. An engine is not used again.
	Shutdown(ctx context.Context) error
	// Stats reads the counters.
	Stats() Stats
}

// Peer is who is at the other end of a client's connection.
type Peer struct {
	Addr netip.AddrPort // invalid where it has none
	// Trusted peers are proxies of the operator's own: what they say of the client, in
	// headers, is believed.
	Trusted bool
	// Trusts tells the other ones; nil where there are none. It does not block.
	Trusts func(netip.Addr) bool
	Secure bool // the connection is TLS
	// ServerName is the name that the client asked for in its TLS handshake; may be empty.
	ServerName string
}

// Conn is a client's connection, from its front to its engine.
type Conn struct {
	// Conn is the connection itself: a *net.TCPConn, a *net.UnixConn or a *tls.Conn.
	net.Conn
	Peer Peer
	// Early is what was read of it already: Read gives that first. Who reads from Conn.Conn
	// itself takes it, and leaves nil.
	Early []byte

	once   sync.Once
	closed func()
}

// NewConn makes one. closed, if not nil, is called once, when it is closed.
func NewConn(conn net.Conn, peer Peer, early []byte, closed func()) *Conn {
	return &Conn{Conn: conn, Peer: peer, Early: early, closed: closed}
}

// Read gives what was read already, and then reads on.
func (c *Conn) Read(p []byte) (int, error) {
	if len(c.Early) > 0 {
		n := copy(p, c.Early)
		c.Early = c.Early[n:]
		return n, nil
	}
	return c.Conn.Read(p)
}

// Beneath is the connection that carries the bytes of c.Conn, such as what TLS runs over.
func (c *Conn) Beneath() net.Conn {
	conn := c.Conn
	for {
		layer, ok := conn.(interface{ NetConn() net.Conn })
		if !ok {
			return conn
		}
		conn = layer.NetConn()
	}
}

// Close closes the connection.
func (c *Conn) Close() error {
	err := c.Conn.Close()
	c.once.Do(func() {
		if c.closed != nil {
			c.closed()
		}
	})
	return err
}

// CloseWrite ends the side towards the client, where the connection can do that.
func (c *Conn) CloseWrite() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return net.ErrClosed
}
