package balance

import (
	"context"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/segue-run/segue/proxy"
)

// TargetState is where a target stands.
type TargetState string

// The states of a target; it never goes back.
const (
	TargetReady    TargetState = "ready"    // takes requests
	TargetDraining TargetState = "draining" // takes none, some are in flight
	TargetRetired  TargetState = "retired"  // takes none, has none
)

// TargetConfig describes an instance.
type TargetConfig struct {
	// Instance is its name; the rest of its labels is the release's.
	Instance string
	// Dial opens a connection to the instance.
	Dial func(ctx context.Context) (net.Conn, error)
	// Most is how many requests it may have in flight, upgraded ones too; 0 for any
	// number. What a release has no room for goes to stable, if it was dealt to another one;
	// what stable has no room for waits in its queue, or is refused at once.
	Most int
	// Refuse, if not nil, is told of each request that its release was to get and had no
	// room for; where several targets are full, one of them is told. It is called on the
	// request's goroutine, from many at once, and must not block.
	Refuse func()
}

// Target is one running instance of a release: its requests in flight and its counters.
// It is a proxy.Target.
type Target struct {
	cfg     TargetConfig
	labels  proxy.Labels
	release *Release

	mu       sync.Mutex
	live     Lease // head of the ring of the leases in flight
	due      trial // head of the ring of those that chance dealt and that have no answer
	state    TargetState
	onRetire []func()
	retired  chan struct{} // closed when retired and all of onRetire was called

	// Written under mu, read by the choice of a target without it.
	ready    atomic.Bool // state is TargetReady
	inFlight atomic.Int64
	long     atomic.Int64 // of these, how many have a long answer

	conduct conduct
	warmth
	tally
}

// newTarget makes a target that is ready.
func newTarget(r *Release, cfg TargetConfig) *Target {
	t := &Target{cfg: cfg, labels: r.cfg.Labels, release: r, state: TargetReady, retired: make(chan struct{})}
	t.conduct.now = StandingTrusted
	t.labels.Instance = cfg.Instance
	t.live.prev, t.live.next = &t.live, &t.live
	t.due.prev, t.due.next = &t.due, &t.due
	t.ready.Store(true)
	return t
}

// Labels say what runs there.
func (t *Target) Labels() proxy.Labels { return t.labels }

// Release is what it is an instance of.
func (t *Target) Release() *Release { return t.release }

// Dial opens a connection to the instance.
func (t *Target) Dial(ctx context.Context) (net.Conn, error) { return t.cfg.Dial(ctx) }

// State is where the target stands at this moment.
func (t *Target) State() TargetState {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.state
}

// OnRetire has f called once when the target is retired, at once if it is.
func (t *Target) OnRetire(f func()) {
	t.mu.Lock()
	late := t.state == TargetRetired
	if !late {
		t.onRetire = append(t.onRetire, f)
	}
	t.mu.Unlock()
	if late {
		f()
	}
}

// admit puts l in flight, unless the target takes no requests or has as many as it may.
// l belongs to nobody else yet.
func (t *Target) admit(l *Lease) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.state != TargetReady || t.full() {
		return false
	}
	l.target = t
	if l.trial != nil {
		l.trial.began = int64(time.Since(epoch)) // under the lock: the ring is in this order
		if l.dealt {
			l.trial.prev, l.trial.next = t.due.prev, &t.due
			l.trial.prev.next, l.trial.next.prev = l.trial, l.trial
		}
	}
	t.inFlight.Add(1)
	l.prev, l.next = t.live.prev, &t.live
	l.prev.next, l.next.prev = l, l
	return true
}

// full reports whether the target has as many requests in flight as it may.
func (t *Target) full() bool { return t.cfg.Most > 0 && t.inFlight.Load() >= int64(t.cfg.Most) }

// begun reports whether it has had a request.
func (t *Target) begun() bool { return t.inFlight.Load() > 0 || t.attributable()[0] > 0 }

// refuse notes that a request found no room.
func (t *Target) refuse() {
	t.refused.Add(1)
	if t.cfg.Refuse != nil {
		t.cfg.Refuse()
	}
}

// overdue counts those that wait for an answer since before latest, each user that is in
// users already but once; it gives users with what it has seen.
func (t *Target) overdue(latest int64, users map[uint64]struct{}) (n int, seen map[uint64]struct{}) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for r := t.due.next; r != &t.due && r.began <= latest; r = r.next {
		if sent := r.sent.Load(); sent == 0 || sent >= latest {
			continue
		}
		if key := r.user.Key; key != 0 {
			if _, known := users[key]; known {
				continue
			}
			if users == nil {
				users = map[uint64]struct{}{}
			}
			users[key] = struct{}{}
		}
		n++
	}
	return n, users
}

// answered takes r out of those that have no answer.
func (t *Target) answered(r *trial) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if r.next != nil {
		r.prev.next, r.next.prev = r.next, r.prev
		r.prev, r.next = nil, nil
	}
}

// Down takes the target out at once and for good, without waiting: its process is
// gone, or is about to be. Requests in flight go on as far as they can.
func (t *Target) Down() {
	t.mu.Lock()
	if t.state == TargetReady {
		t.state = TargetDraining
		t.ready.Store(false)
	}
	finish := t.retireLocked()
	t.mu.Unlock()
	finish()
	t.release.serve() // which may wait for nobody now
}

// leave takes l out of flight.
func (t *Target) leave(l *Lease) {
	t.mu.Lock()
	l.prev.next, l.next.prev = l.next, l.prev
	t.inFlight.Add(-1)
	finish := t.retireLocked()
	t.mu.Unlock()
	finish()
	t.release.serve()
}

// retireLocked retires the target if it is draining and nothing is in flight; what
// it returns is to be called without the lock.
func (t *Target) retireLocked() (finish func()) {
	if t.state != TargetDraining || t.inFlight.Load() > 0 {
		return func() {}
	}
	t.state = TargetRetired
	callbacks := t.onRetire
	t.onRetire = nil
	return func() {
		for _, f := range callbacks {
			f()
		}
		close(t.retired)
	}
}
