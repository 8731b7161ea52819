package balance

import (
	"net/http"
	"sync/atomic"
	"time"

	"github.com/segue-run/segue/proxy"
	"github.com/segue-run/segue/proxy/sticky"
)

// Lease is one request in flight on one target. It is a proxy.Exchange.
type Lease struct {
	target     *Target
	request    *proxy.Request
	shares     *shares // it was dealt by
	prev, next *Lease  // under target.mu
	trial      *trial  // nil while no rollout is under way, but for a replay
	dealt      bool    // by chance, or by the user's place
	stable     bool    // target's share is
	over       bool    // the target that was asked last has as many requests as it may
	entered    entered // the limits among whose requests it counts
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
	counted  bool         // in target.unanswered
	answered atomic.Bool
	back     func() bool // under target.mu; see proxy.Exchange.OnRecall
	recalled atomic.Bool
}

// Target is where the request is in flight.
func (l *Lease) Target() proxy.Target { return l.target }

// Keep is the shield's, for a request that it covers.
func (l *Lease) Keep() int64 {
	if s := l.shares.Shield; s != nil && !l.stable && s.covers(l.request) {
		return s.Keep
	}
	return 0
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
	if l.trial.counted {
		l.target.unanswered.Add(-1)
	}
	if l.dealt {
		l.target.answered(l.trial)
	}
}

// Replay gives the request to a stable target, where the shield under which it was dealt
// covers it. What is stable is for the split of this moment to say.
func (l *Lease) Replay(o proxy.Outcome) proxy.Exchange {
	recalled := o.Class == proxy.ClassDrained && l.trial != nil && l.trial.recalled.Load()
	if l.shares.Shield == nil || l.stable || l.replay() || o.Reached || !o.Class.Failed() && !recalled {
		return nil
	}
	g := l.shares.group
	switch {
	case !l.shares.Shield.covers(l.request):
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
	second := &Lease{request: l.request, shares: s, trial: &trial{failed: l.target}}
	if l.trial != nil {
		second.trial.user = l.trial.user
	}
	if !s.toStable(second, l.target) {
		g.budget.left.Add(Full)
		return nil
	}
	if recalled {
		g.shield.recalled.Add(1)
	}
	g.shield.replayed.Add(1)
	l.target.rescuing.Add(1)
	second.entered = l.entered.again()
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
	if o.Class >= proxy.Classes {
		o.Class = proxy.ClassUnknown
	}
	t.classes[o.Class].Add(1)
	if o.BytesIn != 0 {
		t.bytesIn.Add(o.BytesIn)
	}
	if o.BytesOut != 0 {
		t.bytesOut.Add(o.BytesOut)
	}
	if o.Class.Attributable() && o.Status != http.StatusSwitchingProtocols {
		t.latency.add(o.Wait)
	}
	l.rescue(o)
	if t.cfg.Observe != nil {
		t.cfg.Observe(Observation{Outcome: o, Dealt: l.dealt, Key: l.key()})
	}
	t.release(l)
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

// rescue counts a failure of another target that this request has made good.
func (l *Lease) rescue(o proxy.Outcome) {
	good := o.Class.Attributable() && !o.Class.Failed()
	if l.replay() {
		defer l.trial.failed.rescuing.Add(-1) // after it is in rescued: never too few
	}
	switch {
	case !good:
	case l.replay():
		l.trial.failed.rescued.Add(1)
		l.shares.group.shield.rescued.Add(1)
	case l.request.Failed != nil:
		if unreached, ours := l.request.Failed.(*Target); ours {
			unreached.rescued.Add(1)
		}
	}
}
