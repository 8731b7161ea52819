package h1

import (
	"context"
	"errors"
	"net"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/segue-run/segue/proxy"
	"github.com/segue-run/segue/proxy/h1/wire"
)

// link is a connection to a module.
type link struct {
	socket
	pool  *pool
	local bool          // a unix socket: what is written there was not closed at that moment
	used  bool          // it has carried a request
	since int64         // when it was put back
	res   wire.Response // the last head

	closed atomic.Bool
}

// Close closes it, once.
func (l *link) Close() error {
	if !l.closed.CompareAndSwap(false, true) {
		return net.ErrClosed
	}
	defer l.pool.e.cfg.Links.Give()
	return l.socket.Close()
}

// pool is the connections to one target that are idle.
type pool struct {
	e      *Engine
	target proxy.Target

	mu      sync.Mutex
	idle    []*link // the last is taken first
	retired bool
}

// pool is the target's, made on first use and gone when the target retires.
func (e *Engine) pool(target proxy.Target) *pool {
	if p, ok := e.pools.Load(target); ok {
		return p.(*pool)
	}
	p, loaded := e.pools.LoadOrStore(target, &pool{e: e, target: target})
	if !loaded {
		target.OnRetire(func() {
			e.pools.Delete(target)
			p.(*pool).retire()
		})
	}
	return p.(*pool)
}

// get gives an idle connection; nil where there is none. Where it is not trusted that is one
// on which the module has said nothing.
func (p *pool) get(trusted bool) *link {
	for {
		p.mu.Lock()
		last := len(p.idle) - 1
		if last < 0 {
			p.mu.Unlock()
			return nil
		}
		l := p.idle[last]
		p.idle[last], p.idle = nil, p.idle[:last]
		p.mu.Unlock()
		p.e.idleLinks.Add(-1)
		if trusted || l.silent() {
			return l
		}
		_ = l.Close()
	}
}

// put takes a connection back.
func (p *pool) put(l *link) {
	l.used, l.since = true, p.e.now()
	clear(l.res.Fields) // which hold on to the head that they are cut out of
	l.res = wire.Response{Fields: l.res.Fields[:0]}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.retired || len(p.idle) >= p.e.cfg.MaxIdle || p.e.closing.Load() || p.e.cfg.Links.Scarce() {
		_ = l.Close()
		return
	}
	p.idle = append(p.idle, l)
	p.e.idleLinks.Add(1)
}

// expire closes what has been idle since before.
func (p *pool) expire(before int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := 0
	for n < len(p.idle) && p.idle[n].since < before {
		_ = p.idle[n].Close()
		n++
	}
	if n > 0 {
		rest := copy(p.idle, p.idle[n:])
		clear(p.idle[rest:])
		p.idle = p.idle[:rest]
		p.e.idleLinks.Add(int64(-n))
	}
}

// retire closes what is idle, and all that is put back.
func (p *pool) retire() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.retired = true
	for _, l := range p.idle {
		_ = l.Close()
	}
	p.e.idleLinks.Add(int64(-len(p.idle)))
	p.idle = nil
}

// dialError is a connection that did not come about: nothing was sent.
type dialError struct{ error }

func (e *dialError) Unwrap() error { return e.error }

// dial connects to the target, and leaves at once where the host lacks the means. A unix
// socket whose accept queue is full answers EAGAIN: that is a busy module, not a dead one.
func (p *pool) dial(ctx context.Context) (*link, error) {
	if err := p.e.cfg.Links.Take(); err != nil {
		return nil, &dialError{err}
	}
	l, err := p.connect(ctx)
	if err != nil {
		p.e.cfg.Links.Give()
	}
	return l, err
}

func (p *pool) connect(ctx context.Context) (*link, error) {
	for pause := time.Millisecond; ; pause = min(2*pause, 50*time.Millisecond) {
		conn, err := p.target.Dial(ctx)
		if err == nil {
			l := &link{pool: p}
			l.open(conn, largeBuffers)
			_, l.local = conn.(*net.UnixConn)
			return l, nil
		}
		if proxy.HostLacks(err) || !errors.Is(err, syscall.EAGAIN) {
			return nil, &dialError{err}
		}
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return nil, &dialError{err}
		}
	}
}
