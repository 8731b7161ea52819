package h1

import (
	"errors"
	"io"
	"net"
	"time"

	"github.com/segue-run/segue/proxy"
	"github.com/segue-run/segue/proxy/goaway"
	"github.com/segue-run/segue/proxy/h1/wire"
)

const (
	// halfOpen is how long a client may go on talking after its module has ended its own
	// side: most modules that do so have closed the other as well.
	halfOpen = time.Minute
	// farewellPatience is how long a client may take to answer a farewell.
	farewellPatience = 2 * time.Second
)

// tunnel makes client and module talk to each other directly, after the module has
// agreed to change the protocol.
func (t *transit) tunnel(res *wire.Response) ending {
	t.e.counters.tunnels.Add(1)
	defer t.e.counters.tunnels.Add(-1)
	t.stopWatch()
	t.lasts()
	t.closes = true
	t.totalDue.met()
	protocol := res.Upgrade
	t.switchProtocols(res)
	t.status = res.Status
	if err := t.flush(); err != nil {
		t.failed(errors.Join(errClientWrite, err))
		return ends
	}
	t.outcome.Reached, t.outcome.Class = true, proxy.ClassOf(res.Status)
	down, up := &passage{follower: goaway.ForUpgrade(protocol)}, &passage{follower: goaway.ForUpgradeToModule(protocol), up: true}
	t.mu.Lock()
	t.tunnelled, t.follows = true, down.follower != nil
	t.mu.Unlock()
	t.splice(down, up)
	return ends
}

// switchProtocols makes the head that the client gets.
func (t *transit) switchProtocols(res *wire.Response) {
	t.o = wire.AppendStatus(t.out.b[:0], res.Status)
	t.o = t.appendAnswer(t.o, res)
	t.o = t.appendRelease(t.o)
	t.o = wire.AppendField(t.o, "X-Request-Id", t.request.ID)
	t.exchange.Answered(proxy.Answer{Status: res.Status, Wait: t.outcome.Wait, Long: true, Header: (*adder)(t)})
	if t.tap != nil {
		t.tap.Head(res.Status, headerOf(res), true)
	}
	t.o = append(t.o, "Connection: Upgrade\r\n"...)
	t.o = append(wire.AppendField(t.o, "Upgrade", res.Upgrade), "\r\n"...)
}

// passage is one direction of a tunnel.
type passage struct {
	follower goaway.Follower // nil for none
	up       bool            // to the module
	n        int64           // bytes that went
	turned   bool            // it was ended once, to look whether it is to come to its end
	parted   bool            // farewell was said in it
}

// isToPart reports whether a direction is to come to its end. The client is told first: a
// module that is told may answer at once, in the middle of its message.
func (t *transit) isToPart(p *passage) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.isToPartLocked(p)
}

func (t *transit) isToPartLocked(p *passage) bool { return t.leaving && (!p.up || t.told) }

// splice copies both ways until both have ended, or one has failed. An end is passed on as
// a half-close.
func (t *transit) splice(down, up *passage) {
	t.answerDue.set(t.e.after(t.times.Idle))
	c, l := t.c, t.link
	early := c.in
	over := make(chan struct{})
	go func() {
		defer close(over)
		defer t.e.caught(t.panicked)
		if early != nil && c.r < c.w {
			if !t.carryOn(up, l, early.b[c.r:c.w]) {
				t.sever()
				return
			}
		}
		c.release()
		t.through(up, l, &c.socket, c.SetReadDeadline)
	}()
	went := true
	if t.r < t.w {
		went = t.carryOn(down, &c.socket, t.in.b[t.r:t.w])
		t.r = t.w
	}
	if went {
		t.through(down, &c.socket, &l.socket, l.SetReadDeadline)
	} else {
		t.sever()
	}
	wait := halfOpen
	if down.parted {
		wait = farewellPatience
	}
	timer := time.AfterFunc(wait, t.sever)
	<-over
	timer.Stop()
	t.outcome.BytesIn, t.outcome.BytesOut = up.n, down.n
	cause := t.attempt.why()
	switch {
	case cause != nil:
		t.failed(cause)
	case down.parted || up.parted:
		t.outcome.Class, t.outcome.Err = proxy.ClassDrained, proxy.ErrDraining
	}
}

// sever ends both copies.
func (t *transit) sever() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.attempt.link == nil {
		return
	}
	t.severed = true
	_ = t.c.SetDeadline(past)
	_ = t.attempt.link.SetDeadline(past)
}

// through copies until from ends, and then ends to.
func (t *transit) through(p *passage, to io.Writer, from *socket, limit func(time.Time) error) {
	for {
		if p.follower != nil && !p.parted && t.isToPart(p) && p.follower.AtBorder() && !t.part(p, to, nil) {
			t.sever()
			return
		}
		if p.parted && (p.follower.Closed() || from == &t.link.socket) {
			if from != &t.link.socket {
				t.sever() // both have said farewell
			}
			return
		}
		buf, n, err := from.await()
		if n > 0 {
			ok := t.carryOn(p, to, buf.b[:n])
			buf.free()
			if ok {
				continue
			}
			t.sever()
			return
		}
		switch {
		case err == io.EOF:
			if half, ok := to.(interface{ CloseWrite() error }); !p.parted && (!ok || half.CloseWrite() != nil) {
				t.sever() // it cannot end in one direction alone
			}
			return
		case p.follower != nil && t.turn(p, err, limit):
			continue
		}
		t.sever()
		return
	}
}

// carryOn passes on a piece; false where that failed.
func (t *transit) carryOn(p *passage, to io.Writer, piece []byte) bool {
	t.answerDue.move(t.e.after(t.times.Idle))
	if f := p.follower; f != nil {
		atBorder := f.AtBorder()
		border := f.Follow(piece)
		if p.parted {
			return true // it is only looked for the other end's own farewell
		}
		if t.isToPart(p) && (border > 0 || atBorder) && !f.Closed() {
			return t.part(p, to, piece[:border])
		}
	}
	n, err := to.Write(piece)
	p.n += int64(n)
	return err == nil
}

// part says farewell behind the last piece.
func (t *transit) part(p *passage, to io.Writer, last []byte) bool {
	p.parted = true
	n, err := to.Write(append(last[:len(last):len(last)], p.follower.Farewell()...))
	p.n += int64(min(n, len(last)))
	if !p.up {
		t.mu.Lock()
		t.told = true
		_ = t.c.SetReadDeadline(past) // the other direction may stand at a border already
		t.mu.Unlock()
	}
	return err == nil
}

// turn reports whether a read was ended only to look whether the tunnel is to come to its
// end; then it may go on.
func (t *transit) turn(p *passage, err error, limit func(time.Time) error) bool {
	timeout, ok := errors.AsType[net.Error](err)
	if !ok || !timeout.Timeout() || p.turned {
		return false
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.isToPartLocked(p) || t.severed || t.attempt.cause != nil || t.ctx.ended() != nil {
		return false
	}
	p.turned = true
	_ = limit(time.Time{})
	return true
}

// CloseWrite ends the side towards the other end, where the connection can do that.
func (s *socket) CloseWrite() error {
	if half, ok := s.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return net.ErrClosed
}
