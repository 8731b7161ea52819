package balance

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/segue-run/segue/proxy"
)

// GroupConfig describes a module's group. Zero values mean the default.
type GroupConfig struct {
	Module string
	// MaxWait is how long a request waits for a stable target; default 2 s.
	MaxWait time.Duration
	// MaxQueue is how many requests wait at a time; more are refused at once.
	// Default 1000.
	MaxQueue int
	// RetryAfter is what refused clients are told; default 1 s.
	RetryAfter time.Duration
}

// Group splits one module's requests over its releases.
type Group struct {
	cfg     GroupConfig
	mu      sync.Mutex // serialises Apply
	current atomic.Pointer[shares]
	bell    bell
	door    atomic.Pointer[Door] // nil until it is set
	held    line                 // before the door
	budget  budget               // of replays under a shield
	retries budget
	recalls recalls

	waiting     atomic.Int64
	waited      atomic.Uint64
	refused     atomic.Uint64
	closed      atomic.Uint64
	spilled     atomic.Uint64
	previewed   atomic.Uint64
	shield      shieldCounters
	retryCounts retryCounters
}

// NewGroup makes a group without targets: its requests wait for the first Apply.
func NewGroup(cfg GroupConfig) *Group {
	unless(&cfg.MaxWait, 2*time.Second)
	unless(&cfg.MaxQueue, 1000)
	unless(&cfg.RetryAfter, time.Second)
	g := &Group{cfg: cfg}
	g.budget.begin(time.Now())
	g.retries.begin(time.Now())
	g.bell.ring()
	g.current.Store(&shares{group: g})
	return g
}

// Close ends what the group does by itself: nothing is taken back any more. Its requests go
// on. It is called once no Apply is to come.
func (g *Group) Close() { g.recalls.close() }

// Module is the module's name.
func (g *Group) Module() string { return g.cfg.Module }

// Apply replaces the split in one step: a Pick that begins after Apply has returned
// sees only the new one, and requests that wait are released to it. No shares at all
// is allowed, and means that requests wait. Where the weights are the ones before, in
// the same order, their exact sequence goes on. A split that is refused changes
// nothing.
//
// What waits for an answer from a release that loses its share, without becoming stable,
// is taken back and given to stable, where a shield covers it: at once what has waited
// for longer than a second, or than all but a hundredth of stable's answers took, up to
// ten seconds; and all that still waits when as much time has passed since. So what hangs
// is rescued soon, and a target that is well has the time to finish. Where no stable
// one is up, nothing is taken back. All else goes on.
func (g *Group) Apply(split Split) error {
	last, next, err := g.swap(split)
	if err == nil {
		g.recall(last, next)
	}
	return err
}

// swap puts split in place of the shares before.
func (g *Group) swap(split Split) (last, next *shares, err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	last = g.current.Load()
	if next, err = newShares(g, split, last); err != nil {
		return nil, nil, err
	}
	releases := next.releases()
	for _, r := range releases {
		r.join(g)
	}
	g.current.Store(next)
	for _, r := range last.releases() {
		if !slices.Contains(releases, r) {
			r.leave(g)
		}
	}
	for _, share := range last.Shares {
		if share.Stable && !next.stable(share.Release) {
			share.Release.queue.empty()
		}
	}
	g.bell.ring()
	return last, next, nil
}

// Pick puts r in flight on the release whose turn it is: on that one of its targets that
// has the fewest requests. Where none of them is up, or all have as many requests as they
// may, r goes to a stable release, and what has failed to reach one target to another one
// of its release, and then to stable; where none is up, it waits for one, and gets a
// *proxy.NoTargetError after MaxWait, or at once if too many wait; or the cause of ctx's
// end. Where stable is up and has no room for r (TargetConfig.Most), r waits for some in
// its queue, or is refused at once where there is none or that is full. A request that asks
// for the preview goes there, and is refused at once where that is not up. Before all this
// the door has its say (see Door).
func (g *Group) Pick(ctx context.Context, r *proxy.Request) (*Lease, error) {
	s := g.current.Load()
	asked := s.preview && s.Preview.asked(r)
	if g.door.Load() != nil && r.Failed == nil { // else it has come in already
		if err := g.enter(ctx, asked); err != nil {
			return nil, err
		}
		s = g.current.Load()
		asked = s.preview && s.Preview.asked(r)
	}
	if s.Shield != nil {
		g.budget.earn(s.Shield.Budget)
	}
	if s.retry != nil {
		g.retries.earn(s.retry.Budget)
	}
	if asked {
		return g.show(ctx, s.Preview.Release, r)
	}
	drawn := false
	l, full := s.pick(r, &drawn)
	if l.target != nil {
		return l, nil
	}
	return g.wait(ctx, l, full, drawn)
}

