package nethttp

import (
	"context"
	"net/http/httptrace"
	"sync/atomic"
	"time"

	"github.com/segue-run/segue/proxy"
)

// signals are what the transport tells of one attempt, from its own goroutines, and
// perhaps after the attempt was given up for another.
type signals struct {
	transit  *transit
	trace    httptrace.ClientTrace
	exchange proxy.Exchange
	began    time.Time
	paced    *paced
	sentAt   atomic.Int64 // nanoseconds after began, plus one; 0 until all was sent
	hushed   bool         // under transit.informing: nobody listens any more
}

// listen gives the context of an attempt that s is told of.
func (s *signals) listen(t *transit) context.Context {
	s.transit = t
	s.trace.Got1xxResponse, s.trace.WroteRequest = s.inform, s.wrote
	return httptrace.WithClientTrace(t.ctx, &s.trace)
}

// begin comes before anything is told of the attempt.
func (s *signals) begin(exchange proxy.Exchange) {
	s.exchange, s.began, s.paced = exchange, s.transit.tried, nil
	s.sentAt.Store(0)
}

// wrote notes that the request has been sent.
func (s *signals) wrote(info httptrace.WroteRequestInfo) {
	if info.Err != nil {
		return
	}
	s.paced.sent()
	now := time.Now()
	s.sentAt.Store(int64(now.Sub(s.began)) + 1)
	s.exchange.Sent(now)
}

// wait is the time since then; 0 before.
func (s *signals) wait() time.Duration {
	sent := s.sentAt.Load()
	if sent == 0 {
		return 0
	}
	return max(time.Since(s.began)-time.Duration(sent-1), 0)
}
