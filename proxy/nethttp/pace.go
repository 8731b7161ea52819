package nethttp

import (
	"io"
	"sync"
	"time"
)

// paced is a request's body of which a module must take each piece in time: one that
// takes nothing would hold up the transport for ever. The client's time does not count.
type paced struct {
	body  io.ReadCloser
	limit time.Duration
	late  func() // called once at most, from any goroutine

	mu    sync.Mutex // never held while anything is read
	timer *time.Timer
	due   time.Time // of the next read; zero while there is none
	over  bool
}

// Read gives the next piece.
func (p *paced) Read(b []byte) (int, error) {
	p.stop(false)
	n, err := p.body.Read(b)
	p.start()
	return n, err
}

// Close closes the body.
func (p *paced) Close() error { return p.body.Close() }

func (p *paced) start() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.over {
		return
	}
	p.due = time.Now().Add(p.limit)
	if p.timer == nil {
		p.timer = time.AfterFunc(p.limit, p.expire)
	} else {
		p.timer.Reset(p.limit)
	}
}

// stop ends the time for a piece; for good, if over. A nil one has none.
func (p *paced) stop(over bool) {
	if p == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.due, p.over = time.Time{}, p.over || over
	if p.timer != nil {
		p.timer.Stop()
	}
}

// expire may come late, when another piece is under way.
func (p *paced) expire() {
	p.mu.Lock()
	late := !p.over && !p.due.IsZero() && !time.Now().Before(p.due)
	p.over = p.over || late
	p.mu.Unlock()
	if late {
		p.late()
	}
}
