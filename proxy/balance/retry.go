package balance

import (
	"sync/atomic"
	"time"

	"github.com/segue-run/segue/proxy"
)

// Retry has another target of the same release answer what one of them failed, before the
// client got anything of the answer: what did not reach it, or broke off, or took too long,
// and an answer of 502, 503 or 504. The failure counts against the target that failed; the
// retry is no evidence. What stable answers under a Shield is not retried.
//
// A target may have done its work before it failed, or have died of it, and a retry does
// it again: so only GET, HEAD and OPTIONS are retried, and what the operator opts in.
type Retry struct {
	// Matches are opted in beyond GET, HEAD and OPTIONS.
	Matches []proxy.Match
	// Budget is the share, in basis points, of the module's requests that may be retries.
	// Ten a second are free, and up to a thousand may come at once where they were not
	// used before.
	Budget int
	// Keep is how many bytes a body may have that is kept for a retry; default 1 MiB.
	Keep int64
}

// retries reports whether the request of l may be sent to a sibling of its target.
func (l *Lease) retries() bool {
	return l.shares.retry != nil && len(*l.target.release.targets.Load()) > 1 && l.shares.retry.covers(l.request)
}

// retry gives the request to a sibling of its target; nil where none is up, or the budget
// is used up.
func (l *Lease) retry(o proxy.Outcome) *Lease {
	if !l.retries() || o.Unkept || !o.Class.Failed() || !gateway(o) {
		return nil
	}
	g, r := l.shares.group, l.target.release
	if !g.retries.spend(time.Now()) {
		g.retryCounts.overBudget.Add(1)
		return nil
	}
	second := l.again(l.shares)
	second.stable = l.stable
	if r.admit(second, l.shares.most(l.stable)); second.target == nil {
		g.retries.left.Add(Full)
		return nil
	}
	g.retryCounts.retried.Add(1)
	return second
}

// again is another attempt at the request of l. It is no evidence.
func (l *Lease) again(s *shares) *Lease {
	second := &Lease{request: l.request, shares: s, trial: &trial{failed: l.target}}
	if l.trial != nil {
		second.trial.user = l.trial.user
	}
	return second
}

// retryCounters count what became of failures.
type retryCounters struct{ retried, rescued, overBudget atomic.Uint64 }

// RetryStats count the failures that a sibling of the target was to make good.
type RetryStats struct {
	Retried    uint64 // sent to a sibling
	Rescued    uint64 // of these, made good
	OverBudget uint64 // not retried: the budget was used up
}

func (c *retryCounters) snapshot() RetryStats {
	return RetryStats{Retried: c.retried.Load(), Rescued: c.rescued.Load(), OverBudget: c.overBudget.Load()}
}
