package balance

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/segue-run/segue/proxy"
)

// cutGrace is how long Drain waits for requests that it has cancelled; an engine
// owes their end sooner.
const cutGrace = 5 * time.Second

// Patience is how long a drain waits.
type Patience struct {
	// Plain is the limit of requests whose answer is not long; 0: ctx's alone.
	Plain time.Duration
	// Long is the limit of those whose answer is (proxy.Answer.Long), from the drain's
	// beginning too. They are asked to go away at Plain. Less than Plain is Plain.
	Long time.Duration
}

// Drain takes the target out for good and waits until nothing is in flight. When
// ctx ends first, the rest is cancelled with the cause proxy.ErrDraining and its end
// awaited; the error says how many. Take the target out of its release, or that out of its
// group, first, so that its requests have somewhere to go.
func (t *Target) Drain(ctx context.Context, patience Patience) error {
	return drained(t.labels, t.drain(ctx, patience), context.Cause(ctx))
}

// Drain is Down for good, and waits until nothing is in flight on any of its targets, as
// Target.Drain does.
func (r *Release) Drain(ctx context.Context, patience Patience) error {
	r.Down()
	var cut atomic.Int64
	var wg sync.WaitGroup
	for _, t := range r.all() {
		wg.Go(func() { cut.Add(int64(t.drain(ctx, patience))) })
	}
	wg.Wait()
	return drained(r.cfg.Labels, int(cut.Load()), context.Cause(ctx))
}

func drained(labels proxy.Labels, cut int, cause error) error {
	if cut == 0 {
		return nil
	}
	return fmt.Errorf("drain %s: %d requests cut off: %w", labels.Release(), cut, cause)
}

// drain says how many requests it has cut off.
func (t *Target) drain(ctx context.Context, patience Patience) int {
	t.Down()
	select {
	case <-t.retired:
		return 0
	case <-ctx.Done():
	}
	cut := t.cut()
	if cut == 0 {
		<-t.retired
		return 0
	}
	select {
	case <-t.retired:
	case <-time.After(cutGrace):
	}
	return cut
}

// cut cancels all that is in flight and says how much that was. It waits for none:
// one that is stuck must not hold up the others.
func (t *Target) cut() int {
	t.mu.Lock()
	var cancels []context.CancelCauseFunc
	for l := t.live.next; l != &t.live; l = l.next {
		cancels = append(cancels, l.request.Cancel)
	}
	t.mu.Unlock()
	for _, cancel := range cancels {
		go cancel(proxy.ErrDraining)
	}
	return len(cancels)
}
