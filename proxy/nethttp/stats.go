package nethttp

import (
	"net/http"
	"sync/atomic"
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

// Stats are the engine's counters at one moment; whole in each number, not across
// them.
type Stats struct {
	Requests uint64 // begun
	InFlight int    // upgraded ones too
	Tunnels  int    // of these, upgraded
	Retried  uint64 // tried a second time, having reached nobody
	Replayed uint64 // sent a second time, in place of an answer that was a failure
	Kept     int64  // bytes of memory for bodies that may be replayed, now
	Broken   uint64 // answers that broke off after they had begun
	// Own counts the answers that the engine gave by itself, by status: 400, 404,
	// 500, 501, 502, 503, 504.
	Own map[int]uint64
}

// Stats reads the counters.
func (e *Engine) Stats() Stats {
	c := &e.counters
	s := Stats{Requests: c.requests.Load(), InFlight: int(e.inFlight.Load()), Tunnels: int(c.tunnels.Load()),
		Retried: c.retried.Load(), Replayed: c.replayed.Load(), Kept: e.memory.used.Load(), Broken: c.broken.Load(), Own: make(map[int]uint64, len(ownStatuses))}
	for i, status := range ownStatuses {
		s.Own[status] = c.own[i].Load()
	}
	return s
}
