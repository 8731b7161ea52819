package rollout_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/segue-run/segue/runtime/grant"
	"github.com/segue-run/segue/runtime/module"
	"github.com/segue-run/segue/runtime/policy"
	"github.com/segue-run/segue/runtime/rollout"
	"github.com/segue-run/segue/sdk/manifest"
	"go.uber.org/goleak"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// world is a fake of all that an engine stands on. How a release behaves is set by
// its version; everything that happens is kept.
type world struct {
	t      *testing.T
	engine *rollout.Engine
	stop   func()
	logs   *observer.ObservedLogs // errors, since the host's start

	mu        sync.Mutex
	behaviour map[string]behaviour // by version
	// configured is what the configuration grants.
	configured manifest.Permissions
	instances  map[string]*fakeInstance
	targets    map[string]*fakeTarget     // by instance id
	split      map[string]manifest.Weight // by version, of the one module
	routed     bool
	answers    []manifest.Route
	saved      map[string]rollout.Saved
	saveErr    error
	filed      map[string]module.RolloutStatus // by id
	fileErr    error
	hooks      map[policy.Point]answer
	called     []policy.Point // hooks, in order
	calledOff  int            // of these
	checked    []string       // checks, in order
	checkErr   error
	rehearsal  module.Comparison
	shown      rollout.Split       // what the data plane was told last
	told       func(rollout.Split) // is called with each split
	auditErr   error
	events     []module.Event
	dawdle     func(module.Event) // what telling an event waits for; nil for nothing
	audits     []module.AuditRecord
	journal    []string // what happened, in order
	born       int      // how long the journal was when its end was set
	deadline   int      // how long the journal may get before the host is dead; 0 for ever
}

// behaviour of a release's processes.
type behaviour struct {
	startErr  error
	probeErr  error
	diesEarly bool
	ignores   bool // the stop
	startTime time.Duration
}

// answer is what a hook says, and after how long.
type answer struct {
	err   error
	after time.Duration
}

type fakeInstance struct {
	w     *world
	id    string
	plan  rollout.Plan
	done  chan struct{}
	once  sync.Once
	exit  string
	mu    sync.Mutex
	probe error
	cause module.DeathCause
	usage module.Usage

	configured manifest.Permissions // when it was started
	denials    []module.Denial
	members    []module.Member
	settled    bool
	drained    bool
}

type fakeTarget struct {
	w       *world
	rel     module.Release
	observe func(rollout.Observation)
	slow    time.Duration
	hanging []time.Time // since when requests are without an answer
	rescued uint64
	mirror  module.Comparison
	lasts   bool // it has an answer that is long
}

func newWorld(t *testing.T) *world {
	w := &world{t: t, behaviour: map[string]behaviour{}, instances: map[string]*fakeInstance{}, targets: map[string]*fakeTarget{},
		split: map[string]manifest.Weight{}, saved: map[string]rollout.Saved{},
		filed: map[string]module.RolloutStatus{}, hooks: map[policy.Point]answer{}}
	w.start()
	return w
}

func (w *world) start() {
	core, logs := observer.New(zapcore.ErrorLevel)
	w.logs = logs
	engine, err := rollout.New(rollout.Config{Logger: zap.New(core), Instances: w, Traffic: w, Records: w, Claims: w, Log: w, History: w, Checks: w, DrainTimeout: time.Second,
		Configured: func(string) manifest.Permissions { w.mu.Lock(); defer w.mu.Unlock(); return w.configured }})
	if err != nil {
		w.t.Fatal(err)
	}
	if err := engine.Load(context.Background()); err != nil {
		w.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- engine.Run(ctx) }()
	w.engine = engine
	w.stop = func() {
		cancel()
		if err := <-done; err != nil {
			w.t.Error(err)
		}
	}
	synctest.Wait()
}

// crashHost ends the engine and forgets all that was not saved.
func (w *world) crashHost() {
	w.stop()
	w.mu.Lock()
	w.deadline = 0
	for _, inst := range w.instances { // they die with their host
		inst.crash("killed")
	}
	w.instances, w.targets, w.split, w.routed = map[string]*fakeInstance{}, map[string]*fakeTarget{}, map[string]manifest.Weight{}, false
	w.mu.Unlock()
	w.start()
}

func plan(version string) rollout.Plan {
	return rollout.Plan{
		Release: module.Release{Module: "hello", Version: version, Digest: module.Digest(strings.Repeat(fmt.Sprintf("%x", version), 8))},
		Routes:  []manifest.Route{{Path: "/hello"}},
		Health: manifest.Health{Interval: manifest.Duration(time.Second), Timeout: manifest.Duration(time.Second), Passes: 2, Failures: 3,
			Deadline: manifest.Duration(10 * time.Second)},
	}
}

