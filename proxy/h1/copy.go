package h1

import (
	"errors"
	"io"
	"net"
	"time"

	"github.com/segue-run/segue/proxy"
	"github.com/segue-run/segue/proxy/h1/wire"
)

// headAlone is the length of a body from which on the head goes ahead of it. A shorter one
// of known length comes with its head, nearly always, and a packet is saved.
const headAlone = 64 << 10

// copyLess is the length of a piece from which on it is written from where it was read to.
const copyLess = 4 << 10

// copyBody passes on the body, each piece as it comes, but for the last one: that is left
// in t.o.
func (t *transit) copyBody(b *outgoing) error {
	for {
		if err := t.gather(b); err != nil {
			return err
		}
		if b.ended {
			return nil
		}
		tailed := t.tail != nil
		if headOnly := t.outcome.BytesOut == 0; !headOnly || b.framing != wire.Length || b.left >= headAlone {
			if err := t.flush(); err != nil {
				return errors.Join(errClientWrite, err)
			}
		}
		if tailed && t.r < t.w {
			continue // the next piece has come already
		}
		if err := t.moreAnswer(b); err != nil {
			return err
		}
	}
}

// moreAnswer waits for more of the body.
func (t *transit) moreAnswer(b *outgoing) error {
	if t.isAtBorder(b) && t.isLeaving() {
		t.partBody(b, proxy.ErrDraining)
		return nil
	}
	t.answerDue.set(t.e.after(t.times.Idle))
	err := t.readLink()
	switch {
	case !t.answerDue.met():
		if err = proxy.ErrTimeout; t.isAtBorder(b) {
			t.partBody(b, err) // it has nothing to say
			err = nil
		}
		return err
	case err == nil:
		return nil
	case err == io.EOF && b.framing == wire.UntilClose:
		t.endBody(b, nil)
		return nil
	case err == io.EOF:
		return io.ErrUnexpectedEOF
	case b.follower != nil && t.turns(err):
		return nil
	}
	return err
}

// gather takes what there is of the body to be written; no more behind a tail.
func (t *transit) gather(b *outgoing) error {
	for !b.ended {
		have := t.came()
		switch b.framing {
		case wire.NoBody:
			t.endBody(b, nil)
		case wire.Length:
			n := int(min(int64(len(have)), b.left))
			t.r += n
			if b.left -= int64(n); b.left == 0 {
				b.ended = true
			}
			t.pass(b, have[:n])
			if n == len(have) || b.ended {
				return nil
			}
		case wire.UntilClose:
			t.r = t.w
			t.pass(b, have)
			return nil
		case wire.Chunked:
			data, n, done, err := b.chunks.Next(have)
			if err != nil {
				return err
			}
			t.r += n
			if t.pass(b, data); b.ended {
				return nil
			}
			if done {
				t.endBody(b, b.chunks.Trailer)
			} else if n == 0 || t.tail != nil {
				return nil
			}
		}
	}
	return nil
}

// came is what has come over the link and was not passed on.
func (t *transit) came() []byte {
	if t.in == nil {
		return nil
	}
	return t.in.b[t.r:t.w]
}

// pass takes a piece of the body to be written.
func (t *transit) pass(b *outgoing, data []byte) {
	if len(data) == 0 {
		return
	}
	parts := false
	if f := b.follower; f != nil {
		atBorder := f.AtBorder()
		border := f.Follow(data)
		if t.isLeaving() && (border > 0 || atBorder) && !f.Closed() {
			data, parts = data[:border], true
		}
	}
	t.outcome.BytesOut += int64(len(data))
	t.tap.Body(data)
	switch {
	case len(data) == 0:
	case b.chunked:
		t.o = wire.AppendChunkHead(t.o, len(data))
		t.o = append(append(t.o, data...), "\r\n"...)
	case len(data) >= copyLess && !parts:
		t.tail = data // the last piece: it is flushed before more is taken
	default:
		t.o = append(t.o, data...)
	}
	if parts {
		t.partBody(b, proxy.ErrDraining)
	}
}

// isAtBorder reports whether the body is a long one that can be ended where it stands.
func (t *transit) isAtBorder(b *outgoing) bool {
	return b.follower != nil && b.follower.AtBorder() && !b.follower.Closed()
}

// partBody ends a long body in the words of its protocol.
func (t *transit) partBody(b *outgoing, why error) {
	b.parted, b.why = true, why
	if words := b.follower.Farewell(); len(words) > 0 && b.chunked {
		t.o = wire.AppendChunkHead(t.o, len(words))
		t.o = append(append(t.o, words...), "\r\n"...)
	} else {
		t.o = append(t.o, words...)
	}
	t.endBody(b, nil)
}

// endBody ends the body, with trailers.
func (t *transit) endBody(b *outgoing, trailer []wire.Field) {
	b.ended = true
	if !b.chunked {
		return
	}
	var passing []wire.Field
	for _, f := range trailer {
		field := proxy.FieldOf(f.Name)
		if field.AnswersTrailer() && !(field == proxy.FieldSetCookie && proxy.SetsInternalCookie(f.Value)) {
			passing = append(passing, f)
		}
	}
	t.o = wire.AppendTrailer(t.o, passing)
}

// flush writes what is to be written to the client, who has no more time to take it than
// the rate gives: the sweeper looks how much it has earned when the grace is over. What is
// written of a long answer may stand still as long as that itself.
func (t *transit) flush() error {
	if len(t.o)+len(t.tail) == 0 {
		return nil
	}
	c := t.c
	began := c.e.now()
	switch {
	case t.long.Load():
		c.writeDue.set(c.e.after(t.times.Idle))
	case c.e.cfg.BodyRate >= 0:
		spent := t.taking.spent.Load()
		t.taking.began.Store(began)
		c.writeDue.set(began + max(int64(c.e.cfg.BodyGrace)-spent, 1))
	}
	_, err := c.writeBoth(t.o, t.tail)
	if !c.writeDue.met() {
		err = errLate
	}
	t.taking.began.Store(0)
	t.taking.spent.Add(c.e.now() - began)
	t.o, t.tail = t.out.b[:0], nil
	return err
}

// isLeaving reports whether the answer is to come to its end.
func (t *transit) isLeaving() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.leaving
}

// turns reports whether reading from the module was ended only to look at leaving; then it
// may go on.
func (t *transit) turns(err error) bool {
	timeout, ok := errors.AsType[net.Error](err)
	if !ok || !timeout.Timeout() {
		return false
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.leaving || t.turned || t.attempt.cause != nil || t.ctx.ended() != nil {
		return false
	}
	t.turned = true
	_ = t.link.SetReadDeadline(time.Time{})
	return true
}
