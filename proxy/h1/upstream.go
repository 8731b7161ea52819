package h1

import (
	"errors"
	"fmt"
	"io"
	"syscall"

	"github.com/segue-run/segue/proxy"
	"github.com/segue-run/segue/proxy/h1/wire"
)

var (
	// errDead is a kept connection that was dead before it took anything of a request.
	errDead = errors.New("a kept connection was dead")
	// errEnded is an attempt that was ended before it had a connection.
	errEnded = errors.New("the attempt was ended")
)

// roundTrip sends the request and gives the head of its final answer. It is not to be
// waited for without end: the dues see to that. The head is valid until letGo.
func (t *transit) roundTrip() (*wire.Response, error) {
	for composed, whole := false, false; ; {
		if err := t.connect(); err != nil {
			if composed && t.body != nil { // what was read of the body is in t.o alone
				err = fmt.Errorf("connect again: %v", err)
			}
			return nil, err
		}
		if !composed {
			var err error
			if whole, err = t.compose(); err != nil {
				return nil, err
			}
			composed = true // a dead connection took nothing of it
		}
		err := t.send(whole)
		var res *wire.Response
		if err == nil {
			res, err = t.awaitHead()
		}
		if err != errDead {
			return res, err
		}
		t.letGo(false)
		t.forget()
	}
}

// connect takes an idle connection to the module, or makes one.
func (t *transit) connect() error {
	p := t.e.pool(t.exchange.Target())
	// A request that is but a head is written only after a look, which is part of the wait
	// for its answer.
	looks := t.body == nil
	l := p.get(looks)
	if t.unasked = looks && l != nil; l == nil {
		ctx, done := t.attempt.dials(t.times.Connect)
		var err error
		l, err = p.dial(ctx)
		done()
		if err != nil {
			return err
		}
	}
	if !t.attempt.hold(l) {
		_ = l.Close()
		return &dialError{errEnded}
	}
	t.link = l
	return nil
}

// send sends what was composed, which may be the whole request, and has the rest sent; a
// request that is but a head it leaves to awaitHead where it goes over a kept connection.
func (t *transit) send(whole bool) error {
	if t.unasked {
		return nil
	}
	return t.write(whole)
}

// dispatch implements asker, for a request that is but a head.
func (t *transit) dispatch() error { return t.write(true) }

// write writes what is composed; whole, that this is all.
func (t *transit) write(whole bool) error {
	t.takeDue.set(t.e.after(t.times.Answer))
	n, err := t.link.Write(t.o)
	late := !t.takeDue.met()
	switch {
	case late:
		return proxy.ErrTimeout
	case err != nil && n == 0 && t.link.used:
		return errDead
	case err != nil:
		t.owes(t.e.now()) // it may have answered, and closed
	case whole:
		t.sent()
		if t.body != nil {
			t.mayWatch()
		}
	default:
		t.startUpload()
	}
	return nil
}

// awaitHead reads the head of the final answer, and passes on what comes before it.
func (t *transit) awaitHead() (*wire.Response, error) {
	res := &t.link.res
	for {
		if t.r < t.w {
			n, err := res.Parse(t.in.b[t.r:t.w], t.head.Method, &t.e.answers)
			if err != nil {
				return nil, err
			}
			t.r += n
			switch {
			case n > 0 && (res.Status >= 200 || res.Status == 101):
				if !t.answers() {
					return nil, proxy.ErrTimeout
				}
				return res, nil
			case n > 0:
				if err := t.inform(res, n); err != nil {
					return nil, err
				}
				continue
			}
		}
		if err := t.readLink(); err != nil {
			return nil, t.unanswered(err)
		}
	}
}

// unanswered is what it means that the module's connection ended with err before its
// answer. A unix socket that is closed with something unread is reset, and so is one that
// nobody has accepted: then nobody has read the whole of a request that is but a head, and
// nobody has begun with it. Somebody may have read the front of a large one, and begun with
// that: so only what may be done twice is.
func (t *transit) unanswered(err error) error {
	nothing := t.link.local && t.body == nil && t.w == 0 && t.informed == 0 && isSafe(t.head.Method)
	switch {
	case err == io.EOF:
		return io.ErrUnexpectedEOF
	case !nothing || !errors.Is(err, syscall.ECONNRESET) || t.attempt.why() != nil:
		return err
	case t.link.used:
		return errDead
	}
	return &dialError{err}
}

// isSafe reports whether a request of that method changes nothing (RFC 9110, 9.2.1).
func isSafe(method string) bool { return method == "GET" || method == "HEAD" || method == "OPTIONS" }

// readLink reads more of what the module says; something, or an error.
func (t *transit) readLink() error {
	if t.r == t.w {
		t.forget()
		buf, n, err := t.awaitLink()
		if n > 0 {
			t.in, t.w = buf, n
			return nil
		}
		return err
	}
	if t.w == len(t.in.b) {
		if t.r > 0 {
			t.w = copy(t.in.b, t.in.b[t.r:t.w])
			t.r = 0
		} else {
			t.in = t.in.larger()
		}
	}
	n, err := t.link.Read(t.in.b[t.w:])
	if t.w += n; n > 0 {
		return nil
	}
	return err
}

// awaitLink awaits what the module says; first of all it asks, where that is still to be
// done.
func (t *transit) awaitLink() (*buffer, int, error) {
	if !t.unasked {
		return t.link.await()
	}
	t.unasked = false
	return t.link.ask(t)
}

// letGo lets go of the module; whole, after the end of an answer whose connection can be
// used again.
func (t *transit) letGo(whole bool) {
	l := t.link
	if l == nil {
		return
	}
	sent := t.stopUpload(whole)
	if t.up != nil {
		t.mu.Lock()
		t.up = nil
		t.mu.Unlock()
	}
	t.takeDue.met()
	t.answerDue.met()
	if untouched := t.attempt.letGo(); untouched && whole && sent && t.r == t.w && t.sentAt.Load() != 0 {
		l.pool.put(l)
	} else {
		_ = l.Close()
	}
	t.link = nil
}

// forget gives the buffer of the answer back.
func (t *transit) forget() {
	t.in.free()
	t.in, t.r, t.w, t.tail = nil, 0, 0, nil
}
