package rollout

import (
	"time"

	"github.com/segue-run/segue/runtime/analysis"
	"github.com/segue-run/segue/runtime/grant"
	"github.com/segue-run/segue/runtime/module"
	"github.com/segue-run/segue/sdk/manifest"
)

// view is what others may read of an owner: a status as of the last decision, and
// the processes whose counts are added when it is read.
type view struct {
	status                      module.Status
	stable, candidate, previous *process
	rec                         Record
	configured                  manifest.Permissions
	// ledger is of the entry of evidence that goes on; judged says that there is one.
	judged bool
	ledger ledger
}

// known reports whether anything was ever decided about the module.
func (v *view) known() bool { return v.rec.Count > 0 }

// publish makes the owner's present state readable by others.
func (o *owner) publish() {
	v := &view{rec: o.rec, configured: o.configured(), status: module.Status{Name: o.name, State: o.state()}}
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
		if ro.Active() || ro.Phase != Promoted && o.leaves(ro.Candidate.Key) {
			v.status.Candidate, v.candidate = o.release(ro.Candidate)
		}
	}
	if o.counting() {
		v.judged, v.ledger = true, o.ledger
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
	case ro != nil && ro.Phase != Promoted && o.leaves(ro.Candidate.Key):
		return module.RollingBack
	case o.rec.Stable == nil:
		return module.Inactive
	case o.running[o.rec.Stable.Key] == nil:
		return module.Failing
	}
	return module.Active
}

// leaves reports whether requests that are not long may still be with a process of the
// plan that is on its way down.
func (o *owner) leaves(key string) bool {
	p := o.leaving(key)
	return p != nil && time.Since(p.left) < o.cfg.DrainTimeout
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
	s := &module.ReleaseStatus{Version: plan.Version, Digest: plan.Digest, State: module.Stopped, Weight: o.told.weight(plan.Key)}
	b := o.starts[plan.Key]
	if b != nil {
		s.Restarts, s.Denials = b.total, b.reached
		if !b.last.At.IsZero() {
			s.Fell = new(b.last)
		}
	}
	p := o.running[plan.Key]
	isStable := o.rec.Stable != nil && o.rec.Stable.Key == plan.Key
	switch {
	case p != nil && o.rec.Rollout.Active() && o.rec.Rollout.Candidate.Key == plan.Key:
		if s.State = module.Shifting; o.rec.Rollout.Weight() == 0 {
			s.State = module.Warm
		}
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
		s.Denials = nil // its own are among them
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

// rolloutStatus is a rollout as others see it.
func rolloutStatus(ro *Rollout, now time.Time) *module.RolloutStatus {
	s := &module.RolloutStatus{ID: ro.ID, Module: ro.Candidate.Module, From: ro.From.Version, To: ro.Candidate.Version, Digest: ro.Candidate.Digest,
		Strategy: ro.strategy(), Phase: string(ro.Phase), Step: ro.Step, Steps: ro.steps(), Hold: manifest.Duration(span(ro.Policy.Hold)),
		Verdict: ro.Verdict, Reason: ro.Reason, Actor: ro.Actor.String(), Started: ro.Started, Ended: ro.Ended,
		StepStarted: ro.StepStarted, Waiting: ro.waiting(now), Evidence: module.Evidence{Errors: ro.Errors, Slow: ro.Slow, Signs: ro.Signs},
		Rehearsal: ro.compared(ro.Rehearsal), Mirror: ro.compared(ro.Mirror), Rescued: ro.Rescued, Usage: ro.Usage, Phases: ro.Phases,
		Condemns: ro.Condemns, Unproven: ro.Unproven, Doubts: ro.Doubts, Displaced: ro.Displaced}
	for _, step := range ro.Evidence {
		s.Samples = append(s.Samples, module.StepSample{Weight: step.Share, Stable: asModule(step.Stable), Candidate: asModule(step.Candidate)})
		s.StableSample, s.CandidateSample = asModule(step.Stable), asModule(step.Candidate)
	}
	if ro.Policy.PreviewHost != "" && (ro.Phase == Checking || ro.Phase == Shifting) {
		s.Preview = &module.Preview{Host: ro.Policy.PreviewHost}
	}
	return s
}

// compared is a comparison with what the policy tolerates of it; nil for none.
func (r *Rollout) compared(c *module.Comparison) *module.Comparison {
	if c = copyOf(c); c != nil {
		c.MaxDifferences = r.Policy.MaxDifferences
	}
	return c
}

// read gives the status with the counts as they are now.
func (v *view) read() module.Status {
	s := v.status
	s.Stable, s.Candidate, s.Previous = v.counted(s.Stable, v.stable), v.counted(s.Candidate, v.candidate), v.counted(s.Previous, v.previous)
	for _, d := range v.rec.Decisions {
		s.Releases = append(s.Releases, module.ReleaseStatus{Version: d.Version, Digest: d.Digest, State: d.State, Reason: d.Reason, Since: d.At})
	}
	if g := v.rec.Grants; g != nil && !none(g.Permissions) {
		s.Grants = &module.Grants{Permissions: g.Permissions, Actor: g.Actor.String(), At: g.At}
	}
	if q := v.rec.Queued; q != nil {
		s.Queued = &module.Queued{Version: q.Plan.Version, Digest: q.Plan.Digest, Actor: q.Actor.String(), Since: q.Since}
	}
	if v.rec.Rollout == nil {
		return s
	}
	s.Rollout = rolloutStatus(v.rec.Rollout, time.Now())
	if v.judged {
		step := v.ledger.step()
		last := &s.Rollout.Samples[len(s.Rollout.Samples)-1]
		last.Stable, last.Candidate = more(last.Stable, step.Stable), more(last.Candidate, step.Candidate)
		s.Rollout.StableSample, s.Rollout.CandidateSample = last.Stable, last.Candidate
	}
	return s
}

// more is the later of two looks: the one that saw more, or what was overdue as well.
func more(noted module.Sample, now analysis.Sample) module.Sample {
	if now.Requests < noted.Requests {
		return noted
	}
	return asModule(now)
}

// membersOf are the instance's processes, those that serve in the state of their release.
func membersOf(inst Instance, state module.ReleaseState) []module.Member {
	members := inst.Members()
	for i := range members {
		if members[i].State == module.Serving {
			members[i].State = state
		}
	}
	return members
}

func (v *view) counted(s *module.ReleaseStatus, p *process) *module.ReleaseStatus {
	if s == nil || p == nil {
		return s
	}
	c := *s
	c.Errors = p.tally.errors.Load()
	c.Requests = p.tally.requests.Load()
	box := p.inst.Sandbox()
	box.Revoked = grant.Missing(box.Permissions, grant.Union(v.configured, v.rec.granted()))
	if c.Members = membersOf(p.inst, s.State); len(c.Members) > 0 {
		c.PID = p.inst.PID() // the first may have fallen since it was noted
	}
	c.Sandbox, c.Denials = &box, module.Together(s.Denials, p.inst.Denials())
	return &c
}
