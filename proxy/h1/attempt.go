package h1

import (
	"context"
	"errors"
	"time"

	"github.com/segue-run/segue/proxy"
)

// attempt is one at a request. It can be ended by itself, before its answer comes, while
// the request goes on. All of it is under transit.mu.
type attempt struct {
	t     *transit
	kept  *keeper // nil where there is no body
	over  bool
	taken bool  // back
	cause error // why it was ended, where it was by itself

	link *link                   // nil while there is none
	stop context.CancelCauseFunc // of a dial that is under way
}

// back ends the attempt, if nothing has come of it and the request can be sent again;
// it reports whether it did.
func (a *attempt) back() bool {
	a.t.mu.Lock()
	defer a.t.mu.Unlock()
	if a.over || a.taken || a.kept != nil && !a.kept.hold() {
		return false
	}
	a.taken = true
	a.interruptLocked(proxy.ErrRecalled)
	return true
}

// end says that something has come of it. It reports whether it was taken back before.
func (a *attempt) end() bool {
	a.t.mu.Lock()
	defer a.t.mu.Unlock()
	a.over = true
	return a.taken
}

// interrupt ends what it waits for at the module.
func (a *attempt) interrupt(cause error) {
	a.t.mu.Lock()
	defer a.t.mu.Unlock()
	a.interruptLocked(cause)
}

func (a *attempt) interruptLocked(cause error) {
	if a.cause == nil {
		a.cause = cause
	}
	if a.stop != nil {
		a.stop(cause)
	}
	if a.link != nil {
		_ = a.link.SetDeadline(past)
	}
}

// why is why it, or the request, was ended; nil where it was not.
func (a *attempt) why() error {
	a.t.mu.Lock()
	defer a.t.mu.Unlock()
	if a.cause != nil {
		return a.cause
	}
	return a.t.ctx.ended()
}

// hold has l interrupted with the attempt; false where that has happened already.
func (a *attempt) hold(l *link) bool {
	a.t.mu.Lock()
	defer a.t.mu.Unlock()
	if a.cause != nil || a.t.ctx.ended() != nil {
		return false
	}
	a.link = l
	return true
}

// letGo is the end of hold. It reports whether l is as it was.
func (a *attempt) letGo() bool {
	a.t.mu.Lock()
	defer a.t.mu.Unlock()
	a.link = nil
	return a.cause == nil && a.t.ctx.ended() == nil && !a.t.leaving
}

// dials begins a dial that ends with the attempt, and after limit. done is to follow.
func (a *attempt) dials(limit time.Duration) (ctx context.Context, done func()) {
	ctx, stop := context.WithCancelCause(context.Background())
	free := func() {}
	if limit > 0 {
		ctx, free = context.WithTimeout(ctx, limit)
	}
	a.t.mu.Lock()
	defer a.t.mu.Unlock()
	if a.stop = stop; a.cause != nil {
		stop(a.cause)
	} else if cause := a.t.ctx.ended(); cause != nil {
		stop(cause)
	}
	return ctx, func() {
		a.t.mu.Lock()
		a.stop = nil
		a.t.mu.Unlock()
		free()
		stop(nil)
	}
}

// cancel is cutOff, for who has asked for the request: nobody, when its last exchange is done.
func (t *transit) cancel(cause error) {
	t.mu.Lock()
	done := t.done
	t.mu.Unlock()
	if !done {
		t.cutOff(cause)
	}
}

// cutOff cancels the request, without waiting for anything. A client that does not
// read, or does not send, must not keep it alive: its connection gets a deadline.
func (t *transit) cutOff(cause error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.over || !t.ctx.end(cause) {
		return
	}
	t.cutting = time.Now().Add(lastWords)
	_ = t.c.SetDeadline(t.cutting)
	if t.attempt != nil {
		t.attempt.interruptLocked(t.ctx.ended())
	}
}

// errPanic is a request of which a goroutine of its own ended in a panic.
var errPanic = errors.New("the engine panicked")

// panicked ends a request of which a goroutine of its own did: nobody can tell how much of
// its body is lost.
func (t *transit) panicked() { t.cutOff(errPanic) }

// restoreDeadline takes back a deadline of the sweeper's for reading from the client, but not
// one of anybody else's.
func (t *transit) restoreDeadline() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.up == nil || !t.up.stopped {
		_ = t.c.SetReadDeadline(t.cutting)
	}
}

// left notes that the client is not there any more.
func (t *transit) left() {
	t.mu.Lock()
	t.gone = true
	t.mu.Unlock()
	t.cutOff(nil)
}

func (t *transit) isGone() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.gone
}

// lasts notes that the answer is a long one.
func (t *transit) lasts() {
	t.long.Store(true)
	t.times.Idle = t.e.cfg.IdleWhenLong(t.request.Route)
}

// goAway asks a long answer to come to its end.
func (t *transit) goAway() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.over || t.done || t.leaving {
		return
	}
	t.leaving = true
	if t.follows && t.attempt.link != nil {
		_ = t.attempt.link.SetReadDeadline(past) // it may stand at a border already
	}
}
