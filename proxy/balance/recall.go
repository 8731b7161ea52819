package balance

import (
	"slices"
	"time"
)

// How long a request may wait on a target that has lost its share.
const (
	leastRecall = time.Second
	mostRecall  = 10 * time.Second
)

// OnRecall keeps the means to take the request back, while a rollout is under way and where
// stable would answer it.
func (l *Lease) OnRecall(back func() bool) {
	if l.trial == nil || !l.shielded() {
		return
	}
	l.target.mu.Lock()
	defer l.target.mu.Unlock()
	l.trial.back = back
}

// recall takes back, now and after a while, what waits on the releases that had a share
// in last and have none in next.
func (g *Group) recall(last, next *shares) {
	var losers []*Release
	for _, share := range last.Shares {
		if !share.Stable && share.Weight > 0 && !next.has(share.Release) {
			losers = append(losers, share.Release)
		}
	}
	if len(losers) == 0 {
		return
	}
	patience := next.recallAfter()
	for _, r := range losers {
		g.recallFrom(r, patience)
	}
	g.recalls.after(patience, func() {
		for _, r := range losers {
			g.recallFrom(r, 0)
		}
	})
}

// has reports whether r gets requests by its own right, or is stable.
func (s *shares) has(r *Release) bool {
	return slices.ContainsFunc(s.Shares, func(o Share) bool { return o.Release == r && (o.Stable || o.Weight > 0) })
}

// recallAfter is how long stable takes for all but the slowest of its answers, within
// bounds.
func (s *shares) recallAfter() time.Duration {
	patience := leastRecall
	for _, share := range s.Shares {
		if share.Stable {
			latency := share.Release.Latency()
			patience = max(patience, latency.Quantile(0.99))
		}
	}
	return min(patience, mostRecall)
}

// recallFrom takes back from r what has waited for longer than that since it was sent;
// with 0, which is the last time, all that waits. It does nothing where r has a share
// again, or no stable release is up.
func (g *Group) recallFrom(r *Release, than time.Duration) {
	s := g.current.Load()
	up := func(o Share) bool { return o.Stable && o.Release.Up() }
	if s.has(r) || !slices.ContainsFunc(s.Shares, up) {
		return
	}
	var waiting []hanging
	for _, t := range r.all() {
		waiting = append(waiting, t.waiting(than)...)
	}
	for i, w := range waiting {
		if w.recall() {
			continue
		}
		if than == 0 {
			g.shield.overBudget.Add(uint64(len(waiting) - i))
		}
		return
	}
}

// hanging is a request that can be taken back.
type hanging struct {
	*Lease
	back func() bool
}

// waiting are the requests that can be taken back and have waited for an answer for
// longer than that since they had been sent; with 0, sent or not.
func (t *Target) waiting(than time.Duration) (all []hanging) {
	latest := int64(time.Since(epoch) - than)
	t.mu.Lock()
	defer t.mu.Unlock()
	for l := t.live.next; l != &t.live; l = l.next {
		if l.trial == nil || l.trial.back == nil || l.trial.answered.Load() || l.trial.recalled.Load() {
			continue
		}
		if sent := l.trial.sent.Load(); than == 0 || sent != 0 && sent < latest {
			all = append(all, hanging{l, l.trial.back})
		}
	}
	return all
}

// recall takes the request back, if it can be. It reports whether the budget had room
// for that.
func (h hanging) recall() bool {
	budget := &h.shares.group.budget
	if !budget.spend(time.Now()) {
		return false
	}
	switch {
	case h.trial.recalled.Swap(true):
	case h.back():
		return true
	default:
		h.trial.recalled.Store(false)
	}
	budget.left.Add(Full)
	return true
}
