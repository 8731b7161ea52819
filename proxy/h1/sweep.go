package h1

import (
	"time"

	"golang.org/x/sys/unix"

	"github.com/segue-run/segue/proxy"
)

// sweepEvery is how often the sweeper looks: what is late is late by that much more.
const sweepEvery = 100 * time.Millisecond

// sweep ends what is waited for too long, until the engine stops. While there is no
// connection it costs nothing.
func (e *Engine) sweep() {
	defer close(e.swept)
	tick := time.NewTicker(sweepEvery)
	defer tick.Stop()
	var conns []*conn
	for n := 1; ; n++ {
		select {
		case <-tick.C:
		case <-e.stop:
			return
		}
		if conns = e.snapshot(conns[:0]); len(conns) == 0 && e.idleLinks.Load() == 0 {
			select {
			case <-e.wake:
			case <-e.stop:
				return
			}
		}
		now := e.now()
		for _, c := range conns {
			c.sweep(now)
		}
		clear(conns)
		if n%10 == 0 && e.cfg.KeepIdle > 0 {
			e.pools.Range(func(_, p any) bool {
				p.(*pool).expire(now - int64(e.cfg.KeepIdle))
				return true
			})
		}
	}
}

// snapshot appends the connections of this moment.
func (e *Engine) snapshot(conns []*conn) []*conn {
	e.mu.Lock()
	defer e.mu.Unlock()
	for c := range e.conns {
		conns = append(conns, c)
	}
	return conns
}

// sweep ends what the connection waits for too long.
func (c *conn) sweep(now int64) {
	c.readDue.expire(now, func() { _ = c.SetReadDeadline(past) })
	t := c.current.Load()
	if t == nil {
		c.writeDue.expire(now, func() { _ = c.SetWriteDeadline(past) })
		return
	}
	if late := c.writeDue.at.Load(); late > 0 && late <= now && !t.takes(now) {
		c.writeDue.expire(now, func() { _ = c.SetWriteDeadline(past) })
	}
	slow := func() { t.late() }
	t.takeDue.expire(now, slow)
	if !t.waiting.Load() {
		t.answerDue.expire(now, slow)
	}
	t.totalDue.expire(now, func() { t.cutOff(proxy.ErrTimeout) })
	t.watchDue.expire(now, t.startWatch)
}

// late ends the attempt whose module has taken too long.
func (t *transit) late() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.attempt != nil {
		t.attempt.interruptLocked(proxy.ErrTimeout)
	}
	if t.tunnelled {
		_ = t.c.SetDeadline(past)
	}
}

// takes gives a client more time whose own end has taken, of what was written, what earns
// it: what waits in our socket was not taken. It reports whether there is more time.
func (t *transit) takes(now int64) bool {
	began := t.taking.began.Load()
	if began == 0 {
		return false // it is no body that is being written
	}
	p := pace{spent: t.taking.spent.Load() + now - began, bytes: t.c.written.Load() - t.taking.from - t.c.queued()}
	due := p.due(&t.e.cfg, now)
	if due <= now+1 {
		return false
	}
	t.c.writeDue.move(due)
	return true
}

// queued is how many bytes wait in the socket to be taken by the other end.
func (c *conn) queued() int64 {
	n := 0
	if c.watched != nil {
		_ = c.watched.Control(func(fd uintptr) { n, _ = unix.IoctlGetInt(int(fd), unix.TIOCOUTQ) })
	}
	return int64(n)
}
