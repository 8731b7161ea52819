package h1

import "github.com/segue-run/segue/proxy"

// Answering is a request whose module is late, and answers.
type Answering struct{ t transit }

// NewAnswering makes one whose time is over.
func NewAnswering() *Answering {
	a := new(Answering)
	a.t.attempt = &attempt{t: &a.t}
	a.t.answerDue.set(1)
	return a
}

// Expire does what the sweeper does; within is called in the midst of that.
func (a *Answering) Expire(within func()) {
	a.t.answerDue.expire(2, func() {
		within()
		a.t.late()
	})
}

// Answers does what the head of an answer does.
func (a *Answering) Answers() bool { return a.t.answers() }

// Headed reports whether the head has been noted, and nobody holds the request's lock.
func (a *Answering) Headed() bool {
	if !a.t.mu.TryLock() {
		return false
	}
	defer a.t.mu.Unlock()
	return a.t.headed
}

// Late reports whether the attempt was ended for its time.
func (a *Answering) Late() bool { return a.t.attempt.why() == proxy.ErrTimeout }

// Between has f called at each step that the engine names. It comes before Serve.
func (e *Engine) Between(f func(step string)) { e.between = f }

// Sweep does what the sweeper does, now.
func (e *Engine) Sweep() {
	for _, c := range e.snapshot(nil) {
		c.sweep(e.now())
	}
}