// like is the default policy with the strategy, and as tests need it: a step without
// traffic ends with its hold.
func like(strategy manifest.Strategy, change ...func(*rollout.Policy)) rollout.Policy {
	p := policy.Default()
	p.Strategy, p.Steps = strategy, []manifest.Weight{100, 2500, 10000}
	p.Hold, p.Limit = new(manifest.Duration(10*time.Second)), new(manifest.Duration(10*time.Second))
	for _, c := range change {
		c(&p)
	}
	return p
}

var (
	gradual   = like(manifest.Gradual)
	instant   = like(manifest.Instant)
	bluegreen = like(manifest.Bluegreen)
	alice     = module.Actor{Kind: "user", Name: "alice"}
	bob       = module.Actor{Kind: "user", Name: "bob"}
)

// by is an order for whatever is under way.
func by(actor module.Actor) rollout.Order { return rollout.Order{Actor: actor, Module: "hello"} }

func (w *world) offer(version string, policy rollout.Policy) error {
	w.t.Helper()
	_, err := w.engine.Offer(w.t.Context(), rollout.Offer{Plan: plan(version), Policy: policy, Actor: alice})
	synctest.Wait()
	return err
}

// activate offers a release and waits until it is stable.
func (w *world) activate(version string) {
	w.t.Helper()
	if err := w.offer(version, instant); err != nil {
		w.t.Fatalf("offer %s: %v", version, err)
	}
	w.pass(time.Second)
	if s := w.status(); s.Stable == nil || s.Stable.Version != version {
		w.t.Fatalf("%s is not stable: %+v", version, s)
	}
	w.pass(20 * time.Second) // past its trial
}

