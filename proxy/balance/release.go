package balance

import (
	"context"
	"fmt"
	"iter"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/segue-run/segue/proxy"
)

// ReleaseConfig describes a release. Zero values mean the default.
type ReleaseConfig struct {
	// Labels say what it is; they name no instance.
	Labels proxy.Labels
	// Observe, if not nil, is told of each finished request before it leaves flight.
	// It is called on the request's goroutine, from many at once, and must not block.
	Observe func(Observation)
	// Ejection says when a target is taken out that fails beside its siblings.
	Ejection Ejection
	// Changed, if not nil, is told of targets that are taken out and of those that are trusted
	// again. It is called on a request's goroutine, from many at once, and must not block.
	Changed func(Change)
	// SlowStart is how long it takes until a target that joins others which have had
	// requests, or returns among them, gets as many as they do; default 10 s, negative for
	// no time.
	SlowStart time.Duration
	// Queue is where requests wait for room.
	Queue Queue
}

// Observation is one finished request, and what it may be taken for.
type Observation struct {
	proxy.Outcome
	// Target had it.
	Target *Target
	// Dealt says that chance, or a user's place, gave the request to this release while
	// every other share could have got it too. Only then is the outcome evidence; what was
	// inherited, replayed or previewed is not.
	Dealt bool
	// Key tells the users of one rollout apart; 0 where nobody is.
	Key uint64
}

// Release is what has a share of a module's requests: one version of it, with its
// running instances. Targets come and go without any share's changing. It is used by
// many goroutines at once.
type Release struct {
	cfg     ReleaseConfig
	targets atomic.Pointer[[]*Target] // immutable; those that may be chosen, down ones too
	turn    atomic.Uint32             // whose turn it is among equals
	special atomic.Int64              // how many targets are out, or start slowly

	outliers outliers
	queue    line

	unanswered atomic.Int64 // requests of rollouts, while it has a share that is not stable's
	rescued    atomic.Uint64
	rescuing   atomic.Int64 // replays of its failures that are under way

	mu      sync.Mutex
	down    bool
	leaving []*Target // removed, with requests in flight
	gone    Counts    // of those that were removed and have none
	groups  []*Group  // that have given it a share
}

// NewRelease makes a release without targets. Whether it gets requests is for its group
// to say.
func NewRelease(cfg ReleaseConfig) *Release {
	unless(&cfg.SlowStart, 10*time.Second)
	unless(&cfg.Queue.Wait, 2*time.Second)
	r := &Release{cfg: cfg, outliers: outliers{cfg: cfg.Ejection.defaults()}}
	r.targets.Store(new([]*Target))
	return r
}

// Labels say what it is.
func (r *Release) Labels() proxy.Labels { return r.cfg.Labels }

// Add makes a target that is ready, and lets requests in that wait for one. Where the
// release is down, the target is too.
func (r *Release) Add(cfg TargetConfig) *Target {
	t := newTarget(r, cfg)
	r.mu.Lock()
	if r.down {
		t.Down()
	}
	now := *r.targets.Load()
	if slices.ContainsFunc(now, func(o *Target) bool { return o.ready.Load() && o.begun() }) {
		r.warm(t, sinceEpoch())
	}
	next := append(slices.Clip(now), t)
	r.targets.Store(&next)
	groups := slices.Clone(r.groups)
	r.mu.Unlock()
	r.serve()
	for _, g := range groups {
		g.bell.ring()
	}
	return t
}

// Remove takes the target down and out of the release; what it has in flight goes on, and
// what it has answered stays in the release's counters. One that is not the release's, or
// was removed already, is let be.
func (r *Release) Remove(t *Target) {
	r.mu.Lock()
	at := slices.Index(*r.targets.Load(), t)
	if at >= 0 {
		next := slices.Delete(slices.Clone(*r.targets.Load()), at, at+1)
		r.targets.Store(&next)
		r.leaving = append(r.leaving, t)
	}
	r.mu.Unlock()
	if at < 0 {
		return
	}
	t.Down()
	r.dismiss(t)
	r.serve() // which may wait for nobody now
	t.OnRetire(func() { r.forget(t) })
}

