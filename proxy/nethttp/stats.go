package nethttp

import (
	"net"
	"net/http"
	"sync/atomic"

	"github.com/segue-run/segue/proxy"
)

// counters of the engine; own answers are counted by status.
type counters struct {
	requests atomic.Uint64
	retried  atomic.Uint64
	replayed atomic.Uint64
	broken   atomic.Uint64
	tunnels  atomic.Int64
	conns    atomic.Int64 // but for tunnels
	own      [len(ownStatuses)]atomic.Uint64
}

// ownStatuses are what the engine answers by itself.
var ownStatuses = [...]int{
	http.StatusBadRequest,
	http.StatusNotFound,
	http.StatusRequestTimeout,
	http.StatusRequestEntityTooLarge,
	http.StatusRequestURITooLong,
	http.StatusTooManyRequests,
	http.StatusRequestHeaderFieldsTooLarge,
	http.StatusInternalServerError,
	http.StatusNotImplemented,
	http.StatusBadGateway,
	http.StatusServiceUnavailable,
	http.StatusGatewayTimeout,
}

func (c *counters) answered(status int) {
	for i, s := range ownStatuses {
		if s == status {
			c.own[i].Add(1)
		}
	}
}

// connState counts connections. A hijacked one is a tunnel, or was never one of ours.
func (c *counters) connState(_ net.Conn, s http.ConnState) {
	switch s {
	case http.StateNew:
		c.conns.Add(1)
	case http.StateClosed, http.StateHijacked:
		c.conns.Add(-1)
	}
}

// Stats reads the counters.
func (e *Engine) Stats() proxy.Stats {
	c := &e.counters
	tunnels := int(c.tunnels.Load())
	s := proxy.Stats{Connections: int(c.conns.Load()) + tunnels, Requests: c.requests.Load(), InFlight: int(e.inFlight.Load()), Tunnels: tunnels,
		Retried: c.retried.Load(), Replayed: c.replayed.Load(), Kept: e.memory.Used(), Broken: c.broken.Load(), Own: make(map[int]uint64, len(ownStatuses))}
	for i, status := range ownStatuses {
		s.Own[status] = c.own[i].Load()
	}
	return s
}
