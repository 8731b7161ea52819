package main

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"net"
	"slices"
	"sync"
	"time"

	"github.com/segue-run/segue/bench/rollout/internal/traffic"
	"github.com/segue-run/segue/bench/rollout/internal/trial"
	"github.com/segue-run/segue/proxy/balance"
	"github.com/segue-run/segue/runtime/module"
	"github.com/segue-run/segue/runtime/policy"
	"github.com/segue-run/segue/runtime/rollout"
	"github.com/segue-run/segue/sdk/manifest"
)

const (
	stableVersion    = "1.0.0"
	candidateVersion = "2.0.0"
)

// world is what an engine stands on: processes that are always well, and a data plane
// that makes up the requests of one scenario. Its methods are the engine's ports.
type world struct {
	cfg  trial.Config
	draw *rand.Rand // of the loop that serves

	mu     sync.Mutex
	salt   uint64
	split  rollout.Split
	slots  *balance.Slots // candidate, stable
	weight manifest.Weight
	saved  map[string]rollout.Saved
	result trial.Result
}

// serve deals one request and sees to its answer.
func (w *world) serve(r traffic.Request) {
	candidate, to := w.deal(r)
	if to == nil {
		return
	}
	wait, hangs := w.cfg.Wait, false
	obs := rollout.Observation{Failed: r.Fails, Dealt: true}
	if r.Key >= 0 {
		obs.Key = uint64(r.Key) + 1
	}
	if candidate {
		wait, hangs = w.cfg.Candidate.Wait, w.cfg.Candidate.Hangs
		obs.Failed = obs.Failed || w.draw.Float64() < w.cfg.Candidate.Fails
	}
	w.mu.Lock()
	w.result.Requests++
	if candidate {
		w.result.Candidate++
		if obs.Failed || hangs {
			w.result.Failed++
		}
	}
	w.mu.Unlock()
	switch {
	case hangs:
		to.begin()
	case wait == traffic.Wait{}:
		to.observe(obs)
	default:
		obs.Wait = wait.Draw(w.draw)
		begun := to.begin()
		time.AfterFunc(obs.Wait, func() {
			to.finish(begun, obs.Wait)
			to.observe(obs)
		})
	}
}

// deal says who answers the request, as the last Split asks.
func (w *world) deal(r traffic.Request) (candidate bool, to *target) {
	w.mu.Lock()
	defer w.mu.Unlock()
	var sides [2]*target // candidate, stable
	for _, s := range w.split.Shares {
		if t := s.Target.(*target); t.version == candidateVersion {
			sides[0] = t
		} else {
			sides[1] = t
		}
	}
	switch {
	case sides[0] == nil:
		return false, sides[1]
	case w.cfg.Sticky:
		candidate = traffic.Mix(w.salt+uint64(r.Key))%uint64(manifest.Full) < uint64(w.weight)
	default:
		candidate = w.slots.Next() == 0
	}
	if !candidate || w.split.Cap > 0 && sides[0].underWay() >= w.split.Cap {
		return false, sides[1]
	}
	return true, sides[0]
}

// Split takes over the shares; where the weights stay, so does their sequence.
func (w *world) Split(_ string, s rollout.Split) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	weight := manifest.Weight(0)
	for _, share := range s.Shares {
		if share.Target.(*target).version == candidateVersion {
			weight = share.Weight
		}
	}
	if w.slots == nil || weight != w.weight {
		w.slots = balance.NewSeededSlots(rand.New(rand.NewPCG(w.salt, uint64(weight))), int(weight), int(manifest.Full-weight))
	}
	w.split, w.weight = s, weight
	return nil
}

func (w *world) Remove(string) { _ = w.Split("", rollout.Split{}) }

// Emit notes how the candidate's rollout ends.
func (w *world) Emit(ev module.Event) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if ev.Version != candidateVersion || w.result.Ending != "" {
		return
	}
	switch ev.Type {
	case module.RolloutPromoted:
		w.result.Ending = trial.Promoted
	case module.RolloutRolledBack:
		w.result.Ending, w.result.Reason = trial.RolledBack, ev.Reason
	}
}

func (w *world) ended() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.result.Ending != ""
}

