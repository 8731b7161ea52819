package rollout

import (
	"context"
	"fmt"
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

	told  *told  // what the data plane was told last; nil while the module is not routed
	ruled Policy // the policy that holds there

	ledger    ledger  // of the step that is judged
	keys      *keys   // of both sides, in this rollout
	errand    *errand // the gate that is being worked; nil if none is
	waits     string  // what it was told to wait for
	approved  string  // what an operator has approved of that, in words
	filing    bool    // a rollout is on its way into the history
	announced string  // the last whose end its hook was told

	wake      *time.Timer         // when something happens by itself
	look      *time.Timer         // when the judge looks again
	looking   bool                // look is set
	window    *time.Timer         // end of the rollback window
	resave    *time.Timer         // the next try to save
	restart   *time.Timer         // the next try to start what must wait
	fileAt    time.Time           // no try to file before
	dequeueAt time.Time           // no try to begin with what waits before
	starts    map[string]*backoff // by key
	launches  int                 // numbers the processes

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
	// request is an actor's event, for the rollout of that id where there is one; the
	// reply says whether it was accepted.
	request struct {
		event   any
		rollout string
		audit   module.AuditRecord
		reply   chan error
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
	// parting: the host is about to stop.
	parting struct{}
	// lingers: a process on its way down has had the time that plain requests get.
	lingers struct{}
)

func newOwner(cfg *Config, name string, saved Saved) *owner {
	o := &owner{cfg: cfg, name: name, log: cfg.Logger.With(zap.String("module", name)),
		mail: make(chan message, 16), closed: make(chan struct{}), judging: make(chan struct{}, 1),
		rec: saved.Record.revive(), rev: saved.Revision,
		running: map[string]*process{}, coming: map[string]*process{}, retiring: map[*process]struct{}{},
		starts: map[string]*backoff{}, booted: make(chan struct{}),
		wake: stopped(), look: stopped(), window: stopped(), resave: stopped(), restart: stopped()}
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
		o.attend(ctx)
		o.publish()
		select {
		case <-ctx.Done():
			o.shutdown()
			return
		case m := <-o.mail:
			o.handle(ctx, m)
		case <-o.judging:
			o.judge(ctx)
		case <-o.look.C:
			o.looking = false
			o.judge(ctx)
		case <-o.wake.C:
			o.judge(ctx) // whatever has come since the last look
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
	case !ro.Active() || ro.Phase == Pending:
	case ro.Resumed > maxResumes:
		_ = o.decide(ctx, spoiled{Reason: fmt.Sprintf("the runtime ended %d times while this release was being started", maxResumes)}, nil)
	default:
		_ = o.save(ctx, o.rec)
	}
}

// configured is what the configuration grants the module now.
func (o *owner) configured() manifest.Permissions {
	if o.cfg.Configured == nil {
		return manifest.Permissions{}
	}
	return o.cfg.Configured(o.name)
}

// claimAll takes the routes of what serves, is the way back, is on its way, or waits.
func (o *owner) claimAll() {
	for _, p := range []*Plan{o.rec.Stable, o.rec.Previous} {
		if p != nil {
			o.claim(*p)
		}
	}
	if o.rec.Rollout.Active() {
		o.claim(o.rec.Rollout.Candidate)
	}
	if o.rec.Queued != nil {
		o.claim(o.rec.Queued.Plan)
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
	case returned:
		o.cameBack(ctx, m)
	case concluded:
		o.wasFiled(ctx, m)
	case retired:
		delete(o.retiring, m.p)
	case parting:
		for _, p := range o.running {
			o.workers.Go(func() { o.drain(o.hurry, p) })
		}
	case lingers: // what is published has changed
	}
}

func (o *owner) post(m message) {
	select {
	case o.mail <- m:
	case <-o.closed:
	}
}

// ask sends an actor's event to the loop and waits for the answer. Once the loop has
// the event ctx does not end the wait any more: who asked holds what it needs.
func (o *owner) ask(ctx context.Context, m request) error {
	m.reply = make(chan error, 1)
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

var errStopping = &module.Error{Kind: module.Unavailable, Msg: "the runtime is stopping", Hint: "try again when it is up"}

func stopped() *time.Timer {
	t := time.NewTimer(time.Hour)
	t.Stop()
	return t
}
