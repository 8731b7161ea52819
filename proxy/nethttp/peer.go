package nethttp

import (
	"context"
	"net"
	"net/http"

	"github.com/segue-run/segue/proxy"
)

type connKey struct{}

// withConn keeps a connection at hand for connOf.
func withConn(ctx context.Context, conn net.Conn) context.Context {
	return context.WithValue(ctx, connKey{}, conn)
}

// connOf is the connection that a request came over; nil where it came over none of ours.
func connOf(in *http.Request) *proxy.Conn {
	conn, _ := in.Context().Value(connKey{}).(*proxy.Conn)
	return conn
}

// tell puts into a header what the module is told of its client.
func (t *transit) tell(header http.Header, route *proxy.Route) {
	t.from.Tell(route, func(name, value string) { header[name] = []string{value} })
	if !t.from.Traced {
		delete(header, "Traceparent")
		delete(header, "Tracestate")
	}
}

// resetIfUnframed has the connection of a client that knows the end of an answer only
// by the connection's end closed with a reset: an orderly end would say that the
// answer was whole, and so would the last words of TLS.
func resetIfUnframed(in *http.Request) {
	if in.ProtoAtLeast(1, 1) {
		return
	}
	if conn := connOf(in); conn != nil {
		if tcp, ok := conn.Beneath().(*net.TCPConn); ok {
			_ = tcp.SetLinger(0)
			_ = tcp.Close()
		}
	}
}
