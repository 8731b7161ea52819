package nethttp

import (
	"context"
	"crypto/rand"
	"net"
	"net/http"
	"net/netip"

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

// client is who a request is from, and what its module is told of that.
type client struct {
	Addr   netip.Addr // invalid where the peer has none
	Secure bool
	ID     string
	host   string
}

// readClient finds who is behind a request of the peer's.
func readClient(peer proxy.Peer, in *http.Request) client {
	return client{Addr: peer.Addr.Addr().Unmap().WithZone(""), Secure: peer.Secure, ID: rand.Text(), host: in.Host}
}

// tell gives the lines that a module gets for a request that comes to it by the route.
func (c *client) tell(route *proxy.Route, add func(name, value string)) {
	if c.Addr.IsValid() {
		add("X-Forwarded-For", c.Addr.String())
	}
	if c.host != "" {
		add("X-Forwarded-Host", c.host)
	}
	if c.Secure {
		add("X-Forwarded-Proto", "https")
	} else {
		add("X-Forwarded-Proto", "http")
	}
	if route.Strip && route.Prefix != "" {
		add("X-Forwarded-Prefix", route.Prefix)
	}
	add(requestIDHeader, c.ID)
}

// resetIfUnframed has the connection of a client that knows the end of an answer only
// by the connection's end closed with a reset: an orderly end would say that the
// answer was whole.
func resetIfUnframed(in *http.Request) {
	if in.ProtoAtLeast(1, 1) {
		return
	}
	if conn := connOf(in); conn != nil {
		if tcp, ok := conn.Conn.(*net.TCPConn); ok {
			_ = tcp.SetLinger(0)
		}
	}
}
