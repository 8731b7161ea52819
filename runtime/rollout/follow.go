package rollout

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/segue-run/segue/runtime/module"
	"github.com/segue-run/segue/sdk/manifest"
	"go.uber.org/zap"
)

// follow makes the world what d asks for: traffic first, then processes that must
// go, then those that must come. It never blocks.
func (o *owner) follow(ctx context.Context, d desire, rec Record) {
	o.split(d, rec)
	for key, p := range o.running {
		if _, wanted := d.plans[key]; !wanted {
			delete(o.running, key)
			o.retire(ctx, p)
		}
	}
	for key, p := range o.coming {
		if _, wanted := d.plans[key]; !wanted {
			delete(o.coming, key)
			o.retire(ctx, p)
		}
	}
	for key, plan := range d.plans {
		isPrevious := rec.Previous != nil && rec.Previous.Key == key && (rec.Stable == nil || rec.Stable.Key != key)
		p, runs := o.running[key]
		if _, comes := o.coming[key]; !comes && !isPrevious && (!runs || p.unwell) {
			o.start(ctx, plan)
		}
	}
	for key := range o.starts {
		if _, wanted := d.plans[key]; !wanted {
			delete(o.starts, key)
		}
	}
	if rec.WarmUntil.IsZero() {
		o.window.Stop()
	} else {
		o.window.Reset(time.Until(rec.WarmUntil))
	}
}

// split gives the traffic to those of d.shares that run. What a candidate that is gone
// had goes to stable. What stable had waits for its next process: a candidate never
// gets more than was decided.
func (o *owner) split(d desire, rec Record) {
	if len(d.shares) == 0 {
		if o.routed {
			o.cfg.Traffic.Remove(o.name)
			o.routed = false
		}
		clear(o.applied)
		clear(o.weights)
		return
	}
	live, weights := map[string]*process{}, map[string]manifest.Weight{}
	lost := manifest.Full
	for key, weight := range d.shares {
		if p := o.running[key]; p != nil {
			live[key], weights[key] = p, weight
			lost -= weight
		}
	}
	stable := ""
	if rec.Stable != nil && o.running[rec.Stable.Key] != nil {
		stable = rec.Stable.Key
		live[stable] = o.running[stable]
		weights[stable] += lost
	}
	routes := o.routes(rec)
	if o.routed && maps.Equal(live, o.applied) && maps.Equal(weights, o.weights) && slices.Equal(routes, o.answers) {
		return
	}
	shares := make([]Share, 0, len(live))
	for key, p := range live {
		shares = append(shares, Share{Target: p.target, Weight: weights[key], Stable: key == stable})
	}
	if err := o.cfg.Traffic.Split(o.name, routes, shares); err != nil {
		o.log.Error("traffic could not be set", zap.Error(err))
		return
	}
	o.applied, o.weights, o.answers, o.routed = live, weights, routes, true
}

// routes are those of the release that serves, or will be the first to.
func (o *owner) routes(rec Record) []manifest.Route {
	switch {
	case rec.Stable != nil:
		return rec.Stable.Routes
	case rec.Rollout != nil:
		return rec.Rollout.Candidate.Routes
	}
	return nil
}

// start brings up a process for the plan, unless it failed so lately that it must
// wait.
func (o *owner) start(ctx context.Context, plan Plan) {
	wait := o.backoffOf(plan.Key).remaining(time.Now())
	if wait > 0 {
		o.restart.Reset(wait)
		return
	}
	o.launches++
	ctx, cancel := context.WithCancel(ctx)
	p := &process{id: fmt.Sprintf("%s-%d", plan.Key, o.launches), plan: plan, cancel: cancel}
	o.coming[plan.Key] = p
	o.workers.Go(func() { o.bringUp(ctx, p) })
}

// bringUp starts a process and warms it. It posts up, and then ready if the process
// came up; after an error nothing of it is left but what the owner retires.
func (o *owner) bringUp(ctx context.Context, p *process) {
	inst, err := o.cfg.Instances.Start(ctx, p.id, p.plan)
	o.post(up{p: p, inst: inst, err: err})
	if err != nil {
		return
	}
	began := time.Now()
	err = warm(ctx, inst, p.plan)
	o.post(ready{p: p, err: err, took: time.Since(began)})
}

func (o *owner) isCandidate(p *process) bool {
	return o.rec.Rollout.Active() && o.rec.Rollout.Candidate.Key == p.plan.Key
}

