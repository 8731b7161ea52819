package rollout

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"sync"
	"sync/atomic"
	"time"

	"github.com/segue-run/segue/runtime/module"
	"github.com/segue-run/segue/sdk/manifest"
	"go.uber.org/zap"
)

// owner makes one module follow its record. Its loop is the only goroutine that
// touches its fields.
type owner struct {
	cfg  *Config
	name string
	log  *zap.Logger

	mail    chan message  // to the loop
	closed  chan struct{} // the loop has ended
	judging chan struct{} // capacity 1: there is something new to judge
	workers sync.WaitGroup

	rec     Record
	rev     uint64
	unsaved bool // rec is ahead of what is saved

	running  map[string]*process   // by key: up and warm
	coming   map[string]*process   // by key: on the way up
	retiring map[*process]struct{} // on the way down

	// What the data plane was told last: who has traffic, how much, and for what.
	applied map[string]*process
	weights map[string]manifest.Weight
	answers []manifest.Route
	routed  bool

	hold     *time.Timer         // end of the step's hold
	window   *time.Timer         // end of the rollback window
	resave   *time.Timer         // the next try to save
	restart  *time.Timer         // the next try to start what must wait
	starts   map[string]*backoff // by key
	launches int                 // numbers the processes

	booted chan struct{} // closed when the first attempt at what should serve is over
	view   atomic.Pointer[view]
	stopBy atomic.Pointer[time.Time] // see Engine.StopBy
	// hurry ends when that time has come; the end of Run's context alone cuts no stop
	// short.
	hurry context.Context
	rush  context.CancelFunc
}

// message is what the owner's loop takes.
type message any

type (
	// request is an actor's event; the reply says whether it was accepted.
	request struct {
		event any
		audit module.AuditRecord
		reply chan error
	}
	up struct {
		p    *process
		inst Instance
		err  error
	}
	ready struct {
		p    *process
		err  error
		took time.Duration
	}
	exited struct{ p *process }
	unwell struct {
		p   *process
		err error
	}
	recovered struct{ p *process }
	retired   struct{ p *process }
)

func newOwner(cfg *Config, name string, saved Saved) *owner {
	o := &owner{cfg: cfg, name: name, log: cfg.Logger.With(zap.String("module", name)),
		mail: make(chan message, 16), closed: make(chan struct{}), judging: make(chan struct{}, 1),
		rec: saved.Record.resume(), rev: saved.Revision,
		running: map[string]*process{}, coming: map[string]*process{}, retiring: map[*process]struct{}{},
		applied: map[string]*process{}, weights: map[string]manifest.Weight{},
		starts: map[string]*backoff{},
		hold:   stopped(), window: stopped(), resave: stopped(), restart: stopped(), booted: make(chan struct{})}
	o.hurry, o.rush = context.WithCancel(context.Background())
	o.rec.Module = name
	o.publish()
	return o
}

// run is the loop. When ctx ends it stops every process, keeps the record as it is,
// and returns once nothing of the module runs any more.
func (o *owner) run(ctx context.Context) {
	defer close(o.closed)
	defer o.rush()
	o.resume(ctx)
	for {
		o.publish()
		select {
		case <-ctx.Done():
			o.shutdown()
			return
		case m := <-o.mail:
			o.handle(ctx, m)
		case <-o.judging:
			o.judge(ctx)
		case <-o.hold.C:
			o.stepOver(ctx)
		case <-o.window.C:
			_ = o.decide(ctx, cooled{}, nil)
		case <-o.resave.C:
			_ = o.save(ctx, o.rec)
		case <-o.restart.C:
			o.follow(ctx, desired(o.rec, time.Now()), o.rec)
		}
	}
}

// resume brings up what the record asks for after a start of the host.
func (o *owner) resume(ctx context.Context) {
	if o.rec.Rollout.Active() {
		o.tell(module.Event{Type: module.RolloutResumed, Message: fmt.Sprintf("rollout %s to %s goes on after a restart of the host", o.rec.Rollout.ID, o.rec.Rollout.Candidate)}, &o.rec)
	}
	o.guard(ctx)
	o.follow(ctx, desired(o.rec, time.Now()), o.rec)
	if o.rec.Stable == nil {
		o.bootOver()
	}
}

