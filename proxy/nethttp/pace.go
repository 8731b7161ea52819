package nethttp

import (
	"io"
	"time"
)

// paced times what a module does until the head of its answer: it must take each piece of
// the body in time, and then answer. One that takes nothing would hold up the transport for
// ever. The client's time does not count.
type paced struct {
	alarm
	body  io.Reader
	limit time.Duration
}

// Read gives the next piece.
func (p *paced) Read(b []byte) (int, error) {
	p.stop()
	n, err := p.body.Read(b)
	p.start(p.limit)
	return n, err
}

// Close does nothing: the server closes its body, and a transport that was not reached
// must leave it whole for the next one.
func (p *paced) Close() error { return nil }

// sent says that all of the request is on its way.
func (p *paced) sent() { p.start(p.limit) }
