package rollout

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/segue-run/segue/runtime/analysis"
	"github.com/segue-run/segue/runtime/module"
	"github.com/segue-run/segue/sdk/manifest"
)

// ledger is what has come together in the newest entry of evidence: what is finished.
// The record has what is overdue beside.
type ledger struct {
	rollout string
	entry   int // 1-based
	step    analysis.Step
	found   analysis.Finding // as of the last look
	looked  analysis.Step    // what it was found of
	quiet   int              // looks since then that saw nothing new
	// begun is when the entry was; what was sent before is no evidence in it.
	begun time.Time
	saved time.Time     // when it was saved last, for its own sake
	held  analysis.Step // what was saved then
}

// keep is how much of what a step has shown may be lost with the host.
const keep = time.Second

// onTrial reports whether stable got all traffic at once, just now, and may still be
// judged: until the policy's hold has passed, and while there is a way back or has
// never been one.
func (o *owner) onTrial() bool {
	ro := o.rec.Rollout
	until, trial := ro.onTrial()
	if !trial || o.rec.Stable == nil || o.rec.Stable.Key != ro.Candidate.Key || !time.Now().Before(until) {
		return false
	}
	if ro.From.IsZero() {
		return o.rec.Previous == nil
	}
	return o.rec.Previous != nil && o.running[o.rec.Previous.Key] != nil
}

// judged reports whether requests are evidence now.
func (o *owner) judged() bool {
	ro := o.rec.Rollout
	return ro != nil && len(ro.Evidence) > 0 && (ro.Active() && ro.Phase == Shifting || o.onTrial())
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
		if o.rec.Previous != nil {
			stable = o.running[o.rec.Previous.Key]
		}
		return o.running[o.rec.Stable.Key], stable
	}
	return nil, nil
}

// aim looks at the two sides as the record's step says, and at nobody else. A step
// that has just begun counts from here; one that a restart of the host cut off goes on
// with what the record has.
func (o *owner) aim() {
	ro := o.rec.Rollout
	var candidate, stable *process
	if o.judged() {
		candidate, stable = o.sides()
		if o.ledger.rollout != ro.ID {
			o.keys = [2]*keys{{}, {}}
		}
		if o.ledger.rollout != ro.ID || o.ledger.entry != len(ro.Evidence) {
			begun := ro.Entered
			if !ro.Active() {
				begun = ro.Ended
			}
			step := ro.Evidence[len(ro.Evidence)-1]
			o.ledger = ledger{rollout: ro.ID, entry: len(ro.Evidence), step: step, begun: begun, held: step, saved: time.Now()}
			for _, p := range []*process{candidate, stable} {
				if p != nil {
					p.noted = p.tally.sample()
				}
			}
		}
	}
	for _, p := range o.running {
		switch p {
		case candidate:
			p.tally.look(&lens{o.ledger.begun, ro.SlowAbove, o.keys[0]})
		case stable:
			p.tally.look(&lens{o.ledger.begun, ro.SlowAbove, o.keys[1]})
		default:
			p.tally.look(nil)
		}
	}
}

// observe notes in the record what has been seen until now.
func (o *owner) observe() {
	candidate, stable := o.sides()
	if candidate == nil && stable == nil {
		return
	}
	ro := *o.rec.Rollout
	if ro.Active() && stable != nil {
		if usual := stable.target.Usual(); usual > 0 {
			ro.Usual = usual
		}
		if ro.Step == 0 {
			ro.Before = stable.tally.sample()
			ro.Before.Slow = ro.Before.Requests / 100 // by the meaning of Usual, at most
		}
	}
	if candidate != nil {
		ro.seen(candidate)
	}
	if o.judged() && len(ro.Evidence) == o.ledger.entry && ro.ID == o.ledger.rollout {
		o.take(candidate, &o.ledger.step.Candidate)
		o.take(stable, &o.ledger.step.Stable)
		step := o.ledger.step
		late(candidate, &step.Candidate, ro.SlowAbove, time.Since(o.ledger.begun))
		late(stable, &step.Stable, ro.SlowAbove, time.Since(o.ledger.begun))
		ro.Evidence = slices.Clone(ro.Evidence)
		ro.Evidence[len(ro.Evidence)-1] = step
	}
	o.rec.Rollout = &ro
}

// take adds what has finished since the last time.
func (o *owner) take(p *process, to *analysis.Sample) {
	if p == nil {
		return
	}
	seen := p.tally.sample()
	*to = plus(*to, since(seen, p.noted))
	p.noted = seen
}

// late adds the requests of this step that are overdue: sent within it, and without an
// answer for longer than what is slow.
func late(p *process, to *analysis.Sample, slowAbove, age time.Duration) {
	if p == nil || slowAbove <= 0 || age <= slowAbove {
		return
	}
	if n := p.target.Overdue(slowAbove) - p.target.Overdue(age); n > 0 {
		to.Requests += uint64(n)
		to.Slow += uint64(n)
	}
}

