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

// ledger is what comes together in the newest entry of evidence.
type ledger struct {
	rollout string
	entry   int // 1-based
	// base is what the entry had before the lenses were in: what was seen before a
	// restart of the host.
	base              analysis.Step
	candidate, stable *lens
	found             analysis.Finding // as of the last look
	looked            analysis.Step    // what it was found of
	quiet             int              // looks since then that saw nothing new
	saved             time.Time        // when it was saved last, for its own sake
	held              analysis.Step    // what was saved then
}

// step is what is finished. The record has what is overdue beside.
func (l *ledger) step() analysis.Step {
	step := l.base
	step.Candidate, step.Stable = plus(step.Candidate, l.candidate.sample()), plus(step.Stable, l.stable.sample())
	return step
}

// keep is how much of what a step has shown may be lost with the host.
const keep = time.Second

// onTrial reports whether stable got all traffic at once, just now, and is still
// judged: until the policy's hold has passed, and while there is a way back or has
// never been one.
func (o *owner) onTrial() bool {
	if !o.rec.onTrial() {
		return false
	}
	if o.rec.Rollout.From.IsZero() {
		return o.rec.Previous == nil
	}
	return o.rec.Previous != nil && o.running[o.rec.Previous.Key] != nil
}

// endTrial lets the trial end once its time is over, after a last look. It reports
// whether it did something.
func (o *owner) endTrial(ctx context.Context, now time.Time) bool {
	until, trial := o.rec.Rollout.onTrial()
	if !trial || now.Before(until) {
		return false
	}
	o.judge(ctx)
	if _, still := o.rec.Rollout.onTrial(); still {
		_ = o.decide(ctx, tried{}, nil)
	}
	return true
}

// judged reports whether requests are evidence now.
func (o *owner) judged() bool {
	ro := o.rec.Rollout
	return ro != nil && len(ro.Evidence) > 0 && (ro.Active() && ro.Phase == Shifting || o.onTrial())
}

// counting reports whether the ledger is of the entry that is judged now. It is not
// until the data plane has been told of it.
func (o *owner) counting() bool {
	ro := o.rec.Rollout
	return o.judged() && o.ledger.rollout == ro.ID && o.ledger.entry == len(ro.Evidence)
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

// aim looks at the two sides as the record's step says, and at nobody else. Call it
// after the data plane was told of the step, from when on it counts.
func (o *owner) aim() {
	if o.judged() && !o.counting() && o.told != nil && o.told.rollout == o.rec.Rollout.ID && o.told.entry == len(o.rec.Rollout.Evidence) {
		o.open()
		defer func() { o.ledger.candidate.begun.Store(new(time.Now())) }() // once both are in
	}
	var candidate, stable *process
	if o.counting() {
		candidate, stable = o.sides()
	}
	for _, p := range o.running {
		switch p {
		case candidate:
			p.tally.through(o.ledger.candidate)
		case stable:
			p.tally.through(o.ledger.stable)
		default:
			p.tally.through(nil)
		}
	}
}

// open begins the ledger of the newest entry of evidence. One that a restart of the host
// cut off goes on with what the record has.
func (o *owner) open() {
	ro := o.rec.Rollout
	if o.ledger.rollout != ro.ID {
		o.keys = &keys{}
	}
	o.keys.begin()
	shared := &frame{slowAbove: ro.SlowAbove, hung: ro.hung(), keys: o.keys}
	base := ro.Evidence[len(ro.Evidence)-1]
	o.ledger = ledger{rollout: ro.ID, entry: len(ro.Evidence), base: base, held: base, saved: time.Now(),
		candidate: &lens{frame: shared, eager: true}, stable: &lens{frame: shared}}
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
	if o.counting() {
		step := o.ledger.step()
		o.ledger.candidate.late(candidate, &step.Candidate)
		o.ledger.stable.late(stable, &step.Stable)
		ro.Evidence = slices.Clone(ro.Evidence)
		ro.Evidence[len(ro.Evidence)-1] = step
	}
	o.rec.Rollout = &ro
}

// late adds the requests of this step that are overdue: sent within it, and without an
// answer for longer than what is slow; those that hang as failures too.
func (l *lens) late(p *process, to *analysis.Sample) {
	begun := l.begun.Load()
	if p == nil || begun == nil || l.slowAbove <= 0 || l.keys.full.Load() {
		return
	}
	age := time.Since(*begun)
	if age <= l.slowAbove {
		return
	}
	before := p.target.Overdue(age)
	if n := p.target.Overdue(l.slowAbove) - before; n > 0 {
		to.Requests += uint64(n)
		to.Slow += uint64(n)
	}
	if l.hung <= 0 || age <= l.hung {
		return
	}
	if n := p.target.Overdue(l.hung) - before; n > 0 {
		to.Errors += uint64(n)
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
	if candidate, _ := o.sides(); candidate == nil || !o.counting() {
		return
	}
	ro := o.rec.Rollout
	step := ro.Evidence[len(ro.Evidence)-1]
	if o.ledger.quiet++; o.ledger.found.Verdict == "" || o.ledger.looked != step {
		o.ledger.quiet = 0
		o.ledger.found, o.ledger.looked = ro.Finding(), step
		next := *ro
		next.Errors, next.Slow, next.Missing = o.ledger.found.Errors, o.ledger.found.Slow, Brief(o.missing())
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

// missing says what the verdict lacks.
func (o *owner) missing() string {
	if o.keys.full.Load() {
		return fmt.Sprintf("more than %d users had failures or slow answers, and nothing is counted any more; until then: %s", maxKeys, o.ledger.found.Reason)
	}
	return o.ledger.found.Reason
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
	if now.Before(ro.Entered.Add(ro.hold())) || !o.fit() || !o.counting() {
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
