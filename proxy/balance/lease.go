package balance

import (
	"context"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/segue-run/segue/proxy"
)

// Lease is one request in flight on one target. It is a proxy.Exchange.
type Lease struct {
	target     *Target
	cancel     context.CancelCauseFunc
	prev, next *Lease // under target.mu
	done       atomic.Bool
}

// Target is where the request is in flight.
func (l *Lease) Target() proxy.Target { return l.target }

// Done counts the outcome, tells the target's observer and takes the request out of
// flight, in this order; only the first call does anything.
func (l *Lease) Done(o proxy.Outcome) {
	if l.done.Swap(true) {
		return
	}
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
		t.latency.add(o.Duration)
	}
	if t.cfg.Observe != nil {
		t.cfg.Observe(o)
	}
	t.release(l)
}

// Keep keeps nothing.
func (l *Lease) Keep() int64 { return 0 }

// Tap shows nothing.
func (l *Lease) Tap() proxy.Tap { return nil }

// Answered adds nothing.
func (l *Lease) Answered(time.Duration, http.Header) {}

// Replay gives none.
func (l *Lease) Replay(proxy.Outcome) proxy.Exchange { return nil }
