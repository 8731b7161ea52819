package nethttp

import (
	"net"
	"sync"

	"github.com/segue-run/segue/proxy"
)

// feed is a listener of connections that somebody else has accepted.
type feed struct {
	conns  chan *proxy.Conn
	closed chan struct{}
	once   sync.Once
}

func newFeed() *feed { return &feed{conns: make(chan *proxy.Conn), closed: make(chan struct{})} }

// give hands a connection to the server; false where there is none any more.
func (f *feed) give(conn *proxy.Conn) bool {
	select {
	case <-f.closed:
		return false
	default:
	}
	select {
	case f.conns <- conn:
		return true
	case <-f.closed:
		return false
	}
}

// Accept implements net.Listener.
func (f *feed) Accept() (net.Conn, error) {
	select {
	case conn := <-f.conns:
		return conn, nil
	case <-f.closed:
		return nil, net.ErrClosed
	}
}

// Close implements net.Listener.
func (f *feed) Close() error {
	f.once.Do(func() { close(f.closed) })
	return nil
}

// Addr implements net.Listener.
func (f *feed) Addr() net.Addr { return &net.TCPAddr{} }