func (w *world) Target(_ string, rel module.Release, _ rollout.Instance, observe func(rollout.Observation)) rollout.Target {
	return &target{version: rel.Version, observe: observe}
}

// target counts what is under way, and how long answers took.
type target struct {
	version string
	observe func(rollout.Observation)

	mu    sync.Mutex
	begun []time.Time
	waits []time.Duration
	usual time.Duration
}

const (
	usualOf    = 1000 // answers
	usualEvery = 250
)

func (t *target) begin() time.Time {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := time.Now()
	t.begun = append(t.begun, now)
	return now
}

func (t *target) finish(begun time.Time, wait time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	i := slices.IndexFunc(t.begun, begun.Equal)
	t.begun = slices.Delete(t.begun, i, i+1)
	t.waits = append(t.waits, wait)
	if len(t.waits) >= usualOf && len(t.waits)%usualEvery == 0 {
		t.waits = slices.Clone(t.waits[len(t.waits)-usualOf:])
		t.usual = slices.Sorted(slices.Values(t.waits))[usualOf*99/100]
	}
}

func (t *target) underWay() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.begun)
}

func (t *target) Overdue(than time.Duration) int {
	t.mu.Lock()
	defer t.mu.Unlock()
	n := 0
	for _, at := range t.begun {
		if time.Since(at) > than {
			n++
		}
	}
	return n
}

func (t *target) Usual() time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.usual
}

func (t *target) Drain(context.Context, time.Duration, time.Duration) error { return nil }
func (t *target) Close()                                                    {}
func (t *target) Rescued() uint64                                           { return 0 }
func (t *target) Mirrored() module.Comparison                               { return module.Comparison{} }

// instance is a process that is well.
type instance struct {
	done chan struct{}
	once sync.Once
}

func (w *world) Start(context.Context, string, rollout.Plan) (rollout.Instance, error) {
	return &instance{done: make(chan struct{})}, nil
}
func (w *world) Secure(context.Context, module.Digest) error { return nil }

func (i *instance) PID() int                    { return math.MaxInt32 }
func (i *instance) Phases() []module.PhaseTime  { return nil }
func (i *instance) Probe(context.Context) error { return nil }
func (i *instance) Drain(context.Context) error { return nil }
func (i *instance) Members() []module.Member    { return nil }
func (i *instance) Settle()                     {}
func (i *instance) Stop(context.Context) bool {
	i.once.Do(func() { close(i.done) })
	return false
}
func (i *instance) Done() <-chan struct{}        { return i.done }
func (i *instance) Exit() string                 { return "stopped" }
func (i *instance) Cause() module.DeathCause     { return module.DiedOfCrash }
func (i *instance) Usage() (module.Usage, error) { return module.Usage{}, nil }
func (i *instance) Sandbox() module.Sandbox      { return module.Sandbox{} }
func (i *instance) Denials() []module.Denial     { return nil }
func (i *instance) Deny(module.Denial)           {}
func (i *instance) Dial(context.Context) (net.Conn, error) {
	return nil, errors.New("nobody dials a made-up instance")
}

func (w *world) All(context.Context) ([]rollout.Saved, error) { return nil, nil }

func (w *world) Save(_ context.Context, rec rollout.Record, rev uint64) (uint64, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.saved[rec.Module].Revision != rev {
		return 0, &module.Error{Kind: module.Conflict, Msg: "stale revision"}
	}
	w.saved[rec.Module] = rollout.Saved{Record: rec, Revision: rev + 1}
	return rev + 1, nil
}

func (w *world) File(context.Context, module.RolloutStatus) error { return nil }

func (w *world) Hook(context.Context, string, policy.Point, module.RolloutStatus) error { return nil }
func (w *world) Check(context.Context, rollout.Instance, policy.Check) error            { return nil }
func (w *world) Rehearse(context.Context, string, rollout.Instance, policy.Rehearsal) (module.Comparison, error) {
	return module.Comparison{}, nil
}

func (w *world) Claim(module.Release, []manifest.Route) error    { return nil }
func (w *world) Keep(string, ...module.Digest)                   {}
func (w *world) Audit(context.Context, module.AuditRecord) error { return nil }
func (w *world) Note(module.AuditRecord)                         {}