// guard counts how often the rollout was taken up, before its candidate is started
// again, and gives up one that never gets further.
func (o *owner) guard(ctx context.Context) {
	switch ro := o.rec.Rollout; {
	case !ro.Active():
	case ro.Resumed > maxResumes:
		_ = o.decide(ctx, spoiled{Reason: fmt.Sprintf("the runtime ended %d times while this release was being started", maxResumes)}, nil)
	default:
		_ = o.save(ctx, o.rec)
	}
}

// claimAll takes the routes of what serves, is the way back, or is on its way.
func (o *owner) claimAll() {
	for _, p := range []*Plan{o.rec.Stable, o.rec.Previous} {
		if p != nil {
			o.claim(*p)
		}
	}
	if o.rec.Rollout.Active() {
		o.claim(o.rec.Rollout.Candidate)
	}
}

func (o *owner) claim(p Plan) {
	if err := o.cfg.Claims.Claim(p.Release, p.Routes); err != nil {
		o.log.Error("routes of a release that serves are claimed by another module", zap.Stringer("release", p.Release), zap.Error(err))
	}
}

func (o *owner) bootOver() {
	select {
	case <-o.booted:
	default:
		close(o.booted)
	}
}

func (o *owner) handle(ctx context.Context, m message) {
	switch m := m.(type) {
	case request:
		err := o.answer(ctx, m)
		o.publish() // who asked may look at once
		m.reply <- err
	case up:
		o.cameUp(ctx, m)
	case ready:
		o.becameReady(ctx, m)
	case exited:
		o.lost(ctx, m.p)
	case unwell:
		o.sickened(ctx, m)
	case recovered:
		m.p.unwell = false
	case retired:
		delete(o.retiring, m.p)
	}
}

// answer decides an actor's request and leaves an audit record either way.
func (o *owner) answer(ctx context.Context, m request) error {
	if ev, ok := m.event.(back); ok && o.rec.Previous != nil {
		ev.Warm = o.running[o.rec.Previous.Key] != nil
		m.event = ev
	}
	if ev, ok := m.event.(offered); ok {
		if err := o.cfg.Claims.Claim(ev.Plan.Release, ev.Plan.Routes); err != nil {
			o.auditRefusal(ctx, m.audit, err)
			return err
		}
		defer o.keepClaims()
	}
	err := o.decide(ctx, m.event, &m.audit)
	if err != nil && !errors.Is(err, ErrUnchanged) && !errors.Is(err, errUnsaved) {
		o.auditRefusal(ctx, m.audit, err)
	}
	return err
}

func (o *owner) auditRefusal(ctx context.Context, rec module.AuditRecord, refusal error) {
	rec.Outcome, rec.Reason = "refused", refusal.Error()
	o.audit(ctx, rec)
}

// decide is the one way a record changes: narrow, save, widen, tell. An error means that
// nothing has changed, unless it is errUnsaved: what narrows is done all the same.
func (o *owner) decide(ctx context.Context, ev any, audit *module.AuditRecord) (unsaved error) {
	now := time.Now()
	o.observe()
	rec, err := next(o.rec, ev, now)
	if err != nil {
		return err
	}
	old, between, want := o.rec, narrowed(o.rec, rec, now), desired(rec, now)
	widens := !maps.Equal(between.shares, want.shares) || len(between.plans) < len(want.plans)
	if audit != nil {
		audit.Outcome = "accepted"
		if widens {
			if err := o.cfg.Log.Audit(ctx, *audit); err != nil {
				return &module.Error{Kind: module.Unavailable, Msg: "the change could not be audited, so it was not made", Err: err, Hint: "see that the state directory is writable and has space"}
			}
			audit = nil
		}
	}
	o.follow(ctx, between, rec)
	if durable(ev) {
		saving := time.Now()
		if err := o.save(ctx, rec); err != nil && widens {
			return o.unsaveable(ctx, ev, err)
		} else if err != nil {
			unsaved = &module.Error{Kind: module.Unavailable, Msg: "it is done, but could not be saved yet", Err: errors.Join(errUnsaved, err), Hint: "it is tried again every second; until then a crash of the runtime would undo it"}
		}
		if rec.Rollout != nil {
			rec.Rollout.timed("save", time.Since(saving))
		}
	}
	o.rec = rec
	o.stepBegins(old)
	o.follow(ctx, want, rec)
	o.keepClaims()
	if audit != nil {
		o.audit(ctx, *audit)
	}
	o.tellChange(old, rec)
	if rec.Rollout != nil && !rec.Rollout.Active() && (old.Rollout.Active() || rec.Count > old.Count) {
		o.publish() // so that what is finished is seen to be
		o.workers.Go(func() { o.finished(rec) })
	}
	return unsaved
}

