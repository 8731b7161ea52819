package h1

import (
	"net"
	"time"

	"github.com/segue-run/segue/proxy"
)

// finish ends the request: nothing of it is under way any more when it returns, and the
// connection is as the next one needs it, or as its end needs it.
func (t *transit) finish(end ending) {
	t.letGo(false)
	if t.kept != nil {
		t.kept.end()
	}
	t.stopWatch()
	t.totalDue.met()
	t.watchDue.met()
	t.mu.Lock()
	t.over = true
	if !t.cutting.IsZero() && end == goesOn {
		_ = t.c.SetDeadline(time.Time{}) // it came too late to matter
	}
	t.mu.Unlock()
	t.ctx.end(nil)
	t.forget()
	t.out.free()
	t.o = nil
	t.log()
	switch {
	case end == broken && t.outcome.Reached:
		t.e.counters.broken.Add(1)
		t.reset()
	case end == ends && (!t.head.Close || t.unread() || t.c.r < t.c.w) && !t.tunnelled:
		t.c.linger()
	}
}

// reset has the connection of a client that knows the end of an answer only by the
// connection's end closed with a reset: an orderly end would say that the answer was whole,
// and so would the last words of TLS.
func (t *transit) reset() {
	if t.head.Minor > 0 {
		return
	}
	if tcp, ok := t.c.pc.Beneath().(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
		_ = tcp.Close()
	}
}

// log tells of the request when all is over.
func (t *transit) log() {
	log := t.e.cfg.Log
	if log == nil {
		return
	}
	entry := proxy.Entry{Request: &t.request, Protocol: "HTTP/1.1", Route: t.request.Route, Outcome: t.outcome, Status: t.status, Refused: t.refused,
		Began: t.e.epoch.Add(time.Duration(t.began)), Duration: time.Duration(t.e.now() - t.began), Retried: t.retried, Replayed: t.replayed}
	if t.head.Minor == 0 {
		entry.Protocol = "HTTP/1.0"
	}
	if t.exchange != nil {
		entry.Labels = t.exchange.Target().Labels()
	}
	log(&entry)
}
