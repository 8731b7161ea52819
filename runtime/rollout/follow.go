package rollout

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/segue-run/segue/runtime/module"
	"github.com/segue-run/segue/sdk/manifest"
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
		isPrevious := rec.Previous != nil && rec.Previous.Key == key && (rec.Stable == nil || rec.Stable.Key != key) &&
			!(rec.Rollout.Active() && rec.Rollout.Candidate.Key == key)
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
	err = Warm(ctx, inst, p.plan.Health)
	o.post(ready{p: p, err: err, took: time.Since(began)})
}

// pids are those of its processes.
func pids(inst Instance) string {
	members := inst.Members()
	if len(members) == 0 {
		return strconv.Itoa(inst.PID())
	}
	all := make([]string, len(members))
	for i, m := range members {
		all[i] = strconv.Itoa(m.PID)
	}
	return strings.Join(all, ", ")
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
		if !m.p.tally.add(obs) {
			return
		}
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
	o.aim()
	if phase := o.rec.Rollout; o.isCandidate(m.p) && (phase.Phase == Starting || phase.Phase == Warming) {
		_ = o.decide(ctx, warmed{Took: m.took}, nil)
		return
	}
	o.follow(ctx, desired(o.rec, time.Now()), o.rec)
	if was != nil {
		o.retire(was)
	}
	message := fmt.Sprintf("%s serves (pid %s)", m.p.plan.Release, pids(m.p.inst))
	if withheld := m.p.inst.Sandbox().Withheld; !none(withheld) {
		message += "; without: " + listed(withheld)
	}
	o.tell(module.Event{Type: module.InstanceStarted, Version: m.p.plan.Version, Digest: m.p.plan.Digest, Instance: m.p.id, Message: message}, nil)
	o.bootOver()
}
