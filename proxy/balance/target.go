package balance

import (
	"context"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/segue-run/segue/proxy"
)

// cutGrace is how long Drain waits for requests that it has cancelled; an engine
// owes their end sooner.
const cutGrace = 5 * time.Second

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
	Labels proxy.Labels
	// Dial opens a connection to the instance.
	Dial func(ctx context.Context) (net.Conn, error)
	// Observe, if not nil, is told of each finished request before it leaves flight.
	// It is called on the request's goroutine, from many at once, and must not block.
	Observe func(Observation)
	// Most is how many requests it may have in flight, upgraded ones too; 0 for any
	// number. What is dealt to it beyond goes to stable; what is dealt to stable beyond is
	// refused at once.
	Most int
	// Refuse, if not nil, is told of each request that it was to get and had no room for.
	// It is called on the request's goroutine, from many at once, and must not block.
	Refuse func()
}

// Observation is one finished request, and what it may be taken for.
type Observation struct {
	proxy.Outcome
	// Dealt says that chance, or a user's place, gave the request to this target while
	// every other share could have got it too. Only then is the outcome evidence; what was
	// inherited, replayed or previewed is not.
	Dealt bool
	// Key tells the users of one rollout apart; 0 where nobody is.
	Key uint64
}

// Target is one running instance: its requests in flight and its counters. It is a
// proxy.Target.
type Target struct {
	cfg TargetConfig

	mu       sync.Mutex
	live     Lease // head of the ring of the leases in flight
	due      trial // head of the ring of those that chance dealt and that have no answer
	inFlight int
	state    TargetState
	onRetire []func()
	retired  chan struct{} // closed when retired and all of onRetire was called

	unanswered atomic.Int64 // requests of rollouts, dealt to a share that is not stable's

	classes  [proxy.Classes]atomic.Uint64
	bytesIn  atomic.Int64
	bytesOut atomic.Int64
	rescued  atomic.Uint64
	rescuing atomic.Int64 // replays of its failures that are under way
	refused  atomic.Uint64
	latency  histogram
}

// NewTarget makes a target that is ready. Whether it gets requests is for its group
// to say.
func NewTarget(cfg TargetConfig) *Target {
	t := &Target{cfg: cfg, state: TargetReady, retired: make(chan struct{})}
	t.live.prev, t.live.next = &t.live, &t.live
	t.due.prev, t.due.next = &t.due, &t.due
	return t
}

// Labels say what runs there.
func (t *Target) Labels() proxy.Labels { return t.cfg.Labels }

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

// admit puts l in flight, unless the target takes no requests, or has as many as it may
// (then l.over is set), or as many as most (0 for any number) of those that were given to
// a share that is not stable's wait for an answer. l belongs to nobody else yet.
func (t *Target) admit(l *Lease, most int) bool {
	admitted, full := t.tryAdmit(l, most)
	if full {
		l.over = true
		t.refused.Add(1)
		if t.cfg.Refuse != nil {
			t.cfg.Refuse()
		}
	}
	return admitted
}

// tryAdmit reports also whether the target was full.
func (t *Target) tryAdmit(l *Lease, most int) (admitted, full bool) {
	l.target = t
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.state != TargetReady {
		return false, false
	}
	if t.fullLocked() {
		return false, true
	}
	if l.trial != nil {
		if most > 0 && t.unanswered.Load() >= int64(most) {
			return false, false
		}
		if l.trial.counted = !l.stable && !l.trial.preview; l.trial.counted {
			t.unanswered.Add(1)
		}
		l.trial.began = int64(time.Since(epoch)) // under the lock: the ring is in this order
		if l.dealt {
			l.trial.prev, l.trial.next = t.due.prev, &t.due
			l.trial.prev.next, l.trial.next.prev = l.trial, l.trial
		}
	}
	t.inFlight++
	l.prev, l.next = t.live.prev, &t.live
	l.prev.next, l.next.prev = l, l
	return true, false
}