// finished does what can wait until a rollout is over: the flush of a promoted
// artifact, tens of milliseconds for a big one, would hold up every save that comes
// behind it in the file system's journal. A power cut before it costs no more than
// the way back: a damaged artifact is found by its digest, and the previous release,
// which is kept until then, is on the disk since long.
func (o *owner) finished(rec Record) {
	if rec.Rollout.Phase == Promoted {
		if err := o.cfg.Instances.Secure(context.Background(), rec.Rollout.Candidate.Digest); err != nil {
			o.log.Error("artifact is not safe against a power cut", zap.Stringer("release", rec.Rollout.Candidate.Release), zap.Error(err))
		}
	}
	if o.cfg.Finished != nil {
		o.cfg.Finished()
	}
}

// unsaveable gives up what could not be saved before it was acted on. What an actor
// asked for is refused. A rollout that cannot go on is taken back, which needs no disk,
// and without blame.
func (o *owner) unsaveable(ctx context.Context, ev any, cause error) error {
	err := &module.Error{Kind: module.Unavailable, Msg: "the decision could not be saved, so it was not acted on", Err: cause, Hint: "see that the state directory is writable and has space"}
	switch ev.(type) {
	case held, warmed:
		_ = o.decide(ctx, spoiled{Reason: err.Error(), Blameless: true}, nil)
	default:
		o.follow(ctx, desired(o.rec, time.Now()), o.rec)
	}
	return err
}

func durable(ev any) bool {
	switch ev.(type) {
	case started, cooled:
		return false
	}
	return true
}

// save writes the record; when that fails the record is tried again until it is
// saved, so that a decision that was acted on is not lost.
func (o *owner) save(ctx context.Context, rec Record) error {
	rev, err := o.cfg.Records.Save(context.WithoutCancel(ctx), rec, o.rev)
	if err != nil {
		o.log.Error("record could not be saved", zap.Error(err))
		o.unsaved = true
		o.resave.Reset(time.Second)
		return err
	}
	o.rev, o.unsaved = rev, false
	return nil
}

// keepClaims gives up the routes of releases that are neither running nor the way
// back.
func (o *owner) keepClaims() {
	var digests []module.Digest
	for _, p := range []*Plan{o.rec.Stable, o.rec.Previous} {
		if p != nil {
			digests = append(digests, p.Digest)
		}
	}
	if o.rec.Rollout.Active() {
		digests = append(digests, o.rec.Rollout.Candidate.Digest)
	}
	o.cfg.Claims.Keep(o.name, digests...)
}

func (o *owner) post(m message) {
	select {
	case o.mail <- m:
	case <-o.closed:
	}
}

// ask sends an actor's event to the loop and waits for the answer. Once the loop has
// the event ctx does not end the wait any more: who asked holds what it needs.
func (o *owner) ask(ctx context.Context, ev any, audit module.AuditRecord) error {
	m := request{event: ev, audit: audit, reply: make(chan error, 1)}
	select {
	case o.mail <- m:
	case <-o.closed:
		return errStopping
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case err := <-m.reply:
		return err
	case <-o.closed:
		select {
		case err := <-m.reply:
			return err
		default:
			return errStopping
		}
	}
}

// errUnsaved marks what was acted on and is not saved.
var errUnsaved = errors.New("unsaved")

var errStopping = &module.Error{Kind: module.Unavailable, Msg: "the runtime is stopping", Hint: "try again when it is up"}

func stopped() *time.Timer {
	t := time.NewTimer(time.Hour)
	t.Stop()
	return t
}