// forget keeps nothing of a target but its counts.
func (r *Release) forget(t *Target) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.gone.add(t.counts())
	r.leaving = slices.DeleteFunc(r.leaving, func(o *Target) bool { return o == t })
}

// Targets are those that were added and not removed, in this order. The slice is the
// caller's.
func (r *Release) Targets() []*Target { return slices.Clone(*r.targets.Load()) }

// allLocked are all that have been added, but those that were removed and have nothing in
// flight.
func (r *Release) allLocked() iter.Seq[*Target] {
	return func(yield func(*Target) bool) {
		for _, some := range [...][]*Target{*r.targets.Load(), r.leaving} {
			for _, t := range some {
				if !yield(t) {
					return
				}
			}
		}
	}
}

// all is allLocked at one moment.
func (r *Release) all() []*Target {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Collect(r.allLocked())
}

// Dial opens a connection to one of its targets that are up, to each in its turn, beside
// the requests in flight and without being counted. It is for what is no request of a
// client's; where no target is up, the error says so.
func (r *Release) Dial(ctx context.Context) (net.Conn, error) {
	targets := *r.targets.Load()
	start := r.turn.Add(1)
	for i := range targets {
		if t := targets[(int(start)+i)%len(targets)]; t.ready.Load() {
			return t.Dial(ctx)
		}
	}
	return nil, fmt.Errorf("dial %s: %w", r.cfg.Labels.Release(), proxy.ErrNoTarget)
}

// Up reports whether one of its targets takes requests.
func (r *Release) Up() bool {
	return slices.ContainsFunc(*r.targets.Load(), func(t *Target) bool { return t.ready.Load() })
}

// State is ready where one target is; draining where none is and requests are in flight;
// else retired. A release whose targets are down one by one is ready again with the next
// one that is added; one that is Down itself never.
func (r *Release) State() TargetState {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.stateLocked()
}

func (r *Release) stateLocked() TargetState {
	state := TargetRetired
	for t := range r.allLocked() {
		switch t.State() {
		case TargetReady:
			return TargetReady
		case TargetDraining:
			state = TargetDraining
		}
	}
	return state
}

// Down takes the release out at once and for good: all of its targets, and those that are
// added later. Requests in flight go on as far as they can.
func (r *Release) Down() {
	r.mu.Lock()
	r.down = true
	r.mu.Unlock()
	for _, t := range *r.targets.Load() {
		t.Down()
	}
}

// Overdue is how many requests wait for an answer for longer than that since they had
// been sent, of those that chance has dealt to the release during a rollout; where users
// are told apart, how many users wait. Its cost is that of those that are older and have
// no answer yet.
func (r *Release) Overdue(than time.Duration) int {
	latest := int64(time.Since(epoch) - than)
	sum, n := 0, 0
	var users map[uint64]struct{}
	for _, t := range r.all() {
		n, users = t.overdue(latest, users)
		sum += n
	}
	return sum
}

// Rescued is how many of the release's failures, of which the client had got nothing, a
// stable one has made good: those that were replayed, and those that had not reached
// the release at all. A replay counts from its beginning on, so that it is told along with
// the failure, and is taken off again if it fails as well.
func (r *Release) Rescued() uint64 { return r.rescued.Load() + uint64(max(0, r.rescuing.Load())) }

// join and leave keep the groups that are to know of new targets.
func (r *Release) join(g *Group) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !slices.Contains(r.groups, g) {
		r.groups = append(r.groups, g)
	}
}

func (r *Release) leave(g *Group) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.groups = slices.DeleteFunc(r.groups, func(o *Group) bool { return o == g })
}
