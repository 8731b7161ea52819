package nethttp

import (
	"context"
	"net"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/segue-run/segue/proxy"
)

// counted is a connection to a module that knows how much was written to it, and counts as
// one of all.
type counted struct {
	net.Conn
	links   *proxy.Links
	written atomic.Int64
	closed  atomic.Bool
}

// Close closes it, once.
func (c *counted) Close() error {
	if !c.closed.CompareAndSwap(false, true) {
		return net.ErrClosed
	}
	defer c.links.Give()
	return c.Conn.Close()
}

// Write counts.
func (c *counted) Write(p []byte) (int, error) {
	n, err := c.Conn.Write(p)
	c.written.Add(int64(n))
	return n, err
}

// CloseWrite ends the side towards the module, where the connection can do that.
func (c *counted) CloseWrite() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return net.ErrClosed
}

// link is a connection to a module that carries one request at a time. It sends none a
// second time by itself, as a pool of net/http's would.
type link struct {
	*http.ClientConn
	pool  *links
	conn  *counted
	kept  bool // it has carried a request before
	since time.Time
	// withheld says that its answer has declared a body that was not to come.
	withheld bool
}

// links are the connections to one target that are kept for the next request.
type links struct {
	e      *Engine
	target proxy.Target

	mu     sync.Mutex // never held while anything is dialled or closed
	idle   []*link    // in the order of since
	sweep  *time.Timer
	closed bool
}

// take gives a link that was kept, or a new one; its error is a *dialError.
func (p *links) take(ctx context.Context, timeout time.Duration) (*link, error) {
	if l := p.takeIdle(); l != nil {
		return l, nil
	}
	conn, err := p.e.dial(ctx, p.target, timeout)
	if err != nil {
		return nil, err
	}
	l := &link{pool: p, conn: conn}
	l.ClientConn, err = p.e.http1.NewClientConn(context.WithValue(ctx, dialledKey{}, l.conn), "http", upstreamHost+":80")
	if err != nil {
		conn.Close()
		return nil, &dialError{err}
	}
	return l, nil
}

// takeIdle gives the one that was used last, if there is one that lives.
func (p *links) takeIdle() *link {
	p.mu.Lock()
	defer p.mu.Unlock()
	for len(p.idle) > 0 {
		last := len(p.idle) - 1
		l := p.idle[last]
		p.idle[last] = nil
		p.idle = p.idle[:last]
		if l.Available() > 0 {
			return l
		}
	}
	return nil
}

// put keeps a link for the next request, if it can carry one; else it is closed.
func (p *links) put(l *link) {
	l.kept, l.since = true, time.Now()
	if l.withheld || l.Available() == 0 || !p.keep(l) {
		l.Close()
	}
}

func (p *links) keep(l *link) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed || len(p.idle) >= p.e.cfg.MaxIdle || p.e.cfg.Links.Scarce() {
		return false
	}
	p.idle = append(p.idle, l)
	if len(p.idle) == 1 {
		p.sweepLocked(p.e.cfg.KeepIdle)
	}
	return true
}

func (p *links) sweepLocked(in time.Duration) {
	if p.sweep == nil {
		p.sweep = time.AfterFunc(in, p.expire)
	} else {
		p.sweep.Reset(in)
	}
}

// expire closes what was idle for too long.
func (p *links) expire() {
	p.mu.Lock()
	old := 0
	now := time.Now()
	for old < len(p.idle) && now.Sub(p.idle[old].since) >= p.e.cfg.KeepIdle {
		old++
	}
	gone := slices.Clone(p.idle[:old])
	p.idle = slices.Delete(p.idle, 0, old)
	if len(p.idle) > 0 && !p.closed {
		p.sweepLocked(p.e.cfg.KeepIdle - now.Sub(p.idle[0].since))
	}
	p.mu.Unlock()
	for _, l := range gone {
		l.Close()
	}
}

// close closes what is idle; what comes back later is not kept.
func (p *links) close() {
	p.mu.Lock()
	gone := p.idle
	p.idle, p.closed = nil, true
	if p.sweep != nil {
		p.sweep.Stop()
	}
	p.mu.Unlock()
	for _, l := range gone {
		l.Close()
	}
}
