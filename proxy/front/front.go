package front

import (
	"context"
	"errors"
	"net"
	"sync"
	"time"

	"github.com/segue-run/segue/proxy"
)

// Config says what a front is in front of.
type Config struct {
	H1 proxy.Engine // for HTTP/1.0 and HTTP/1.1
	H2 proxy.Engine // for HTTP/2
}

// Front accepts connections.
type Front struct {
	cfg Config

	mu        sync.Mutex
	listeners map[net.Listener]struct{}
	closed    bool
}

// New makes a front.
func New(cfg Config) *Front { return &Front{cfg: cfg, listeners: map[net.Listener]struct{}{}} }

// Serve accepts connections from l, which it owns from here on, until Shutdown; it
// may be called for several listeners. It returns nil as soon as Shutdown begins, and
// otherwise the error that ended accepting; a lack of descriptors or memory does not
// end it.
func (f *Front) Serve(l net.Listener) error {
	if !f.add(l) {
		return l.Close()
	}
	l = enduring{l}
	for {
		conn, err := l.Accept()
		if err != nil {
			if again, ok := errors.AsType[temporary](err); ok && again.Temporary() {
				time.Sleep(5 * time.Millisecond)
				continue
			}
			if f.isClosed() {
				return nil
			}
			return err
		}
		peer := proxy.Peer{}
		if tcp, ok := conn.RemoteAddr().(*net.TCPAddr); ok {
			peer.Addr = tcp.AddrPort()
		}
		go f.cfg.H1.Serve(proxy.NewConn(conn, peer, nil, nil))
	}
}

func (f *Front) add(l net.Listener) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.closed {
		f.listeners[l] = struct{}{}
	}
	return !f.closed
}

func (f *Front) isClosed() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.closed
}

// Shutdown stops accepting and shuts the engines down; see proxy.Engine.
func (f *Front) Shutdown(ctx context.Context) error {
	f.mu.Lock()
	f.closed = true
	for l := range f.listeners {
		_ = l.Close()
	}
	f.mu.Unlock()
	errs := make(chan error, 2)
	go func() { errs <- f.cfg.H2.Shutdown(ctx) }()
	go func() { errs <- f.cfg.H1.Shutdown(ctx) }()
	return errors.Join(<-errs, <-errs)
}

// Stats are the sum of the engines' counters.
func (f *Front) Stats() proxy.Stats { return f.cfg.H1.Stats().Add(f.cfg.H2.Stats()) }
