package balance

import (
	"context"
	"time"

	"github.com/segue-run/segue/proxy"
)

// Queue is where the requests of a release wait for room, when all of its targets that
// are up have as many as they may (TargetConfig.Most). They are let in one after the other
// as they came, and nobody overtakes them. Only what would be refused waits there: what is
// dealt to a release that is not stable and has no room goes to stable at once.
type Queue struct {
	// Length is how many may wait; 0: none, all are refused at once.
	Length int
	// Wait is for how long; default 2 s.
	Wait time.Duration
}

// enqueue has l wait for room, if there is room to wait.
func (r *Release) enqueue(l *Lease) *waiter {
	r.queue.mu.Lock()
	defer r.queue.mu.Unlock()
	w := r.queue.addLocked(l, r.cfg.Queue.Length)
	if w != nil {
		r.serveLocked() // room may have been made before it stood there
	}
	return w
}

// serve lets in what there is room for, and lets go what waits in vain because no target
// is up.
func (r *Release) serve() {
	if r.queue.n.Load() == 0 {
		return
	}
	r.queue.mu.Lock()
	defer r.queue.mu.Unlock()
	r.serveLocked()
}

func (r *Release) serveLocked() {
	for e := r.queue.waiters.Front(); e != nil; {
		w := e.Value.(*waiter)
		e = e.Next()
		full := r.place(w.lease)
		switch {
		case w.lease.target != nil || full == nil:
			r.queue.goLocked(w)
		case w.lease.request.Failed == nil:
			return // there is no room for those behind it either
		}
	}
}

// await has l wait in the queue of the release of full, until ctx ends or limit comes. It
// has waited in vain where l has no target then and there is no error: so at once where the
// shares by which it was dealt have been replaced. Whoever replaces them empties the queue of
// what is stable no more after it, so that nobody waits there who came too late for that.
func (g *Group) await(ctx context.Context, l *Lease, full *Target, limit <-chan time.Time) error {
	r := full.release
	w := r.enqueue(l)
	if l.stale() && (w == nil || r.queue.quit(w)) {
		return nil
	}
	if w == nil {
		full.refuse()
		return g.refuse(proxy.NoTargetError{OverQuota: true, QueueFull: r.cfg.Queue.Length > 0})
	}
	select {
	case <-w.turn:
		return nil
	case <-limit:
		if r.queue.quit(w) {
			full.refuse()
			return g.refuse(proxy.NoTargetError{OverQuota: true})
		}
	case <-ctx.Done():
		if r.queue.quit(w) {
			return context.Cause(ctx)
		}
	}
	return nil // its turn has come at the same moment
}

// stale reports whether there are other shares by now than those by which l was dealt.
func (l *Lease) stale() bool {
	return l.shares != unshared && l.shares.group.current.Load() != l.shares
}
