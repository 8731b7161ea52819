package nethttp

import (
	"errors"
	"sync"
	"time"

	"github.com/segue-run/segue/proxy/goaway"
)

// errAway is why an answer ends that was asked to.
var errAway = errors.New("the module goes away")

// lookAhead is how long an answer that is to end, and may end here, is waited for to end
// by itself: the last message of a call is followed by its status.
const lookAhead = 100 * time.Millisecond

// away ends a long answer between two whole messages, once it is asked to. A part that has
// come before, or at the very moment, is passed on.
type away struct {
	follower goaway.Follower // nil where the answer is not followed; of the request's goroutine
	stop     func()          // ends the wait for the module; does not block

	mu      sync.Mutex // never held while anything is read or written
	asked   bool
	passed  bool // a part, since then
	ended   bool // between two parts
	waiting bool // for the module, at a border
	timer   *time.Timer
}

// ask asks it to end.
func (a *away) ask() {
	a.mu.Lock()
	defer a.mu.Unlock()
	if !a.asked {
		a.asked = true
		a.hurryLocked()
	}
}

// follow begins with an answer that can be ended.
func (a *away) follow(f goaway.Follower, stop func()) { a.follower, a.stop = f, stop }

// wait is called before more is read from the module.
func (a *away) wait() {
	if a.follower == nil {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.waiting = a.follower.AtBorder()
	a.hurryLocked()
}

func (a *away) hurryLocked() {
	if !a.asked || !a.waiting {
		return
	}
	if a.timer == nil {
		a.timer = time.AfterFunc(lookAhead, a.expire)
	} else {
		a.timer.Reset(lookAhead)
	}
}

func (a *away) expire() {
	a.mu.Lock()
	now := a.asked && a.waiting
	a.mu.Unlock()
	if now {
		a.stop()
	}
}

// came is shown what was read, after wait. It gives what of it goes to the client, and
// whether the answer ends there.
func (a *away) came(part []byte) (pass []byte, last bool) {
	if a.follower == nil {
		return part, false
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	border := a.waiting
	a.waiting = false
	if a.timer != nil {
		a.timer.Stop()
	}
	if border && a.passed && len(part) > 0 {
		a.ended = true
		return nil, true
	}
	to := a.follower.Follow(part)
	if a.asked && 0 < to && to < len(part) {
		a.ended = true
		return part[:to], true
	}
	a.passed = a.passed || a.asked && len(part) > 0
	return part, false
}

// mayEnd reports whether the answer may end with what has passed.
func (a *away) mayEnd() bool { return a.ended || a.follower != nil && a.follower.AtBorder() }
