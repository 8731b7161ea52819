package h1

import (
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
	own      [len(ownStatuses)]atomic.Uint64
}

// ownStatuses are what the engine answers by itself.
var ownStatuses = [...]int{
	http.StatusBadRequest,
	http.StatusNotFound,
	http.StatusRequestTimeout,
	http.StatusRequestEntityTooLarge,
	http.StatusRequestURITooLong,
	http.StatusExpectationFailed,
	http.StatusTooManyRequests,
	http.StatusRequestHeaderFieldsTooLarge,
	http.StatusInternalServerError,
	http.StatusNotImplemented,
	http.StatusBadGateway,
	http.StatusServiceUnavailable,
	http.StatusGatewayTimeout,
	http.StatusHTTPVersionNotSupported,
}

func (c *counters) answered(status int) {
	for i, s := range ownStatuses {
		if s == status {
			c.own[i].Add(1)
		}
	}
}

// Stats reads the counters.
func (e *Engine) Stats() proxy.Stats {
	c := &e.counters
	e.mu.Lock()
	connections := len(e.conns)
	e.mu.Unlock()
	s := proxy.Stats{Connections: connections, Requests: c.requests.Load(), InFlight: int(e.inFlight.Load()), Tunnels: int(c.tunnels.Load()),
		Retried: c.retried.Load(), Replayed: c.replayed.Load(), Kept: e.memory.Used(), Broken: c.broken.Load(), Own: make(map[int]uint64, len(ownStatuses))}
	for i, status := range ownStatuses {
		s.Own[status] = c.own[i].Load()
	}
	return s
}