// pass lets virtual time go by.
func (w *world) pass(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

func (w *world) status() module.Status {
	w.t.Helper()
	s, err := w.engine.Status("hello")
	if err != nil {
		w.t.Fatal(err)
	}
	return s
}

// serve lets the version answer n requests, failed of them, each after took.
func (w *world) serve(version string, n, failed int, took time.Duration) {
	w.t.Helper()
	w.serveKeyed(version, n, failed, took, 0)
}

// serveKeyed is serve for one user, if key is not 0.
func (w *world) serveKeyed(version string, n, failed int, took time.Duration, key uint64) {
	w.t.Helper()
	target := w.target(version)
	if target == nil {
		w.t.Fatalf("no target of %s", version)
	}
	time.Sleep(took)
	for i := range n {
		target.observe(rollout.Observation{Failed: i < failed, Wait: took, Dealt: true, Key: key})
	}
	synctest.Wait()
}

// target is that of the version's newest process; nil if there is none.
func (w *world) target(version string) *fakeTarget {
	w.mu.Lock()
	defer w.mu.Unlock()
	var found *fakeTarget
	for _, id := range w.ids() {
		if w.targets[id].rel.Version == version {
			found = w.targets[id]
		}
	}
	return found
}

// hang lets the version begin n requests that it never answers.
func (w *world) hang(version string, n int) {
	w.t.Helper()
	target := w.target(version)
	w.mu.Lock()
	defer w.mu.Unlock()
	for range n {
		target.hanging = append(target.hanging, time.Now())
	}
}

func (w *world) ids() []string {
	var ids []string
	for id := range w.targets {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	return ids
}

// instance is the newest living process of a version.
func (w *world) instance(version string) *fakeInstance {
	w.mu.Lock()
	defer w.mu.Unlock()
	var found *fakeInstance
	for _, inst := range w.instances {
		if inst.plan.Version == version && !inst.isDone() && (found == nil || found.id < inst.id) {
			found = inst
		}
	}
	return found
}

func (w *world) wantSplit(want map[string]manifest.Weight) bool {
	w.t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	got := map[string]manifest.Weight{}
	for version, weight := range w.split {
		got[version] = weight
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		w.t.Errorf("split is %v, want %v", got, want)
		return false
	}
	return true
}

func (w *world) wantEvent(typ module.EventType, reason string) {
	w.t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, ev := range w.events {
		if ev.Type == typ && strings.Contains(ev.Reason+ev.Message, reason) {
			return
		}
	}
	w.t.Errorf("no event %s with %q in %v", typ, reason, w.events)
}

func (w *world) note(format string, args ...any) {
	w.journal = append(w.journal, fmt.Sprintf(format, args...))
}

// routes are those that the data plane was told last.
func (w *world) routes() []manifest.Route {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.answers
}

// done is what has happened after the first n things.
func (w *world) done(n int) []string {
	synctest.Wait()
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.journal[n:])
}

// The ports.

func (w *world) Start(ctx context.Context, id string, p rollout.Plan) (rollout.Instance, error) {
	w.mu.Lock()
	b := w.behaviour[p.Version]
	w.note("start %s", p.Version)
	w.mu.Unlock()
	select {
	case <-time.After(max(b.startTime, time.Millisecond)):
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if b.startErr != nil {
		return nil, b.startErr
	}
	inst := &fakeInstance{w: w, id: id, plan: p, configured: w.configured, done: make(chan struct{}), probe: b.probeErr}
	w.mu.Lock()
	w.instances[id] = inst
	w.mu.Unlock()
	if b.diesEarly {
		inst.crash("exited with code 1")
	}
	return inst, nil
}

func (w *world) Secure(context.Context, module.Digest) error { return nil }

func (i *fakeInstance) PID() int { return 4711 }
func (i *fakeInstance) Members() []module.Member {
	i.mu.Lock()
	defer i.mu.Unlock()
	return slices.Clone(i.members)
}
func (i *fakeInstance) Settle() {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.settled = true
}
func (i *fakeInstance) isSettled() bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.settled
}
func (i *fakeInstance) Phases() []module.PhaseTime { return []module.PhaseTime{{Name: "launch"}} }
func (i *fakeInstance) Dial(context.Context) (net.Conn, error) {
	return nil, errors.New("nobody dials a fake")
}
func (i *fakeInstance) Probe(context.Context) error {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.probe
}
func (i *fakeInstance) sicken(err error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.probe = err
}
func (i *fakeInstance) Drain(context.Context) error {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.drained = true
	return nil
}
func (i *fakeInstance) isDrained() bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.drained
}
func (i *fakeInstance) Stop(context.Context) bool {
	i.w.mu.Lock()
	killed := i.w.behaviour[i.plan.Version].ignores
	i.w.note("stop %s", i.plan.Version)
	i.w.mu.Unlock()
	i.crash("stopped")
	return killed
}
func (i *fakeInstance) Done() <-chan struct{} { return i.done }
func (i *fakeInstance) Exit() string          { return i.exit }
func (i *fakeInstance) Cause() module.DeathCause {
	i.mu.Lock()
	defer i.mu.Unlock()
	return cmp.Or(i.cause, module.DiedOfCrash)
}
func (i *fakeInstance) Usage() (module.Usage, error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.usage, nil
}
func (i *fakeInstance) Sandbox() module.Sandbox {
	granted := grant.Union(i.configured, i.plan.Granted)
	return module.Sandbox{Level: module.LevelConfined, Permissions: grant.Common(i.plan.Asked, granted), Withheld: grant.Missing(i.plan.Asked, granted), Layers: []module.Layer{{Name: "landlock", State: module.LayerOn}}}
}
func (i *fakeInstance) Denials() []module.Denial {
	i.mu.Lock()
	defer i.mu.Unlock()
	return slices.Clone(i.denials)
}
func (i *fakeInstance) denied(by, what string) { i.Deny(module.Denial{By: by, What: what}) }
func (i *fakeInstance) Deny(d module.Denial) {
	i.mu.Lock()
	defer i.mu.Unlock()
	for n := range i.denials {
		if i.denials[n].Same(d) {
			i.denials[n].Count++
			return
		}
	}
	d.First, d.Last, d.Count = time.Now(), time.Now(), 1
	i.denials = append(i.denials, d)
}
func (i *fakeInstance) uses(memory int64) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.usage = module.Usage{Memory: memory, Peak: memory, CPU: time.Second}
}
func (i *fakeInstance) die(cause module.DeathCause, how string) {
	i.mu.Lock()
	i.cause = cause
	i.mu.Unlock()
	i.crash(how)
}
func (i *fakeInstance) crash(how string) { i.once.Do(func() { i.exit = how; close(i.done) }) }
func (i *fakeInstance) isDone() bool {
	select {
	case <-i.done:
		return true
	default:
		return false
	}
}

func (w *world) Target(id string, rel module.Release, _ rollout.Instance, observe func(rollout.Observation)) rollout.Target {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.targets[id] = &fakeTarget{w: w, rel: rel, observe: observe, slow: 100 * time.Millisecond}
	return w.targets[id]
}

func (w *world) Split(_ string, s rollout.Split) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	routes, shares := s.Routes, s.Shares
	w.answers, w.shown = routes, s
	w.split, w.routed = map[string]manifest.Weight{}, true
	var sum manifest.Weight
	stable := false
	for _, s := range shares {
		if s.Weight > 0 {
			w.split[s.Target.(*fakeTarget).rel.Version] = s.Weight
		}
		sum += s.Weight
		stable = stable || s.Stable
	}
	if sum > manifest.Full || stable && sum != manifest.Full {
		w.t.Errorf("weights sum to %d: %v", sum, w.split)
	}
	w.note("split %v", w.split)
	if w.told != nil {
		w.told(s)
	}
	return nil
}

