package telemetry

import (
	"fmt"
	"time"

	"github.com/segue-run/segue/runtime/module"
)

// Who may put a file into the modules directory can cause any number of events that
// tell of nothing. So many are told one by one, and of the rest how many there were:
// the history of what did happen is not pushed out by them.
const (
	idleBurst = 200
	idleEvery = time.Second
	// untoldEvery is how often the rest are told of.
	untoldEvery = 10 * time.Second
)

// isIdle reports whether such an event tells of an offer that changes nothing.
func isIdle(typ module.EventType) bool {
	return typ == module.OfferRefused || typ == module.OfferUnchanged || typ == module.OfferWaiting
}

// mayTellLocked reports whether an idle event is to be queued. Half of the queue is
// kept for the others.
func (e *Events) mayTellLocked() bool {
	if len(e.queue) < cap(e.queue)/2 && e.idle.take() {
		return true
	}
	e.untold++
	if e.telling == nil {
		e.telling = time.AfterFunc(untoldEvery, e.tellUntold)
	}
	return false
}

// tellUntold queues a word on the idle events that were not.
func (e *Events) tellUntold() {
	e.emit.Lock()
	defer e.emit.Unlock()
	if e.closed {
		return
	}
	if len(e.queue) >= cap(e.queue)/2 {
		e.telling = time.AfterFunc(untoldEvery, e.tellUntold)
		return
	}
	e.putLocked(untoldEvent(e.untold))
	e.untold, e.telling = 0, nil
}

func untoldEvent(n uint64) module.Event {
	return module.Event{Time: time.Now().UTC(), Type: module.OfferRefused,
		Reason:  "they came too fast to be told of one by one",
		Message: fmt.Sprintf("%d more files were refused or changed nothing", n)}
}

// budget allows a burst, and one more for each time that passes. Its owner serialises
// access.
type budget struct {
	burst int
	every time.Duration
	spent int
	since time.Time // when the first of spent is given back
}

// take reports whether there is something left, and takes it.
func (b *budget) take() bool {
	now := time.Now()
	back := min(int(now.Sub(b.since)/b.every), b.spent)
	b.spent -= back
	b.since = b.since.Add(time.Duration(back) * b.every)
	if b.spent >= b.burst {
		return false
	}
	if b.spent == 0 {
		b.since = now
	}
	b.spent++
	return true
}