func (o *owner) cameUp(ctx context.Context, m up) {
	if o.coming[m.p.plan.Key] != m.p { // it was given up meanwhile
		if m.inst != nil {
			m.p.inst = m.inst
			o.retire(ctx, m.p)
		}
		return
	}
	if m.err != nil {
		delete(o.coming, m.p.plan.Key)
		o.couldNotStart(ctx, m.p, m.err)
		return
	}
	m.p.inst, m.p.since = m.inst, time.Now()
	m.p.target = o.cfg.Traffic.Target(m.p.id, m.p.plan.Release, m.inst, func(obs Observation) {
		m.p.tally.add(obs)
		select {
		case o.judging <- struct{}{}:
		default:
		}
	})
	if o.isCandidate(m.p) {
		_ = o.decide(ctx, started{Phases: m.inst.Phases()}, nil)
	}
}

func (o *owner) becameReady(ctx context.Context, m ready) {
	if o.coming[m.p.plan.Key] != m.p {
		return
	}
	delete(o.coming, m.p.plan.Key)
	if m.err != nil {
		o.retire(ctx, m.p)
		o.couldNotStart(ctx, m.p, m.err)
		return
	}
	was := o.running[m.p.plan.Key]
	o.running[m.p.plan.Key] = m.p
	ctx, m.p.cancel = rewatch(ctx, m.p.cancel)
	o.workers.Go(func() { watch(ctx, m.p, o.post) })
	if o.isCandidate(m.p) {
		_ = o.decide(ctx, warmed{Took: m.took}, nil)
		return
	}
	o.follow(ctx, desired(o.rec, time.Now()), o.rec)
	if was != nil {
		o.retire(ctx, was)
	}
	o.tell(module.Event{Type: module.InstanceStarted, Version: m.p.plan.Version, Digest: m.p.plan.Digest, Instance: m.p.id, Message: fmt.Sprintf("%s serves (pid %d)", m.p.plan.Release, m.p.inst.PID())}, nil)
	o.bootOver()
}

// rewatch exchanges the context of the bringing up for that of the watch.
func rewatch(ctx context.Context, bringUp context.CancelFunc) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(ctx)
	return ctx, func() { cancel(); bringUp() }
}

// couldNotStart ends the rollout of a candidate; a release that serves is tried
// again after a pause, or gives way to its predecessor.
func (o *owner) couldNotStart(ctx context.Context, p *process, err error) {
	if ctx.Err() != nil {
		return
	}
	if o.isCandidate(p) {
		_ = o.decide(ctx, spoiled{Reason: err.Error(), Blameless: p.inst == nil && !blames(err)}, nil)
		return
	}
	o.tell(module.Event{Type: module.ModuleFailing, Version: p.plan.Version, Digest: p.plan.Digest, Instance: p.id, Reason: err.Error(), Message: fmt.Sprintf("%s could not be started: %v", p.plan.Release, err)}, nil)
	o.bootOver()
	o.stumbled(ctx, p, err.Error())
}

// blames reports whether a failed start is the release's own fault. What the host could
// not do (find the artifact, set a limit, get a process) is not.
func blames(err error) bool {
	switch module.KindOf(err) {
	case module.Invalid, module.Timeout, module.Conflict:
		return true
	}
	return false
}

// lost deals with a process that ended by itself.
func (o *owner) lost(ctx context.Context, p *process) {
	if o.running[p.plan.Key] != p {
		return
	}
	reason := "crashed: " + p.inst.Exit()
	o.observe()
	delete(o.running, p.plan.Key)
	defer o.retire(ctx, p) // once it has no traffic any more
	o.tell(module.Event{Type: module.InstanceCrashed, Version: p.plan.Version, Digest: p.plan.Digest, Instance: p.id, Reason: p.inst.Exit(), Message: fmt.Sprintf("%s %s", p.plan.Release, reason)}, nil)
	switch {
	case o.isCandidate(p):
		_ = o.decide(ctx, spoiled{Reason: reason}, nil)
	case o.rec.Stable != nil && o.rec.Stable.Key == p.plan.Key:
		o.stumbled(ctx, p, reason)
	}
}

// sickened deals with a process whose probes fail.
func (o *owner) sickened(ctx context.Context, m unwell) {
	if o.running[m.p.plan.Key] != m.p {
		return
	}
	reason := fmt.Sprintf("failed %d probes in a row: %v", m.p.plan.Health.Failures, m.err)
	o.tell(module.Event{Type: module.InstanceUnwell, Version: m.p.plan.Version, Digest: m.p.plan.Digest, Instance: m.p.id, Reason: m.err.Error(), Message: fmt.Sprintf("%s %s", m.p.plan.Release, reason)}, nil)
	switch {
	case o.isCandidate(m.p):
		_ = o.decide(ctx, spoiled{Reason: reason}, nil)
	case o.rec.Stable != nil && o.rec.Stable.Key == m.p.plan.Key:
		m.p.unwell = true // it serves until another process can take over
		o.stumbled(ctx, m.p, reason)
	default:
		_ = o.decide(ctx, cooled{}, nil)
	}
}

