package nethttp

import (
	"sync"
	"time"
)

// alarm tells when something takes too long, one thing after another. Its zero value is
// ready once late is set.
type alarm struct {
	late func() // called once at most, from any goroutine

	mu    sync.Mutex // never held while late is called
	timer *time.Timer
	began time.Time // of what is timed now
	due   time.Time // zero while nothing is timed
	over  bool
}

// start times what begins now and may take as long as limit; for ever, where that is
// negative.
func (a *alarm) start(limit time.Duration) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.over || limit < 0 {
		return
	}
	a.began = time.Now()
	a.due = a.began.Add(limit)
	if a.timer == nil {
		a.timer = time.AfterFunc(limit, a.expire)
	} else {
		a.timer.Reset(limit)
	}
}

// extend gives what is timed now, if anything is, so much from now on.
func (a *alarm) extend(limit time.Duration) {
	if a.waits() {
		a.start(limit)
	}
}

// stop ends what is timed.
func (a *alarm) stop() { a.quiet(false) }

// end is stop for good.
func (a *alarm) end() { a.quiet(true) }

func (a *alarm) quiet(over bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.due, a.over = time.Time{}, a.over || over
	if a.timer != nil {
		a.timer.Stop()
	}
}

// waits reports whether something is timed now.
func (a *alarm) waits() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return !a.due.IsZero()
}

// waitsFor reports whether something is timed that has lasted for so long.
func (a *alarm) waitsFor(d time.Duration) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return !a.due.IsZero() && time.Since(a.began) >= d
}

// expire may come late, when something else is timed.
func (a *alarm) expire() {
	a.mu.Lock()
	late := !a.over && !a.due.IsZero() && !time.Now().Before(a.due)
	a.over = a.over || late
	a.mu.Unlock()
	if late {
		a.late()
	}
}
