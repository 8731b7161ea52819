package balance

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/segue-run/segue/proxy"
)

// Share is a target's part in its group.
type Share struct {
	Target *Target
	// Weight is in basis points; a target of weight 0 gets nothing by its own right.
	Weight int
	// Stable marks what serves now: it inherits the requests of targets that are
	// gone, and while none is up requests wait.
	Stable bool
}

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

// Group splits one module's requests over its targets.
type Group struct {
	cfg     GroupConfig
	mu      sync.Mutex // serialises Apply
	current atomic.Pointer[shares]

	waiting atomic.Int64
	waited  atomic.Uint64
	refused atomic.Uint64
}

// shares is an immutable set of shares.
type shares struct {
	all     []Share
	slots   *Slots        // nil where there are none
	changed chan struct{} // closed when the next set is in place
}

// NewGroup makes a group without targets: its requests wait for the first Apply.
func NewGroup(cfg GroupConfig) *Group {
	if cfg.MaxWait == 0 {
		cfg.MaxWait = 2 * time.Second
	}
	if cfg.MaxQueue == 0 {
		cfg.MaxQueue = 1000
	}
	if cfg.RetryAfter == 0 {
		cfg.RetryAfter = time.Second
	}
	g := &Group{cfg: cfg}
	g.current.Store(&shares{changed: make(chan struct{})})
	return g
}

// Module is the module's name.
func (g *Group) Module() string { return g.cfg.Module }

// Apply replaces all shares in one step: a Pick that begins after Apply has returned
// sees only the new ones, and requests that wait are released to them. The weights
// sum to Full; no shares at all is allowed, and means that requests wait. Where the
// weights are the ones before, in the same order, their exact sequence goes on.
func (g *Group) Apply(all ...Share) error {
	if err := g.check(all); err != nil {
		return err
	}
	next := &shares{all: slices.Clone(all), changed: make(chan struct{})}
	g.mu.Lock()
	defer g.mu.Unlock()
	last := g.current.Load()
	if slices.EqualFunc(all, last.all, func(a, b Share) bool { return a.Weight == b.Weight }) {
		next.slots = last.slots
	} else if len(all) > 0 {
		weights := make([]int, len(all))
		for i, s := range all {
			weights[i] = s.Weight
		}
		next.slots = NewSlots(weights...)
	}
	g.current.Store(next)
	close(last.changed)
	return nil
}

func (g *Group) check(all []Share) error {
	sum := 0
	for i, s := range all {
		if s.Target == nil {
			return fmt.Errorf("share %d of module %s: no target", i, g.cfg.Module)
		}
		release := s.Target.Labels()
		if release.Module != g.cfg.Module {
			return fmt.Errorf("share %d of module %s: target is of module %s", i, g.cfg.Module, release.Module)
		}
		if s.Weight < 0 {
			return fmt.Errorf("share %d of module %s: weight %d is negative", i, g.cfg.Module, s.Weight)
		}
		if slices.ContainsFunc(all[:i], func(o Share) bool { return o.Target == s.Target }) {
			return fmt.Errorf("share %d of module %s: instance %s has a share already", i, g.cfg.Module, release.Instance)
		}
		sum += s.Weight
	}
	if len(all) > 0 && sum != Full {
		return fmt.Errorf("shares of module %s: weights sum to %d, not %d", g.cfg.Module, sum, Full)
	}
	return nil
}

// Pick puts r in flight on the target whose turn it is. Where that one is gone, or
// r has failed to reach one already, r goes to a stable target; where none is up, it
// waits for one, and gets a *proxy.NoTargetError after MaxWait, or at once if too
// many wait; or the cause of ctx's end.
func (g *Group) Pick(ctx context.Context, r *proxy.Request) (*Lease, error) {
	s := g.current.Load()
	drawn := r.Failed != nil
	if l := s.pick(r, &drawn); l != nil {
		return l, nil
	}
	return g.wait(ctx, r, s, drawn)
}

// pick draws, at most once for a request: one that drew and has to wait goes to
// stable without another draw, which would give the candidate more than its share.
func (s *shares) pick(r *proxy.Request, drawn *bool) *Lease {
	if !*drawn && s.slots != nil {
		*drawn = true
		if l := s.all[s.slots.Next()].Target.acquire(r); l != nil {
			return l
		}
	}
	for i := range s.all {
		if t := s.all[i].Target; s.all[i].Stable && r.Failed != proxy.Target(t) {
			if l := t.acquire(r); l != nil {
				return l
			}
		}
	}
	return nil
}

// wait has r wait for other shares than s, which gave it nothing. The shares may
// have been replaced since they were read: then it is not a wait.
func (g *Group) wait(ctx context.Context, r *proxy.Request, s *shares, drawn bool) (*Lease, error) {
	var timeout <-chan time.Time
	for {
		if g.current.Load() == s && timeout == nil {
			if g.waiting.Add(1) > int64(g.cfg.MaxQueue) {
				g.waiting.Add(-1)
				return nil, g.refuse(true)
			}
			defer g.waiting.Add(-1)
			g.waited.Add(1)
			timer := time.NewTimer(g.cfg.MaxWait)
			defer timer.Stop()
			timeout = timer.C
		}
		select {
		case <-s.changed:
		case <-timeout:
			return nil, g.refuse(false)
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
		s = g.current.Load()
		if l := s.pick(r, &drawn); l != nil {
			return l, nil
		}
	}
}

func (g *Group) refuse(full bool) error {
	g.refused.Add(1)
	return &proxy.NoTargetError{Module: g.cfg.Module, RetryAfter: g.cfg.RetryAfter, QueueFull: full}
}

// Shares are the shares of this moment. The slice is the caller's.
func (g *Group) Shares() []Share { return slices.Clone(g.current.Load().all) }

// GroupState is whether a module can serve.
type GroupState string

// The states of a group.
const (
	GroupServing    GroupState = "serving"    // a stable target is up
	GroupRestarting GroupState = "restarting" // none is; requests wait
)

// GroupStats are a group's counters at one moment.
type GroupStats struct {
	Module  string
	State   GroupState
	Waiting int    // requests that wait now
	Waited  uint64 // that have had to wait
	Refused uint64 // that no target came for
}

// Stats reads the counters.
func (g *Group) Stats() GroupStats {
	s := GroupStats{Module: g.cfg.Module, State: GroupRestarting, Waiting: int(g.waiting.Load()),
		Waited: g.waited.Load(), Refused: g.refused.Load()}
	up := func(s Share) bool { return s.Stable && s.Target.State() == TargetReady }
	if slices.ContainsFunc(g.current.Load().all, up) {
		s.State = GroupServing
	}
	return s
}