// show puts r in flight on the preview.
func (g *Group) show(ctx context.Context, release *Release, r *proxy.Request) (*Lease, error) {
	g.previewed.Add(1)
	none := proxy.NoTargetError{Preview: true}
	if release == nil {
		return nil, g.refuse(none)
	}
	l := &Lease{request: r, shares: unshared, trial: &trial{preview: true}}
	if full := release.admit(l, 0); full != nil {
		timer := time.NewTimer(release.cfg.Queue.Wait)
		defer timer.Stop()
		if err := g.await(ctx, l, full, timer.C); err != nil {
			return nil, err
		}
	}
	if l.target == nil {
		return nil, g.refuse(none)
	}
	return l, nil
}

// unshared is the split of requests that have no part in one.
var unshared = new(shares)

// wait has the request of l, which has found no target, wait for room on a stable one
// that is up, or until one is up. It may be already: then it is not a wait.
func (g *Group) wait(ctx context.Context, l *Lease, full *Target, drawn bool) (*Lease, error) {
	var room, up <-chan time.Time
	for {
		if full != nil {
			if room == nil && full.release.cfg.Queue.Length > 0 {
				timer := time.NewTimer(full.release.cfg.Queue.Wait)
				defer timer.Stop()
				room = timer.C
			}
			if err := g.await(ctx, l, full, room); err != nil {
				return nil, err
			}
		}
		if l.target != nil {
			return l, nil
		}
		rings, s := g.bell.heard(), g.current.Load()
		if l, full = s.pick(l.request, &drawn); l.target != nil || full != nil || g.current.Load() != s {
			continue
		}
		if up == nil {
			if g.waiting.Add(1) > int64(g.cfg.MaxQueue) {
				g.waiting.Add(-1)
				return nil, g.refuse(proxy.NoTargetError{QueueFull: true})
			}
			defer g.waiting.Add(-1)
			g.waited.Add(1)
			timer := time.NewTimer(g.cfg.MaxWait)
			defer timer.Stop()
			up = timer.C
		}
		select {
		case <-rings:
		case <-up:
			return nil, g.refuse(proxy.NoTargetError{})
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}

// bell wakes all that wait for a change.
type bell struct{ now atomic.Pointer[chan struct{}] }

// heard is closed by the next ring. Look for the change after it was asked for.
func (b *bell) heard() <-chan struct{} { return *b.now.Load() }

// ring wakes all that wait.
func (b *bell) ring() {
	if last := b.now.Swap(new(make(chan struct{}))); last != nil {
		close(*last)
	}
}

// refuse counts a refusal and says whose it is.
func (g *Group) refuse(why proxy.NoTargetError) error {
	g.refused.Add(1)
	why.Module, why.RetryAfter = g.cfg.Module, cmp.Or(why.RetryAfter, g.cfg.RetryAfter)
	return &why
}

// Shares are the shares of this moment. The slice is the caller's.
func (g *Group) Shares() []Share { return slices.Clone(g.current.Load().Shares) }

// GroupState is whether a module can serve.
type GroupState string

// The states of a group.
const (
	GroupServing    GroupState = "serving"    // a stable target is up
	GroupRestarting GroupState = "restarting" // none is; requests wait
)

// GroupStats are a group's counters at one moment.
type GroupStats struct {
	Module    string
	State     GroupState
	Waiting   int    // requests that wait now
	Waited    uint64 // that have had to wait
	Refused   uint64 // that no target came for, or had room for, or that were held too long
	Spilled   uint64 // dealt to a release that was down or had as many as it may, and given to stable
	Previewed uint64 // that asked for the preview
	Door      DoorState
	Held      int    // requests that are held now
	EverHeld  uint64 // that have been held
	Closed    uint64 // refused for maintenance
	Shield    ShieldStats
	Retry     RetryStats
}

// Stats reads the counters.
func (g *Group) Stats() GroupStats {
	s := GroupStats{Module: g.cfg.Module, State: GroupRestarting, Waiting: int(g.waiting.Load()),
		Waited: g.waited.Load(), Refused: g.refused.Load(), Spilled: g.spilled.Load(),
		Previewed: g.previewed.Load(), Shield: g.shield.snapshot(), Retry: g.retryCounts.snapshot(),
		Door: g.Door().State, Held: int(g.held.n.Load()), EverHeld: g.held.ever.Load(), Closed: g.closed.Load()}
	up := func(s Share) bool { return s.Stable && s.Release.Up() }
	if slices.ContainsFunc(g.current.Load().Shares, up) {
		s.State = GroupServing
	}
	return s
}
