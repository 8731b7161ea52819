package front

import (
	"context"
	"net"
	"net/http"
	"sync"

	"go.uber.org/zap"

	"github.com/segue-run/segue/proxy"
)

// handler serves the connections of a listener that has a handler of its own. It is the
// listener of a net/http server.
type handler struct {
	server *http.Server
	conns  chan net.Conn
	ended  chan struct{} // closed when no more is taken
	once   sync.Once
	served chan struct{} // closed when the server takes no more
	busy   sync.WaitGroup
}

func newHandler(h http.Handler, cfg Config) *handler {
	s := &handler{conns: make(chan net.Conn), ended: make(chan struct{}), served: make(chan struct{})}
	counted := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.busy.Add(1)
		defer s.busy.Done()
		h.ServeHTTP(w, r)
	})
	s.server = &http.Server{Handler: counted, ConnContext: withPeer, ReadHeaderTimeout: cfg.HeadTimeout, ReadTimeout: 2 * cfg.HeadTimeout,
		WriteTimeout: 2 * cfg.HeadTimeout, MaxHeaderBytes: 16 << 10, ErrorLog: zap.NewStdLog(cfg.Logger)}
	go func() {
		defer close(s.served)
		_ = s.server.Serve(s) // until close
	}()
	return s
}

// peerKey is the key of a request's *proxy.Peer.
type peerKey struct{}

// withPeer notes in a connection's context who its peer is.
func withPeer(ctx context.Context, conn net.Conn) context.Context {
	if own, is := conn.(*proxy.Conn); is {
		return context.WithValue(ctx, peerKey{}, &own.Peer)
	}
	return ctx
}

// Serve hands a connection to the server.
func (s *handler) Serve(conn *proxy.Conn) {
	select {
	case s.conns <- conn:
	case <-s.ended:
		conn.Close()
	}
}

// close ends it and all connections.
func (s *handler) close() {
	_ = s.Close()
	<-s.served
	_ = s.server.Close()
	s.busy.Wait()
}

// Accept implements net.Listener.
func (s *handler) Accept() (net.Conn, error) {
	select {
	case conn := <-s.conns:
		return conn, nil
	case <-s.ended:
		return nil, net.ErrClosed
	}
}

// Close implements net.Listener.
func (s *handler) Close() error {
	s.once.Do(func() { close(s.ended) })
	return nil
}

// Addr implements net.Listener.
func (s *handler) Addr() net.Addr { return &net.TCPAddr{} }
