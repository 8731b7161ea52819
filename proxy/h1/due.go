package h1

import (
	"runtime"
	"sync/atomic"
)

// due is a moment by which something must have come that is waited for. Who waits sets it
// and meets it; the sweeper expires it. Exactly one of the two wins. Never meet one while
// holding transit.mu: the sweeper may wait for that while it expires the due, and who meets
// it waits for the sweeper.
type due struct {
	at atomic.Int64 // on the engine's clock; or one of these
}

const (
	dueNone    = 0
	dueExpires = -1 // the sweeper is at it
	dueExpired = -2
)

// set begins the time. at 0 is for ever.
func (d *due) set(at int64) { d.at.Store(at) }

// met ends the time, and reports whether it was not over before. What the sweeper does at
// its end has been done when it was.
func (d *due) met() bool {
	for {
		switch at := d.at.Load(); at {
		case dueNone:
			return true
		case dueExpired:
			d.at.Store(dueNone)
			return false
		case dueExpires:
			runtime.Gosched()
		default:
			if d.at.CompareAndSwap(at, dueNone) {
				return true
			}
		}
	}
}

// move gives more time, where there is some still.
func (d *due) move(at int64) {
	if was := d.at.Load(); was > 0 {
		d.at.CompareAndSwap(was, at)
	}
}

// expire has f called if the time is over. Only one goroutine calls it.
func (d *due) expire(now int64, f func()) {
	at := d.at.Load()
	if at <= 0 || at > now || !d.at.CompareAndSwap(at, dueExpires) {
		return
	}
	f()
	d.at.Store(dueExpired)
}