// seen notes what the candidate's process has shown beside its requests' outcomes.
func (r *Rollout) seen(p *process) {
	if u := p.usage.Load(); u != nil {
		r.Usage = module.Usage{Memory: u.Memory, Peak: max(u.Peak, r.Usage.Peak), CPU: u.CPU}
	}
	rescued := p.target.Rescued()
	r.Rescued += rescued - p.saved
	p.saved = rescued
	if m := p.target.Mirrored(); m.Requests > 0 {
		r.Mirror = &m
	}
}

// wide is what a release that is alone may be tolerated at least: no chance decided
// who got which request, so trouble from elsewhere is taken for its own.
const wide manifest.Weight = 500

// Finding is what the record's evidence says: the verdict, which follows from the
// record alone.
func (r *Rollout) Finding() analysis.Finding {
	if len(r.Evidence) == 0 {
		return analysis.Compare(r.limits(), nil)
	}
	last := r.Evidence[len(r.Evidence)-1]
	switch {
	case r.From.IsZero():
		return analysis.Alone(r.limitsAlone(), analysis.Sample{}, last.Candidate)
	case r.strategy() != gradually:
		limits := r.limits()
		limits.MaxErrors, limits.MaxSlow = max(limits.MaxErrors, wide), max(limits.MaxSlow, wide)
		return analysis.Alone(limits, r.before(), last.Candidate)
	case last.Share >= full && r.sticky():
		return analysis.Alone(r.limitsAlone(), r.before(), last.Candidate)
	}
	return analysis.Compare(r.limits(), r.Evidence)
}

// judge looks at what has been seen, and takes the candidate back where that is
// against it. What speaks for it is seen to by attend.
func (o *owner) judge(ctx context.Context) {
	o.observe()
	o.lookOut(ctx, false)
	if candidate, _ := o.sides(); candidate == nil || !o.judged() || o.ledger.entry == 0 {
		return
	}
	ro := o.rec.Rollout
	step := ro.Evidence[len(ro.Evidence)-1]
	if o.ledger.quiet++; o.ledger.found.Verdict == "" || o.ledger.looked != step {
		o.ledger.quiet = 0
		o.ledger.found, o.ledger.looked = ro.Finding(), step
		next := *ro
		next.Errors, next.Slow, next.Missing = o.ledger.found.Errors, o.ledger.found.Slow, brief(o.ledger.found.Reason)
		o.rec.Rollout = &next
	}
	if now := time.Now(); o.ledger.held != step && now.Sub(o.ledger.saved) >= keep {
		o.ledger.saved, o.ledger.held = now, step
		if !o.unsaved { // else it is tried again in any case
			_ = o.save(ctx, o.rec)
		}
	}
	if found := o.ledger.found; found.Verdict == module.Fail {
		o.against(ctx, found.Reason)
	}
}

// against acts on a verdict against what is judged.
func (o *owner) against(ctx context.Context, reason string) {
	ro := o.rec.Rollout
	switch {
	case ro.Active() && ro.Weight() == full:
		_ = o.decide(ctx, doubted{Reason: reason}, nil)
	case ro.Active():
		_ = o.decide(ctx, spoiled{Reason: reason}, nil)
	case o.rec.Previous != nil:
		o.giveWay(ctx, reason)
	default:
		_ = o.decide(ctx, condemned{Reason: reason}, nil)
	}
}

// fit reports whether the candidate is up and well.
func (o *owner) fit() bool {
	p := o.running[o.rec.Rollout.Candidate.Key]
	return p != nil && !p.unwell
}

// weighStep lets a step pass once its hold is over: on proof, or at its limit as the
// policy says. It reports whether it did something.
func (o *owner) weighStep(ctx context.Context, now time.Time) bool {
	ro := o.rec.Rollout
	if now.Before(ro.Entered.Add(span(ro.Policy.Hold))) || !o.fit() {
		return false
	}
	limit := !now.Before(ro.Entered.Add(span(ro.Policy.Limit)))
	switch {
	case o.ledger.found.Verdict == module.Pass:
		_ = o.decide(ctx, opened{Gate: atEvidence}, nil)
	case limit && ro.Policy.Unproven == manifest.Proceed:
		_ = o.decide(ctx, opened{Gate: atEvidence, Unproven: true}, nil)
	case limit && ro.Policy.Unproven == manifest.GiveUp:
		_ = o.decide(ctx, spoiled{Reason: fmt.Sprintf("no proof within %s that it is no worse: %s", span(ro.Policy.Limit), ro.Missing), Blameless: true}, nil)
	default:
		return false
	}
	return true
}