func (w *world) Remove(string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.split, w.routed, w.shown = map[string]manifest.Weight{}, false, rollout.Split{}
	w.note("unroute")
}

// Drain blocks while the target has a long answer, which never ends by itself.
func (t *fakeTarget) Drain(ctx context.Context, plain, long time.Duration) error {
	t.w.mu.Lock()
	lasts := t.lasts
	t.w.note("drain %s for %s, and %s", t.rel.Version, plain, long)
	t.w.mu.Unlock()
	if !lasts {
		return nil
	}
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(long):
		return errors.New("cut off")
	}
}
func (t *fakeTarget) Close()               {}
func (t *fakeTarget) Usual() time.Duration { return t.slow }
func (t *fakeTarget) Overdue(than time.Duration) int {
	t.w.mu.Lock()
	defer t.w.mu.Unlock()
	if t.w.shown.Rollout == "" { // as the data plane: only while there is a rollout
		return 0
	}
	n := 0
	for _, at := range t.hanging {
		if time.Since(at) > than {
			n++
		}
	}
	return n
}
func (t *fakeTarget) Rescued() uint64 {
	t.w.mu.Lock()
	defer t.w.mu.Unlock()
	return t.rescued
}
func (t *fakeTarget) Mirrored() module.Comparison {
	t.w.mu.Lock()
	defer t.w.mu.Unlock()
	return t.mirror
}

func (w *world) All(context.Context) ([]rollout.Saved, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	var all []rollout.Saved
	for _, s := range w.saved {
		all = append(all, s)
	}
	return all, nil
}

func (w *world) Save(_ context.Context, rec rollout.Record, rev uint64) (uint64, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.saveErr != nil {
		return 0, w.saveErr
	}
	if w.dead() {
		w.note("save, dead")
		return 0, errDead
	}
	if w.saved[rec.Module].Revision != rev {
		return 0, &module.Error{Kind: module.Conflict, Msg: "stale revision"}
	}
	w.saved[rec.Module] = rollout.Saved{Record: rec, Revision: rev + 1}
	phase := rollout.Phase("")
	if rec.Rollout != nil {
		phase = rec.Rollout.Phase
	}
	w.note("save %s", phase)
	return rev + 1, nil
}

func (w *world) File(_ context.Context, past module.RolloutStatus) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.fileErr != nil {
		return w.fileErr
	}
	if w.dead() {
		return errDead
	}
	w.note("file %s", past.Phase)
	w.filed[past.ID] = past
	return nil
}

func (w *world) Hook(ctx context.Context, url string, point policy.Point, status module.RolloutStatus) error {
	w.mu.Lock()
	w.called = append(w.called, point)
	w.note("hook %s", point)
	a := w.hooks[point]
	w.mu.Unlock()
	select {
	case <-time.After(a.after):
		return a.err
	case <-ctx.Done():
		w.mu.Lock()
		defer w.mu.Unlock()
		w.calledOff++
		return &module.Error{Kind: module.Timeout, Msg: "no answer", Err: ctx.Err()}
	}
}

func (w *world) Check(_ context.Context, _ rollout.Instance, c policy.Check) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.checked = append(w.checked, c.Path)
	w.note("check")
	return w.checkErr
}

func (w *world) Rehearse(context.Context, string, rollout.Instance, policy.Rehearsal) (module.Comparison, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.rehearsal, nil
}

// dead reports whether the host has done all that it may.
func (w *world) dead() bool { return w.deadline > 0 && len(w.journal) >= w.deadline }

func (w *world) Claim(rel module.Release, routes []manifest.Route) error {
	if rel.Version == "9.9.9" {
		return &module.Error{Kind: module.Conflict, Field: "routes[0].path", Msg: "claimed by another module"}
	}
	return nil
}
func (w *world) Keep(string, ...module.Digest) {}

func (w *world) Emit(ev module.Event) {
	w.mu.Lock()
	dawdle := w.dawdle
	w.mu.Unlock()
	if dawdle != nil {
		dawdle(ev)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.events = append(w.events, ev)
}

func (w *world) Audit(_ context.Context, rec module.AuditRecord) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.auditErr != nil {
		return w.auditErr
	}
	w.audits = append(w.audits, rec)
	return nil
}
func (w *world) Note(rec module.AuditRecord) { _ = w.Audit(context.Background(), rec) }

func (w *world) setSaveErr(err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.saveErr = err
}

func (w *world) behave(version string, b behaviour) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.behaviour[version] = b
}

var errDead = errors.New("the host is dead")

var errFull = errors.New("no space left on device")
