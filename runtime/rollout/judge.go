package rollout

import (
	"context"
	"time"

	"github.com/segue-run/segue/runtime/analysis"
	"github.com/segue-run/segue/runtime/module"
	"github.com/segue-run/segue/sdk/manifest"
)

// stepBegins notes where the counts stand when the candidate's weight changes, sets
// the step's slowness threshold from what stable has shown until now, and starts
// the hold.
func (o *owner) stepBegins(old Record) {
	ro := o.rec.Rollout
	switch {
	case ro == nil || ro.Phase != Shifting && !o.onTrial():
		o.hold.Stop()
		return
	case old.Rollout != nil && old.Rollout.ID == ro.ID && old.Rollout.Step == ro.Step && old.Rollout.Phase == ro.Phase:
		return
	}
	candidate, stable := o.sides()
	for _, p := range []*process{candidate, stable} {
		if p == nil {
			continue
		}
		if stable != nil && stable.target != nil {
			p.tally.slowAbove.Store(int64(3 * stable.target.Usual()))
		}
		p.base = p.tally.sample()
	}
	if ro.Phase == Shifting {
		o.hold.Reset(hold(ro.Policy))
	}
}

// onTrial reports whether stable has just come by an instant switch and may still
// be judged against its warm predecessor: until the policy's hold has passed.
func (o *owner) onTrial() bool {
	ro := o.rec.Rollout
	return ro != nil && ro.Phase == Promoted && ro.Policy.Strategy == manifest.Instant && ro.Condemns == "" &&
		o.rec.Stable != nil && o.rec.Stable.Key == ro.ID && o.rec.Previous != nil &&
		time.Now().Before(ro.Ended.Add(hold(ro.Policy))) && o.running[o.rec.Previous.Key] != nil
}

// sides are the processes that a verdict compares; nil where there is none.
func (o *owner) sides() (candidate, stable *process) {
	if o.rec.Rollout.Active() {
		candidate = o.running[o.rec.Rollout.Candidate.Key]
		if o.rec.Stable != nil {
			stable = o.running[o.rec.Stable.Key]
		}
		return candidate, stable
	}
	if o.onTrial() {
		return o.running[o.rec.Stable.Key], o.running[o.rec.Previous.Key]
	}
	return nil, nil
}

// samples are what the step has shown of both sides.
func (o *owner) samples() (stable, candidate analysis.Sample) {
	c, s := o.sides()
	if c != nil {
		candidate = c.seen()
	}
	if s != nil {
		stable = s.seen()
	}
	return stable, candidate
}

// observe notes in the record what the step has shown until now, where both sides
// still run.
func (o *owner) observe() {
	candidate, stable := o.sides()
	if candidate == nil || stable == nil || o.rec.Rollout.Phase != Shifting {
		return
	}
	rec := o.rec.clone()
	s, c := o.samples()
	rec.Rollout.StableSample, rec.Rollout.CandidateSample = asModule(s), asModule(c)
	o.rec = rec
}

// judge asks for the verdict, after any request that a side has answered.
func (o *owner) judge(ctx context.Context) {
	candidate, _ := o.sides()
	if candidate == nil {
		return
	}
	ro := o.rec.Rollout
	stableSample, sample := o.samples()
	finding := verdict(ro, stableSample, sample)
	if finding.Verdict != module.Fail {
		return
	}
	reason := finding.Reason
	if ro.Active() {
		_ = o.decide(ctx, spoiled{Reason: reason}, nil)
		return
	}
	o.giveWay(ctx, reason)
}

// verdict judges what the step has shown.
func verdict(ro *Rollout, stable, candidate analysis.Sample) analysis.Finding {
	limits := analysis.Limits{MaxErrors: *ro.Policy.MaxErrors, MaxSlow: manifest.Full / 2}
	if ro.Active() && ro.Step > 0 && ro.Step <= len(ro.Policy.Steps) {
		return analysis.Compare(limits, []analysis.Step{{Share: ro.Policy.Steps[ro.Step-1], Stable: stable, Candidate: candidate}})
	}
	return analysis.Alone(limits, stable, candidate)
}

// stepOver is the end of a step's hold.
func (o *owner) stepOver(ctx context.Context) {
	o.judge(ctx) // whatever has come since the last look
	if ro := o.rec.Rollout; ro.Active() && ro.Phase == Shifting {
		_ = o.decide(ctx, held{}, nil)
	}
}
