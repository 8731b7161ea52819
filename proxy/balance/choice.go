package balance

import (
	"math/rand/v2"
	"slices"
	"sync/atomic"
)

// scanned is how many targets are all looked at to find the one with the fewest requests;
// of more, two are.
const scanned = 16

// admit puts l in flight on the target with the fewest requests, but on none that the
// request has failed on, and unless as many as most (0 for any number) of those that were
// given to a share that is not stable's wait for an answer. Where l has no target then,
// full is one that had no room, nil where none is up.
func (r *Release) admit(l *Lease, most int) (full *Target) {
	if r.queue.n.Load() > 0 {
		return r.anyUp(l) // nobody overtakes those that wait
	}
	if !r.reserve(l, most) {
		return nil
	}
	if full = r.place(l); l.target == nil {
		r.free(l)
	}
	return full
}

// anyUp is a target that is up and has not failed the request, nil where there is none.
func (r *Release) anyUp(l *Lease) *Target {
	for _, t := range *r.targets.Load() {
		if t.ready.Load() && !l.barred(t) {
			return t
		}
	}
	return nil
}

// reserve counts l among the unanswered, if it is to be, and if there is room.
func (r *Release) reserve(l *Lease, most int) bool {
	if l.trial == nil {
		return true
	}
	counted := !l.stable && !l.trial.preview
	for {
		n := r.unanswered.Load()
		if most > 0 && n >= int64(most) {
			return false
		}
		if !counted || r.unanswered.CompareAndSwap(n, n+1) {
			l.trial.counted = counted
			return true
		}
	}
}

// free takes l out of the unanswered.
func (r *Release) free(l *Lease) {
	if l.trial != nil && l.trial.counted {
		l.trial.counted = false
		r.unanswered.Add(-1)
	}
}

// place puts l in flight. Where it cannot, full is as in admit.
func (r *Release) place(l *Lease) (full *Target) {
	targets := *r.targets.Load()
	if len(targets) == 1 {
		t := targets[0]
		if l.barred(t) || t.admit(l) || !t.ready.Load() {
			return nil
		}
		return t
	}
	var tried []*Target // that have gone, or were filled, since they were looked at
	for {
		t, full := r.choose(targets, l, tried)
		if t == nil || t.admit(l) {
			return full
		}
		tried = append(tried, t)
	}
}

// choose finds the target for l, other than those that were tried; full is one that is up
// and has no room, where there is none with room. One that was taken out counts only
// where no other is up.
func (r *Release) choose(targets []*Target, l *Lease, tried []*Target) (best, full *Target) {
	special := r.special.Load() > 0
	if len(targets) > scanned && !special {
		a, b := targets[rand.IntN(len(targets))], targets[rand.IntN(len(targets))]
		if b.inFlight.Load() < a.inFlight.Load() {
			a = b
		}
		if a.ready.Load() && !a.full() && !l.barred(a) && !slices.Contains(tried, a) {
			return a, nil
		}
	}
	now, slow := int64(0), false
	if special {
		now, slow = r.settle(targets)
	}
	for _, out := range [...]bool{false, true} {
		var f field
		for _, t := range targets {
			if !t.ready.Load() || l.barred(t) || t.conduct.away.Load() != out {
				continue
			}
			if t.full() || slices.Contains(tried, t) {
				full = t
				continue
			}
			cost := float64(t.inFlight.Load())
			if slow {
				cost = (cost + rand.ExpFloat64()) / t.weight(now, r.cfg.SlowStart)
			}
			f.add(t, cost)
		}
		if f.n > 0 {
			return f.pick(&r.turn), nil
		}
		if full != nil || !special {
			break
		}
	}
	return nil, full
}

// field are the targets that cost least.
type field struct {
	least float64
	n     int
	ties  [scanned]*Target
}

func (f *field) add(t *Target, cost float64) {
	if f.n == 0 || cost < f.least {
		f.least, f.n = cost, 0
	}
	if cost == f.least && f.n < len(f.ties) {
		f.ties[f.n] = t
		f.n++
	}
}

// pick gives each its turn.
func (f *field) pick(turn *atomic.Uint32) *Target {
	if f.n == 1 {
		return f.ties[0]
	}
	return f.ties[turn.Add(1)%uint32(f.n)]
}

// open reports whether the release could get a request, with most as in admit.
func (r *Release) open(most int) bool {
	if most > 0 && r.unanswered.Load() >= int64(most) || r.queue.n.Load() > 0 {
		return false
	}
	for _, t := range *r.targets.Load() {
		if t.ready.Load() && !t.full() {
			return true
		}
	}
	return false
}
