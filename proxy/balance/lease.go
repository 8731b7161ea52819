package balance

import (
	"sync/atomic"
	"time"

	"github.com/segue-run/segue/proxy"
	"github.com/segue-run/segue/proxy/sticky"
)

// Lease is one request in flight on one target. It is a proxy.Exchange.
type Lease struct {
	target     *Target // nil while it has none
	request    *proxy.Request
	shares     *shares     // it was dealt by
	prev, next *Lease      // under target.mu
	trial      *trial      // nil while no rollout is under way, but for a replay
	dealt      bool        // by chance, or by the user's place
	stable     bool        // target's share is
	long       atomic.Bool // see proxy.Answer.Long
	cut        bool        // under target.mu; a drain has cancelled it
	entered    entered     // the limits among whose requests it counts
	done       atomic.Bool
}

// trial is what is known of a request beyond that while a rollout is under way.
type trial struct {
	prev, next *trial // under target.mu; nil where it is not waited for as evidence

	user     sticky.Place
	failed   *Target      // whose failure this replay is to make good
	preview  bool         // it was asked for
	began    int64        // nanoseconds since epoch
	sent     atomic.Int64 // the same, 0 until all was sent
	counted  bool         // in its release's unanswered
	answered atomic.Bool
	back     func() bool // under target.mu; see proxy.Exchange.OnRecall
	recalled atomic.Bool
}

// Target is where the request is in flight.
func (l *Lease) Target() proxy.Target { return l.target }

// Keep is the shield's, for a request that it covers, or what a retry of it takes.
func (l *Lease) Keep() int64 {
	if l.replay() {
		return 0
	}
	keep := int64(0)
	if l.shielded() {
		keep = l.shares.Shield.Keep
	}
	if l.retries() {
		keep = max(keep, l.shares.retry.Keep)
	}
	return keep
}

// shielded reports whether stable answers what the request's target fails.
func (l *Lease) shielded() bool {
	return l.shares.Shield != nil && !l.stable && l.shares.Shield.covers(l.request)
}

// Tap is the split's, for a request that stable answers.
func (l *Lease) Tap() proxy.Tap {
	if l.shares.Tap == nil || !l.stable {
		return nil
	}
	return l.shares.Tap(l.request)
}

// Sent notes from when on the answer is due.
func (l *Lease) Sent(at time.Time) {
	if l.trial != nil {
		l.trial.sent.Store(int64(at.Sub(epoch)))
	}
}

// Answered makes room for another request under the cap, and tells a client who is new
// who it is. A cache that keeps a preview must not give it to others.
func (l *Lease) Answered(a proxy.Answer) {
	if a.Long && !l.long.Swap(true) {
		l.target.long.Add(1)
	}
	if l.trial == nil {
		return
	}
	l.answer()
	if l.trial.preview {
		a.Header.Add("Vary", PreviewHeader)
	}
	if line := l.trial.user.SetCookie; line != "" {
		a.Header.Add("Set-Cookie", line)
	}
}

// answer ends the wait for an answer, once.
func (l *Lease) answer() {
	if l.trial == nil || l.trial.answered.Swap(true) {
		return
	}
	l.target.release.free(l)
	if l.dealt {
		l.target.answered(l.trial)
	}
}

// Replay gives the request to a stable target, where the shield under which it was dealt
// covers it, or else to a sibling of its target, where the split's Retry does. What is
// stable is for the split of this moment to say.
func (l *Lease) Replay(o proxy.Outcome) proxy.Exchange {
	if l.replay() || o.Reached {
		return nil
	}
	second := l.shield(o)
	if second == nil {
		second = l.retry(o)
	}
	if second == nil {
		return nil
	}
	second.entered = l.entered.again()
	return second
}

// shield gives the request to a stable target; nil where it is not to be, or cannot.
func (l *Lease) shield(o proxy.Outcome) *Lease {
	recalled := o.Class == proxy.ClassDrained && l.trial != nil && l.trial.recalled.Load()
	if l.shares.Shield == nil || l.stable || !o.Class.Failed() && !recalled {
		return nil
	}
	g := l.shares.group
	switch {
	case !l.shielded():
		g.shield.uncovered.Add(1)
		return nil
	case o.Unkept:
		g.shield.unkept.Add(1)
		return nil
	case !recalled && !g.budget.spend(time.Now()): // the recall was paid for
		g.shield.overBudget.Add(1)
		return nil
	}
	s := g.current.Load()
	second := l.again(s)
	if s.toStable(second, l.target.release); second.target == nil {
		g.budget.left.Add(Full)
		return nil
	}
	if recalled {
		g.shield.recalled.Add(1)
	}
	g.shield.replayed.Add(1)
	l.target.release.rescuing.Add(1)
	return second
}

// Done counts the outcome, tells the target's observer and takes the request out of
// flight, in this order; only the first call does anything.
func (l *Lease) Done(o proxy.Outcome) {
	if l.done.Swap(true) {
		return
	}
	l.answer()
	t := l.target
	if l.long.Load() {
		t.long.Add(-1)
	}
	if o.Class >= proxy.Classes {
		o.Class = proxy.ClassUnknown
	}
	t.count(o)
	t.release.judge(t, o)
	l.rescue(o)
	if observe := t.release.cfg.Observe; observe != nil {
		observe(Observation{Outcome: o, Target: t, Dealt: l.dealt, Key: l.key()})
	}
	t.leave(l)
	l.entered.leave()
}

// replay reports whether the request is one.
func (l *Lease) replay() bool { return l.trial != nil && l.trial.failed != nil }

// key is of the user, 0 where nobody is told apart.
func (l *Lease) key() uint64 {
	if l.trial == nil {
		return 0
	}
	return l.trial.user.Key
}

// barred reports whether t has failed the request already.
func (l *Lease) barred(t *Target) bool {
	return l.request.Failed == proxy.Target(t) || l.trial != nil && l.trial.failed == t
}

// rescue counts a failure of another target that this request has made good.
func (l *Lease) rescue(o proxy.Outcome) {
	good := o.Class.Attributable() && !o.Class.Failed()
	failed, _ := l.request.Failed.(*Target)
	if l.replay() {
		failed = l.trial.failed
	}
	if failed == nil {
		return
	}
	if failed.release == l.target.release {
		if good && l.replay() {
			l.shares.group.retryCounts.rescued.Add(1)
		}
		return
	}
	if good {
		failed.release.rescued.Add(1)
	}
	if l.replay() {
		if good {
			l.shares.group.shield.rescued.Add(1)
		}
		failed.release.rescuing.Add(-1) // after it is in rescued: never too few
	}
}
