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
			o.retire(p)
		}
	}
	for key, p := range o.coming {
		if _, wanted := d.plans[key]; !wanted {
			delete(o.coming, key)
			o.retire(p)
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
	if err := o.cfg.Traffic.Split(o.name, Split{Routes: routes, Shares: shares}); err != nil {
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
			o.retire(m.p)
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
		o.retire(m.p)
		o.couldNotStart(ctx, m.p, m.err)
		return
	}
	was := o.running[m.p.plan.Key]
	o.running[m.p.plan.Key] = m.p
	watching, stopWatching := context.WithCancel(ctx)
	bringUp := m.p.cancel
	m.p.cancel = func() { stopWatching(); bringUp() }
	o.workers.Go(func() { watch(watching, m.p, o.post) })
	if o.isCandidate(m.p) {
		_ = o.decide(ctx, warmed{Took: m.took}, nil)
		return
	}
	o.follow(ctx, desired(o.rec, time.Now()), o.rec)
	if was != nil {
		o.retire(was)
	}
	o.tell(module.Event{Type: module.InstanceStarted, Version: m.p.plan.Version, Digest: m.p.plan.Digest, Instance: m.p.id, Message: fmt.Sprintf("%s serves (pid %d)", m.p.plan.Release, m.p.inst.PID())}, nil)
	o.bootOver()
}
