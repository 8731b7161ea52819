package traffic

import (
	"math/rand/v2"
	"time"
)

// Request is one request before it is dealt to a side.
type Request struct {
	Number uint64        // from 0
	At     time.Duration // since the first
	Key    int           // who asks, from 0; -1 where nobody is told apart
	Fails  bool          // whoever answers it
}

// Config describes a stream of requests.
type Config struct {
	// Rate is how many requests a second come, evenly: so that whatever keeps step
	// with the clock keeps step with the requests' numbers as well.
	Rate float64
	// Shape is how those that fail are spread over the stream; nil for none.
	Shape Shape
	// Keys is how many users there are; some ask much more often than others. 0
	// tells nobody apart.
	Keys int
}

// Source gives one stream's requests in order.
type Source struct {
	draw  *rand.Rand
	gap   float64 // nanoseconds
	fails Rule
	keys  *crowd
	next  uint64
}

// New makes the stream of a seed; draw is the stream's alone from then on.
func New(cfg Config, draw *rand.Rand) *Source {
	s := &Source{draw: draw, gap: float64(time.Second) / cfg.Rate, fails: func(Request) bool { return false }}
	if cfg.Shape != nil {
		s.fails = cfg.Shape(draw)
	}
	if cfg.Keys > 0 {
		s.keys = crowdOf(cfg.Keys)
	}
	return s
}

// Next is the next request; there is always one.
func (s *Source) Next() Request {
	r := Request{Number: s.next, At: time.Duration(float64(s.next) * s.gap), Key: -1}
	if s.keys != nil {
		r.Key = s.keys.pick(s.draw)
	}
	r.Fails = s.fails(r)
	s.next++
	return r
}
