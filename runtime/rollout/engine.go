package rollout

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/segue-run/segue/runtime/module"
	"github.com/segue-run/segue/sdk/manifest"
	"go.uber.org/zap"
)

// Config is what an Engine stands on. All ports are required.
type Config struct {
	Instances Instances
	Traffic   Traffic
	Records   Records
	Claims    Claims
	Log       Log
	History   History
	Checks    Checks
	Logger    *zap.Logger // nil logs nothing
	// DrainTimeout is how long requests in flight may take to end once a process
	// is being retired. Default 30 s.
	DrainTimeout time.Duration
	// DrainLong is how long those may take then whose answers are long: upgraded
	// connections, server-sent events, gRPC. No rollout waits for them. Default 5 min.
	DrainLong time.Duration
	// Configured is what the configuration grants a module now; nil for nothing.
	Configured func(name string) manifest.Permissions
	// Finished is called, in a goroutine of its own, when a rollout has ended and
	// what it promoted is safe on the disk; nil for nothing.
	Finished func()
}

// Engine owns the rollouts of all modules.
type Engine struct {
	cfg Config

	mu     sync.Mutex
	owners map[string]*owner
	ctx    context.Context // of Run; nil before and after
	wg     sync.WaitGroup
}

// New makes an engine; nothing runs before Run.
func New(cfg Config) (*Engine, error) {
	if cfg.Instances == nil || cfg.Traffic == nil || cfg.Records == nil || cfg.Claims == nil ||
		cfg.Log == nil || cfg.History == nil || cfg.Checks == nil {
		return nil, errors.New("rollout: a port is missing")
	}
	if cfg.Logger == nil {
		cfg.Logger = zap.NewNop()
	}
	cfg.Logger = cfg.Logger.Named("rollout")
	cfg.DrainTimeout = cmp.Or(cfg.DrainTimeout, 30*time.Second)
	cfg.DrainLong = max(cmp.Or(cfg.DrainLong, 5*time.Minute), cfg.DrainTimeout)
	return &Engine{cfg: cfg, owners: map[string]*owner{}}, nil
}

// Load reads the records and claims their routes; call it once, before Run. Nothing
// runs after it yet.
func (e *Engine) Load(ctx context.Context) error {
	saved, err := e.cfg.Records.All(ctx)
	if err != nil {
		return fmt.Errorf("load the modules' records: %w", err)
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, s := range saved {
		o := newOwner(&e.cfg, s.Record.Module, s)
		o.claimAll()
		e.owners[s.Record.Module] = o
	}
	return nil
}

// Run brings up what the records ask for, and serves until ctx ends. Then it stops
// every process and returns when all have gone; records stay as they are, so that the
// next Run goes on from there. What has not stopped by the time that StopBy named is
// killed.
func (e *Engine) Run(ctx context.Context) error {
	e.mu.Lock()
	e.ctx = ctx
	for _, o := range e.owners {
		e.wg.Go(func() { o.run(ctx) })
	}
	e.mu.Unlock()
	<-ctx.Done()
	e.mu.Lock()
	e.ctx = nil
	e.mu.Unlock()
	e.wg.Wait()
	return nil
}

// StopBy says by when the processes must have gone once Run's context ends, which is
// soon: the modules are told at once that no new request will come. Without it each has
// its own grace. It does not block.
func (e *Engine) StopBy(at time.Time) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, o := range e.owners {
		o.stopBy.Store(&at)
		if e.ctx != nil {
			e.wg.Go(func() { o.post(parting{}) })
		}
	}
}

