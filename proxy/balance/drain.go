package balance

import (
	"cmp"
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/segue-run/segue/proxy"
)

const (
	// cutGrace is how long Drain waits for requests that it has cancelled; an engine
	// owes their end sooner.
	cutGrace = 5 * time.Second
	// partingTime is what long requests are asked to go away within, at most, so that their
	// clients do not all come again at the same instant; partingStep is how often some are.
	partingTime = 2 * time.Second
	partingStep = 20 * time.Millisecond
)

// Patience is how long a drain waits, from its beginning.
type Patience struct {
	// Plain is the limit of requests whose answer is not long; 0: only ctx ends the wait, for
	// all of them.
	Plain time.Duration
	// Long is the limit of those whose answer is (proxy.Answer.Long). They are asked to go
	// away from Plain on, one after the other within two seconds, or half of what is left to
	// them. No more than Plain is Plain.
	Long time.Duration
}

// Drain takes the target out for good and waits until nothing is in flight. What has
// reached its limit is cancelled with the cause proxy.ErrDraining, all when ctx ends, and
// its end awaited; the error says how many. Take the target out of its release, or that
// out of its group, first, so that its requests have somewhere to go.
//
// A request that ends at the same moment may be asked to go away, or be cancelled, just
// after its Done.
func (t *Target) Drain(ctx context.Context, p Patience) error {
	return drained(ctx, t.labels, t.drain(ctx, p))
}

// Drain is Down for good, and waits until nothing is in flight on any of its targets, as
// Target.Drain does.
func (r *Release) Drain(ctx context.Context, p Patience) error {
	r.Down()
	var cut atomic.Int64
	var wg sync.WaitGroup
	for _, t := range r.all() {
		wg.Go(func() { cut.Add(int64(t.drain(ctx, p))) })
	}
	wg.Wait()
	return drained(ctx, r.cfg.Labels, int(cut.Load()))
}

func drained(ctx context.Context, labels proxy.Labels, cut int) error {
	if cut == 0 {
		return nil
	}
	cause := cmp.Or(context.Cause(ctx), context.DeadlineExceeded)
	return fmt.Errorf("drain %s: %d requests cut off: %w", labels.Release(), cut, cause)
}

// drain says how many requests it has cut off.
func (t *Target) drain(ctx context.Context, p Patience) (cut int) {
	t.Down()
	began := time.Now()
	if p.Plain > 0 {
		t.rest(ctx, p.Plain)
		if p.Long > p.Plain && ctx.Err() == nil {
			cut = t.cut(false)
			t.part(ctx, min(partingTime, (p.Long-p.Plain)/2))
			t.rest(ctx, p.Long-time.Since(began))
		}
	} else {
		select {
		case <-t.retired:
		case <-ctx.Done():
		}
	}
	cut += t.cut(true)
	select {
	case <-t.retired:
	case <-time.After(cutGrace):
	}
	return cut
}

// rest waits for that long, or less if the target is retired or ctx ends.
func (t *Target) rest(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-t.retired:
	case <-ctx.Done():
	}
}

// part asks all that is long to go away, spread over that time.
func (t *Target) part(ctx context.Context, within time.Duration) {
	long := t.flying(func(l *Lease) bool { return l.long.Load() })
	steps := max(1, min(len(long), int(within/partingStep)))
	for i := range steps {
		for _, l := range long[i*len(long)/steps : (i+1)*len(long)/steps] {
			if !l.done.Load() {
				l.request.GoAway()
			}
		}
		if i < steps-1 {
			t.rest(ctx, within/time.Duration(steps))
		}
	}
}

// cut cancels what is in flight, that which is long only with all, and says how much that
// was. It waits for none: one that is stuck must not hold up the others.
func (t *Target) cut(all bool) int {
	some := t.flying(func(l *Lease) bool {
		if l.cut || !all && l.long.Load() {
			return false
		}
		l.cut = true
		return true
	})
	for _, l := range some {
		go l.request.Cancel(proxy.ErrDraining)
	}
	return len(some)
}

// flying is what is in flight and of that kind. The kind is asked under the lock.
func (t *Target) flying(kind func(*Lease) bool) (some []*Lease) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for l := t.live.next; l != &t.live; l = l.next {
		if kind(l) {
			some = append(some, l)
		}
	}
	return some
}
