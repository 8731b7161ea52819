package balance

import (
	"net/http"
	"sync/atomic"
	"time"

	"github.com/segue-run/segue/proxy"
)

// Lease is one request in flight on one target. It is a proxy.Exchange.
type Lease struct {
	target     *Target
	request    *proxy.Request
	shares     *shares // it was dealt by
	prev, next *Lease  // under target.mu

	key       uint64  // of the user, 0 where nobody is told apart
	setCookie string  // to be told to the client
	failed    *Target // whose failure this replay is to make good

	began    int64        // nanoseconds since epoch; only where timed
	sent     atomic.Int64 // the same, 0 until all was sent
	dealt    bool         // by chance, or by the user's place
	stable   bool         // target's share is
	timed    bool         // a rollout is under way
	counted  bool         // in target.unanswered
	answered atomic.Bool
	done     atomic.Bool
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
	if l.timed {
		l.sent.Store(int64(at.Sub(epoch)))
	}
}

// Answered makes room for another request under the cap, and tells a client who is new
// who it is.
func (l *Lease) Answered(_ time.Duration, header http.Header) {
	l.answer()
	if l.setCookie != "" {
		header.Add("Set-Cookie", l.setCookie)
	}
}

// answer ends the wait for an answer, once.
func (l *Lease) answer() {
	if l.timed && !l.answered.Swap(true) && l.counted {
		l.target.unanswered.Add(-1)
	}
}

// Replay gives the request to a stable target, where the shield covers it. What is
// stable, and whether there is a shield, is for the split of this moment to say.
func (l *Lease) Replay(o proxy.Outcome) proxy.Exchange {
	if l.shares.Shield == nil || l.stable || l.failed != nil || !o.Class.Failed() || o.Reached {
		return nil
	}
	g := l.shares.group
	s := g.current.Load()
	switch {
	case s.Shield == nil:
		return nil
	case !s.Shield.covers(l.request):
		g.shield.uncovered.Add(1)
		return nil
	case o.Unkept:
		g.shield.unkept.Add(1)
		return nil
	case !g.budget.spend(time.Now()):
		g.shield.overBudget.Add(1)
		return nil
	}
	second := &Lease{request: l.request, shares: s, failed: l.target, key: l.key, setCookie: l.setCookie}
	if !s.toStable(second, l.target) {
		g.budget.left.Add(Full)
		return nil
	}
	g.shield.replayed.Add(1)
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
		t.cfg.Observe(Observation{Outcome: o, Dealt: l.dealt, Key: l.key})
	}
	t.release(l)
}

// rescue counts a failure of another target that this request has made good.
func (l *Lease) rescue(o proxy.Outcome) {
	good := o.Class.Attributable() && !o.Class.Failed()
	switch {
	case !good:
	case l.failed != nil:
		l.failed.rescued.Add(1)
		l.shares.group.shield.rescued.Add(1)
	case l.request.Failed != nil:
		if unreached, ours := l.request.Failed.(*Target); ours {
			unreached.rescued.Add(1)
		}
	}
}