// Booted blocks until every module that Load found active serves, or has failed once to
// come up.
func (e *Engine) Booted(ctx context.Context) error {
	for _, o := range e.all() {
		select {
		case <-o.booted:
		case <-o.closed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

func (e *Engine) owner(name string) (*owner, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.ctx == nil {
		return nil, errStopping
	}
	if o := e.owners[name]; o != nil && o.view.Load().known() {
		return o, nil
	}
	return nil, &module.Error{Kind: module.NotFound, Field: "module", Value: name, Msg: "no such module", Hint: "segue ls lists them"}
}

func (e *Engine) all() []*owner {
	e.mu.Lock()
	defer e.mu.Unlock()
	owners := make([]*owner, 0, len(e.owners))
	for _, o := range e.owners {
		if o.view.Load().known() {
			owners = append(owners, o)
		}
	}
	slices.SortFunc(owners, func(a, b *owner) int { return cmp.Compare(a.name, b.name) })
	return owners
}

// Offer is a validated release that wants to become stable.
type Offer struct {
	Plan   Plan   // Key is given by the engine
	Policy Policy // complete
	Actor  module.Actor
	Source string             // the file's name, or what else it came from
	Force  bool               // lifts a quarantine
	Phases []module.PhaseTime // what was spent on it before
	// Configured is what the configuration grants the module. What the plan asks for
	// beyond that, and beyond what operators have approved, waits for them, as far as
	// stable did not ask for it.
	Configured manifest.Permissions
}

// Offer begins a rollout; it returns once the rollout is decided on, with its
// status, or with the refusal. ErrUnchanged is that of what serves or is on its way
// already, and comes with the status of the rollout that brought or brings it. While
// another is under way and the offered policy says queue, the release waits for the end
// of that one: then the status has no ID, is pending, and Waiting is For "queue".
func (e *Engine) Offer(ctx context.Context, of Offer) (module.RolloutStatus, error) {
	name := of.Plan.Module
	e.mu.Lock()
	if e.ctx == nil {
		e.mu.Unlock()
		return module.RolloutStatus{}, errStopping
	}
	o := e.owners[name]
	if o == nil {
		o = newOwner(&e.cfg, name, Saved{Record: Record{Module: name}})
		e.owners[name] = o
		ctx := e.ctx
		e.wg.Go(func() { o.run(ctx) })
	}
	e.mu.Unlock()
	err := o.ask(ctx, request{event: offered{Plan: of.Plan, Policy: of.Policy, Actor: of.Actor, Source: of.Source, Force: of.Force, Phases: of.Phases, Configured: of.Configured},
		audit: module.AuditRecord{Actor: of.Actor, Action: "deploy", Target: of.Plan.Release.String(), Digest: of.Plan.Digest}})
	if err != nil && !errors.Is(err, ErrUnchanged) {
		return module.RolloutStatus{}, err
	}
	return o.view.Load().brings(of), err
}

// Status is a module as it stands now.
func (e *Engine) Status(name string) (module.Status, error) {
	o, err := e.owner(name)
	if err != nil {
		return module.Status{}, err
	}
	return o.view.Load().read(), nil
}

// Statuses are all modules, by name, without the list of their releases and the layers of
// their sandboxes.
func (e *Engine) Statuses() []module.Status {
	var list []module.Status
	for _, o := range e.all() {
		s := o.view.Load().read()
		s.Releases = nil
		for _, r := range []*module.ReleaseStatus{s.Stable, s.Candidate, s.Previous} {
			if r != nil && r.Sandbox != nil {
				r.Sandbox.Layers = nil
			}
		}
		list = append(list, s)
	}
	return list
}

// Knows reports whether a digest was ever accepted for a module.
func (e *Engine) Knows(rel module.Release) bool {
	o, err := e.owner(rel.Module)
	if err != nil {
		return false
	}
	rec := o.view.Load().rec
	return rec.decision(rel.Digest) != nil || rec.uses(rel.Digest)
}

// Uses reports whether any module needs the artifact: it serves, is the way back, or
// is on its way.
func (e *Engine) Uses(d module.Digest) bool {
	for _, o := range e.all() {
		rec := o.view.Load().rec
		if rec.uses(d) {
			return true
		}
	}
	return false
}
