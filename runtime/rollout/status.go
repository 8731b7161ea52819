package rollout

import (
	"github.com/segue-run/segue/runtime/analysis"
	"github.com/segue-run/segue/runtime/module"
	"github.com/segue-run/segue/sdk/manifest"
)

// view is what others may read of an owner: a status as of the last decision, and
// the processes whose counts are added when it is read.
type view struct {
	status                      module.Status
	stable, candidate, previous *process
	rec                         Record
	// base are the tallies of stable and candidate when the step began.
	base [2]analysis.Sample
}

// known reports whether anything was ever decided about the module.
func (v *view) known() bool { return v.rec.Count > 0 }

// publish makes the owner's present state readable by others.
func (o *owner) publish() {
	v := &view{rec: o.rec, status: module.Status{Name: o.name, State: o.state()}}
	if o.rec.Stable != nil {
		v.status.Routes = o.rec.Stable.Routes
		v.status.Stable, v.stable = o.release(*o.rec.Stable)
	}
	if o.rec.Previous != nil {
		v.status.Previous, v.previous = o.release(*o.rec.Previous)
	}
	if ro := o.rec.Rollout; ro != nil {
		if o.rec.Stable == nil && ro.Active() {
			v.status.Routes = ro.Candidate.Routes
		}
		if ro.Active() || ro.Phase != Promoted && o.leaving(ro.Candidate.Key) != nil {
			v.status.Candidate, v.candidate = o.release(ro.Candidate)
		}
		v.status.Rollout = rolloutStatus(ro)
	}
	for _, d := range o.rec.Decisions {
		v.status.Releases = append(v.status.Releases, module.ReleaseStatus{Version: d.Version, Digest: d.Digest, State: d.State, Reason: d.Reason, Since: d.At})
	}
	if candidate, stable := o.sides(); candidate != nil && stable != nil && o.rec.Rollout.Phase == Shifting {
		v.base = [2]analysis.Sample{stable.base, candidate.base}
	}
	o.view.Store(v)
}

func (o *owner) state() module.State {
	ro := o.rec.Rollout
	switch {
	case ro.Active() && o.rec.Stable == nil:
		return module.Activating
	case ro.Active():
		return module.RollingOut
	case ro != nil && ro.Phase != Promoted && o.leaving(ro.Candidate.Key) != nil:
		return module.RollingBack
	case o.rec.Stable == nil:
		return module.Inactive
	case o.running[o.rec.Stable.Key] == nil:
		return module.Failing
	}
	return module.Active
}

// leaving is the process of the plan that is on its way down.
func (o *owner) leaving(key string) *process {
	for p := range o.retiring {
		if p.plan.Key == key {
			return p
		}
	}
	return nil
}

func (o *owner) release(plan Plan) (*module.ReleaseStatus, *process) {
	s := &module.ReleaseStatus{Version: plan.Version, Digest: plan.Digest, State: module.Stopped, Weight: o.weights[plan.Key]}
	b := o.starts[plan.Key]
	if b != nil {
		s.Restarts = b.total
	}
	p := o.running[plan.Key]
	isStable := o.rec.Stable != nil && o.rec.Stable.Key == plan.Key
	switch {
	case p != nil && o.rec.Rollout.Active() && o.rec.Rollout.Candidate.Key == plan.Key:
		s.State = module.Shifting
	case p != nil:
		s.State = module.Serving
		if !isStable {
			s.State = module.Warm
		}
	case o.coming[plan.Key] != nil:
		p = o.coming[plan.Key]
		switch {
		case isStable:
			s.State = module.Restarting
		case p.inst == nil:
			s.State = module.Starting
		default:
			s.State = module.Warming
		}
	case o.leaving(plan.Key) != nil:
		p, s.State = o.leaving(plan.Key), module.Draining
	case isStable:
		s.State = module.Restarting
	}
	if b != nil && s.State == module.Restarting {
		s.Reason, s.NextTry = b.reason, b.until
	}
	if p == nil || p.inst == nil {
		return s, nil
	}
	s.PID, s.Instance, s.Since = p.inst.PID(), p.id, p.since
	return s, p
}

func rolloutStatus(ro *Rollout) *module.RolloutStatus {
	return &module.RolloutStatus{ID: ro.ID, Module: ro.Candidate.Module, From: ro.From.Version, To: ro.Candidate.Version, Digest: ro.Candidate.Digest,
		Strategy: ro.Policy.Strategy, Phase: string(ro.Phase), Step: ro.Step, Steps: ro.Policy.Steps, Hold: manifest.Duration(hold(ro.Policy)),
		Verdict: ro.Verdict, Reason: ro.Reason, Actor: ro.Actor.String(), Started: ro.Started, Ended: ro.Ended,
		StepStarted: ro.StepStarted, StableSample: ro.StableSample, CandidateSample: ro.CandidateSample, Phases: ro.Phases}
}

// read gives the status with the counts as they are now.
func (v *view) read() module.Status {
	s := v.status
	s.Stable, s.Candidate, s.Previous = counted(s.Stable, v.stable), counted(s.Candidate, v.candidate), counted(s.Previous, v.previous)
	if v.stable != nil && v.candidate != nil && v.rec.Rollout.Phase == Shifting {
		ro := *s.Rollout
		ro.StableSample = asModule(since(v.stable.tally.sample(), v.base[0]))
		ro.CandidateSample = asModule(since(v.candidate.tally.sample(), v.base[1]))
		s.Rollout = &ro
	}
	return s
}

func counted(s *module.ReleaseStatus, p *process) *module.ReleaseStatus {
	if s == nil || p == nil {
		return s
	}
	c := *s
	sample := asModule(p.tally.sample())
	c.Requests, c.Errors = sample.Requests, sample.Errors
	return &c
}