// stumbled lets a stable release that crashed, fails its probes or does not start
// try again after a pause; fresh from an instant switch, or in a loop, it gives way
// to its predecessor.
func (o *owner) stumbled(ctx context.Context, p *process, reason string) {
	b := o.backoffOf(p.plan.Key)
	if !p.since.IsZero() && time.Since(p.since) > crashSpan {
		b.forget()
	}
	loops := b.fail(time.Now(), reason)
	if o.rec.Previous != nil && !o.rec.Rollout.Active() && (loops || o.onTrial()) {
		if loops {
			reason = fmt.Sprintf("%d failures within %s, the last: %s", crashLimit, crashSpan, reason)
		}
		o.giveWay(ctx, reason)
		return
	}
	o.follow(ctx, desired(o.rec, time.Now()), o.rec)
}

// giveWay returns to the previous release without being asked.
func (o *owner) giveWay(ctx context.Context, reason string) {
	stable := o.rec.Stable.Release
	if o.decide(ctx, back{Actor: module.Self, Reason: reason, Warm: o.running[o.rec.Previous.Key] != nil}, nil) != nil {
		return // what serves is kept up; decide has seen to it
	}
	o.cfg.Log.Note(module.AuditRecord{Actor: module.Self, Action: "rollback", Target: stable.String(), Digest: stable.Digest, Outcome: "accepted", Reason: reason})
}

// retire takes a process out: no more traffic, what is in flight ends, then it is
// stopped. It returns at once.
func (o *owner) retire(ctx context.Context, p *process) {
	p.cancel()
	if p.inst == nil {
		return // still starting: the cancelled start cleans up
	}
	o.retiring[p] = struct{}{}
	ctx = context.WithoutCancel(ctx)
	o.workers.Go(func() {
		o.stop(ctx, p)
		o.post(retired{p})
	})
}

func (o *owner) stop(ctx context.Context, p *process) {
	select {
	case <-p.inst.Done():
	default:
		drain, cancel := context.WithTimeout(ctx, o.cfg.DrainTimeout)
		if err := p.inst.Drain(drain); err != nil {
			o.log.Debug("module did not take the drain call", zap.String("instance", p.id), zap.Error(err))
		}
		if p.target != nil {
			if err := p.target.Drain(drain); err != nil {
				o.log.Warn("requests were cut off at the end of the drain", zap.String("instance", p.id), zap.Error(err))
			}
		}
		cancel()
	}
	crashed := isDone(p.inst)
	killed := p.inst.Stop(ctx)
	if p.target != nil {
		p.target.Close()
	}
	if crashed {
		return // its crash was told
	}
	ev := module.Event{Type: module.InstanceStopped, Version: p.plan.Version, Digest: p.plan.Digest, Instance: p.id, Message: p.plan.Release.String() + " stopped"}
	if killed {
		ev.Reason = "ignored the stop and was killed after the grace"
		ev.Message = p.plan.Release.String() + " " + ev.Reason
	}
	o.tell(ev, nil)
}

func isDone(inst Instance) bool {
	select {
	case <-inst.Done():
		return true
	default:
		return false
	}
}

// shutdown stops every process of the module and waits for all workers.
func (o *owner) shutdown() {
	ctx := context.Background()
	for _, set := range []map[string]*process{o.running, o.coming} {
		for key, p := range set {
			delete(set, key)
			o.retire(ctx, p)
		}
	}
	for again := true; again; {
		gone := make(chan struct{})
		go func() { o.workers.Wait(); close(gone) }()
		again = o.emptyMail(ctx, gone)
	}
}

// emptyMail takes the mail until gone is closed and no mail is left. It reports
// whether it found another process to retire: one that came up while everything
// else went down.
func (o *owner) emptyMail(ctx context.Context, gone <-chan struct{}) (found bool) {
	for {
		var m message
		select {
		case m = <-o.mail:
		default:
			select {
			case m = <-o.mail:
			case <-gone:
				if len(o.mail) == 0 { // nobody is left who could send more
					return found
				}
				continue
			}
		}
		switch m := m.(type) {
		case request:
			m.reply <- errStopping
		case up:
			if m.inst != nil {
				m.p.inst = m.inst
				o.retire(ctx, m.p)
				found = true
			}
		}
	}
}
