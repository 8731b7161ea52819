package telemetry

import (
	"math/rand/v2"
	"sync/atomic"
	"time"

	"github.com/segue-run/segue/proxy"
)

// picks reports whether a request is logged, and counts it where not.
func (a *AccessLog) picks(e *proxy.Entry) bool {
	budget := &a.always
	if !a.wanted(e) {
		if a.cfg.Sample < 0 || a.cfg.Sample > 1 && rand.IntN(a.cfg.Sample) != 0 {
			a.sampled.Add(1)
			return false
		}
		budget = &a.usual
	}
	if !budget.take(time.Now().Unix()) {
		a.flooded.Add(1)
		return false
	}
	return true
}

// wanted reports whether a request is one to be logged always.
func (a *AccessLog) wanted(e *proxy.Entry) bool {
	return e.Refused != "" || e.Status == 0 || e.Status >= 500 ||
		e.Labels.Module != "" && e.Outcome.Class.Failed() ||
		a.cfg.Slow > 0 && waited(e) >= a.cfg.Slow
}

// waited is how long somebody waited for an answer: of what came to a module, the module's
// own time and ours, not that of the body's way, which may last for as long as it likes.
func waited(e *proxy.Entry) time.Duration {
	if e.Outcome.Status == 0 {
		return e.Duration
	}
	return e.Outcome.Wait + max(0, e.Duration-e.Outcome.Duration)
}

// perSecond allows so many in each second of the clock.
type perSecond struct {
	most uint32
	// at is the second that it counts for, above, and how many it had, below.
	at atomic.Uint64
}

// take reports whether there is one left in that second.
func (p *perSecond) take(second int64) bool {
	for {
		old := p.at.Load()
		n := uint32(old)
		if uint32(old>>32) != uint32(second) {
			n = 0
		}
		if n >= p.most {
			return false
		}
		if p.at.CompareAndSwap(old, uint64(uint32(second))<<32|uint64(n+1)) {
			return true
		}
	}
}
