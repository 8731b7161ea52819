package balance

import (
	"sync/atomic"
	"time"
)

// leastWeight is what a target begins with that starts slowly.
const leastWeight = 0.01

// warmth is a target's part in a slow start.
type warmth struct {
	slow     atomic.Bool
	slowFrom atomic.Int64 // nanoseconds since epoch; valid where slow
}

// warm has t begin a slow start.
//
// While it lasts, the load of a target is its requests in flight over its weight, which
// rises from nothing to 1. To that, each target adds a random part for every request:
// exponential, over its weight. Where nothing is in flight, the least of such parts falls
// to each target in proportion to its weight, as it should; where much is, they do not
// matter.
func (r *Release) warm(t *Target, now int64) {
	if r.cfg.SlowStart < 0 {
		return
	}
	t.slowFrom.Store(now)
	if !t.slow.Swap(true) {
		r.special.Add(1)
	}
}

// weight is t's at that moment.
func (w *warmth) weight(now int64, window time.Duration) float64 {
	if !w.slow.Load() {
		return 1
	}
	return min(1, max(leastWeight, float64(now-w.slowFrom.Load())/float64(window)))
}

// settle ends what is over: slow starts, and the time that targets were taken out for. It
// says whether a target still starts slowly.
func (r *Release) settle(targets []*Target) (now int64, slow bool) {
	now = sinceEpoch()
	for _, t := range targets {
		if t.conduct.away.Load() && now >= t.conduct.awayUntil.Load() {
			r.readmit(t, now)
		}
		if !t.slow.Load() {
			continue
		}
		if now-t.slowFrom.Load() < int64(r.cfg.SlowStart) {
			slow = true
		} else if t.slow.CompareAndSwap(true, false) {
			r.special.Add(-1)
		}
	}
	return now, slow
}