// open reports whether the target could get a request, with most as in admit.
func (t *Target) open(most int) bool {
	if most > 0 && t.unanswered.Load() >= int64(most) {
		return false
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.state == TargetReady && !t.fullLocked()
}

// fullLocked reports whether the target has as many requests in flight as it may.
func (t *Target) fullLocked() bool { return t.cfg.Most > 0 && t.inFlight >= t.cfg.Most }

// Overdue is how many requests wait for an answer for longer than that since they had
// been sent, of those that chance has dealt to the target during a rollout; where users
// are told apart, how many users wait. Its cost is that of those that are older and have
// no answer yet.
func (t *Target) Overdue(than time.Duration) int {
	latest := int64(time.Since(epoch) - than)
	n := 0
	var users map[uint64]struct{}
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
	return n
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

// Rescued is how many of the target's failures, of which the client had got nothing, a
// stable one has made good: those that were replayed, and those that had not reached
// the target at all. A replay counts from its beginning on, so that it is told along with
// the failure, and is taken off again if it fails as well.
func (t *Target) Rescued() uint64 { return t.rescued.Load() + uint64(max(0, t.rescuing.Load())) }

// Down takes the target out at once and for good, without waiting: its process is
// gone, or is about to be. Requests in flight go on as far as they can.
func (t *Target) Down() {
	t.mu.Lock()
	if t.state == TargetReady {
		t.state = TargetDraining
	}
	finish := t.retireLocked()
	t.mu.Unlock()
	finish()
}

// Drain takes the target out for good and waits until nothing is in flight. When
// ctx ends first, the rest is cancelled with the cause proxy.ErrDraining and its end
// awaited; the error says how many. Take the target out of its group first, so that
// its requests have somewhere to go.
func (t *Target) Drain(ctx context.Context) error {
	t.Down()
	select {
	case <-t.retired:
		return nil
	case <-ctx.Done():
	}
	cut := t.cut()
	if cut == 0 {
		<-t.retired
		return nil
	}
	select {
	case <-t.retired:
	case <-time.After(cutGrace):
	}
	return fmt.Errorf("drain %s: %d requests cut off: %w", t.cfg.Labels.Release(), cut, context.Cause(ctx))
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

// release takes l out of flight.
func (t *Target) release(l *Lease) {
	t.mu.Lock()
	l.prev.next, l.next.prev = l.next, l.prev
	t.inFlight--
	finish := t.retireLocked()
	t.mu.Unlock()
	finish()
}

// retireLocked retires the target if it is draining and nothing is in flight; what
// it returns is to be called without the lock.
func (t *Target) retireLocked() (finish func()) {
	if t.state != TargetDraining || t.inFlight > 0 {
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

// TargetStats are a target's counters at one moment; whole in each number, not
// across them.
type TargetStats struct {
	Labels   proxy.Labels
	State    TargetState
	InFlight int
	Requests uint64                // finished
	Classes  [proxy.Classes]uint64 // of these, by proxy.Class
	BytesIn  int64                 // bodies from clients
	BytesOut int64                 // bodies to clients
	Rescued  uint64                // see Target.Rescued; of replays, those that are over
	Refused  uint64                // had no room, see TargetConfig.Most; not in Requests
	// Latency is proxy.Outcome.Wait, of the requests that are attributable to the module:
	// no upgrades, and none that the client, a drain or the host ended.
	Latency Histogram
}

// Failed is how many requests count against the release.
func (s *TargetStats) Failed() uint64 {
	n := uint64(0)
	for class, count := range s.Classes {
		if proxy.Class(class).Failed() {
			n += count
		}
	}
	return n
}

// Stats reads the counters.
func (t *Target) Stats() TargetStats {
	t.mu.Lock()
	s := TargetStats{Labels: t.cfg.Labels, State: t.state, InFlight: t.inFlight}
	t.mu.Unlock()
	for class := range t.classes {
		s.Classes[class] = t.classes[class].Load()
		s.Requests += s.Classes[class]
	}
	s.BytesIn, s.BytesOut, s.Rescued = t.bytesIn.Load(), t.bytesOut.Load(), t.rescued.Load()
	s.Refused = t.refused.Load()
	s.Latency = t.latency.snapshot()
	return s
}

// Latency is TargetStats.Latency alone.
func (t *Target) Latency() Histogram { return t.latency.snapshot() }
