package rollout

import (
	"fmt"
	"slices"
	"time"

	"github.com/segue-run/segue/runtime/analysis"
	"github.com/segue-run/segue/runtime/module"
	"github.com/segue-run/segue/sdk/manifest"
)

// The events a record can meet. Each says when it happened; those that an actor
// caused say who.
type (
	// offered: a validated release wants in; dequeue: the one that waits may come.
	offered Queued
	dequeue struct{}
	// started, warmed: the candidate's process is up; its probes passed.
	started struct{ Phases []module.PhaseTime }
	warmed  struct{ Took time.Duration }
	// opened: a gate is open. Unproven says that it was opened without evidence.
	opened struct {
		Gate     string
		Unproven bool
		// Rehearsal and Signs are what came of it.
		Rehearsal *module.Comparison
		Signs     []module.Sign
	}
	// elapsed: time has opened the last gate.
	elapsed struct{}
	// signs: evidence beyond requests. Fell says that the candidate's process is gone.
	signs struct {
		Signs []module.Sign
		Fell  bool
	}
	// doubted: the verdict is against a candidate that has no stable beside it.
	doubted struct{ Reason string }
	// spoiled: the candidate must go: it did not start, a gate refused it, or the
	// verdict is against it.
	spoiled struct {
		Reason string
		// Blameless: it was the host's failure, or the machine's, or nobody's; the
		// release may be tried again as it is.
		Blameless bool
	}
	// condemned: the verdict is against a first release, which serves alone.
	condemned struct{ Reason string }
	// tried: the trial of what came without steps is over, and nothing came of it.
	tried struct{}
	// The verbs of an actor. For back, Warm says that the previous release still
	// runs, Stepped that it is to come back step by step, and Failed that stable did
	// not stand its trial.
	promote struct{ Actor module.Actor }
	abort   struct{ Actor module.Actor }
	pause   struct {
		Actor  module.Actor
		Reason string
	}
	resume  struct{ Actor module.Actor }
	approve struct {
		Actor module.Actor
		Point string // that it is for; empty for whichever is waited for
		// Rollout is the id that the order names, which is the one under way; or empty.
		Rollout string
		// Configured is what the configuration grants the module.
		Configured manifest.Permissions
	}
	revoke struct{ Actor module.Actor }
	back   struct {
		Actor   module.Actor
		Reason  string
		Warm    bool
		Stepped bool
		Failed  bool
	}
	remove struct {
		Actor  module.Actor
		Reason string
	}
	// cooled: the rollback window has passed.
	cooled struct{}
	// filed: the history has a rollout that ended so.
	filed struct {
		ID      string
		Phase   Phase
		Verdict module.Verdict
	}
)

// next is the transition of a record: pure, total, and the only place where a
// decision is made. It returns the record as it will be; or a refusal, and then
// nothing has changed.
func next(old Record, ev any, now time.Time) (Record, error) {
	rec := old.clone()
	var err error
	switch ev := ev.(type) {
	case offered:
		err = rec.offer(ev, now)
	case dequeue:
		rec.dequeue(now)
	case started:
		if rec.Rollout.Active() && rec.Rollout.Phase == Starting {
			rec.Rollout.Phase = Warming
			rec.Rollout.Phases = append(rec.Rollout.Phases, ev.Phases...)
		}
	case warmed:
		rec.warm(ev, now)
	case opened:
		rec.open(ev, now)
	case elapsed:
		rec.advance(now)
	case signs:
		rec.sign(ev, now)
	case doubted:
		rec.doubt(ev, now)
	case spoiled:
		rec.spoil(ev.Reason, ev.Blameless, now)
	case condemned:
		rec.condemn(ev.Reason, now)
	case tried:
		rec.conclude()
	case promote:
		err = rec.promote(ev, now)
	case abort:
		err = rec.abort(ev, now)
	case pause:
		err = rec.pause(ev, now)
	case resume:
		err = rec.resume(ev, now)
	case approve:
		err = rec.approve(ev, now)
	case revoke:
		err = rec.revoke(ev, now)
	case back:
		err = rec.goBack(ev, now)
	case remove:
		err = rec.remove(ev, now)
	case cooled:
		rec.WarmUntil = time.Time{}
	case filed:
		rec.Unfiled = slices.DeleteFunc(rec.Unfiled, func(u Rollout) bool { return u.ID == ev.ID && u.Phase == ev.Phase && u.Verdict == ev.Verdict })
	default:
		panic(fmt.Sprintf("rollout: unknown event %T", ev))
	}
	if err != nil {
		return old, err
	}
	if !rec.onTrial() { // it was taken out meanwhile
		rec.conclude()
	}
	return rec, nil
}

// begin starts a rollout; advance lets it go on to where something holds it up.
func (r *Record) begin(plan Plan, policy Policy, actor module.Actor, now time.Time) {
	r.conclude()
	r.Count++
	plan.Key = fmt.Sprintf("%s-%d", r.Module, r.Count)
	r.Rollout = &Rollout{ID: plan.Key, Candidate: plan, Policy: policy, Phase: Pending,
		Verdict: module.Pending, Actor: actor, Started: now, Entered: now, Since: now}
	if r.Stable != nil {
		r.Rollout.From = r.Stable.Release
	}
	r.decide(plan.Release, module.Starting, "", now)
}

// advance lets the rollout go on where no gate holds it up.
func (r *Record) advance(now time.Time) {
	ro := r.Rollout
	if !ro.Active() || len(ro.gates(now)) > 0 {
		return
	}
	switch ro.Phase {
	case Pending:
		ro.shut()
		ro.Asks = Asks{}
		ro.enter(Starting, now)
	case Checking:
		if r.Stable == nil || ro.strategy() != gradually {
			ro.leave(now)
			ro.Step = len(ro.steps())
			r.finish(now)
			return
		}
		ro.enterStep(1, now)
	case Shifting:
		if ro.Step >= len(ro.steps()) {
			ro.leave(now)
			r.finish(now)
			return
		}
		ro.enterStep(ro.Step+1, now)
	}
}

// warm lets the candidate go on to its checks, and from there to its first traffic; a
// resumed rollout goes on with the step where it was.
func (r *Record) warm(ev warmed, now time.Time) {
	ro := r.Rollout
	if !ro.Active() || ro.Phase != Starting && ro.Phase != Warming {
		return
	}
	ro.timed("warm", ev.Took)
	ro.Resumed = 0
	if ro.Step > 0 {
		ro.enter(Shifting, now)
		ro.StepStarted = now
		return
	}
	ro.enter(Checking, now)
	r.advance(now)
}

func (r *Record) open(ev opened, now time.Time) {
	if !r.Rollout.Active() {
		return
	}
	if ev.Rehearsal != nil {
		r.Rollout.Rehearsal = ev.Rehearsal
	}
	if r.sign(signs{Signs: ev.Signs}, now); !r.Rollout.Active() {
		return
	}
	r.Rollout.pass(ev.Gate, now)
	r.Rollout.Unproven = r.Rollout.Unproven || ev.Unproven
	r.advance(now)
}

// maxSigns ends a rollout, without blame, whose signs weigh too little to ever do so.
const maxSigns = 40

// maxSign is how much of its words a sign keeps, in bytes.
const maxSign = 160

// sign notes evidence beyond requests, one after the other, until the candidate must
// go for it. What serves already is judged by the owner, who knows the way back.
func (r *Record) sign(ev signs, now time.Time) {
	ro := r.Rollout
	if _, trial := ro.onTrial(); !trial && !ro.Active() {
		return
	}
	for _, s := range ev.Signs {
		s.Message = module.Clip(Brief(s.Message), maxSign)
		ro.Signs = append(ro.Signs, s)
		if !ro.Active() {
			continue
		}
		f := analysis.Weigh(ro.Signs)
		if f.Verdict != module.Fail && len(ro.Signs) < maxSigns {
			continue
		}
		if f.Verdict != module.Fail {
			f.Reason = fmt.Sprintf("%d signs were seen, which together weigh too little to decide; the last: %s", len(ro.Signs), s.Message)
		}
		r.spoil(f.Reason, f.Verdict != module.Fail, now)
		return
	}
	if ev.Fell && ro.Phase == Checking { // what was seen was another process
		ro.Passed = slices.DeleteFunc(ro.Passed, ofProcess)
	}
}

// ofProcess tells the gates that one process has passed, and the next must as well.
func ofProcess(name string) bool { return name == atChecks || name == atRehearsal }

// spoil takes the candidate back: to quarantine, or without blame.
func (r *Record) spoil(reason string, blameless bool, now time.Time) {
	if !r.Rollout.Active() {
		return
	}
	end, state := Failed, module.Quarantined
	if r.Rollout.Step > 0 {
		end = RolledBack
	}
	if blameless {
		state = module.Failed
	}
	r.takeBack(end, state, reason, now)
}

// finish makes the candidate stable, and stable the way back. The verdict on what comes
// without steps is open until its trial ends.
func (r *Record) finish(now time.Time) {
	ro, candidate := r.Rollout, r.Rollout.Candidate
	ro.Phase, ro.Verdict, ro.Ended, ro.Paused, ro.Passed = Promoted, module.Pass, now, nil, nil
	if ro.Unproven {
		ro.Verdict = module.Unproven
	}
	if ro.untried() {
		ro.Verdict = module.Pending
		ro.freeze(full)
	}
	if r.Stable != nil {
		if ro.Condemns == r.Stable.Digest {
			r.decide(r.Stable.Release, module.Quarantined, ro.Reason, now)
			r.Previous = nil
		} else {
			r.decide(r.Stable.Release, module.Stopped, "replaced by "+candidate.String(), now)
			r.Previous = copyOf(r.Stable)
			r.WarmUntil = now.Add(span(ro.Policy.Window))
		}
	}
	r.Stable = &candidate
	r.decide(candidate.Release, module.Serving, "", now)
	r.file()
}

// takeBack ends the rollout against the candidate. A predecessor that failed to come
// back is no way back any more; one whose return was merely aborted stays one, and is
// not condemned.
func (r *Record) takeBack(end Phase, state module.ReleaseState, reason string, now time.Time) {
	ro := r.Rollout
	if r.Previous != nil && r.Previous.Digest == ro.Candidate.Digest {
		switch {
		case state != module.Quarantined:
		case end == Failed || end == RolledBack:
			r.Previous, r.WarmUntil = nil, time.Time{}
		default:
			state = module.Stopped
		}
	}
	reason = Brief(reason)
	ro.leave(now)
	ro.Phase, ro.Reason, ro.Ended, ro.Paused, ro.Passed, ro.Asks = end, reason, now, nil, nil, Asks{}
	ro.Verdict = module.Inconclusive
	if (end == Failed || end == RolledBack) && state == module.Quarantined {
		ro.Verdict = module.Fail
	}
	r.file()
	if r.Stable != nil && r.Stable.Digest == ro.Candidate.Digest {
		return // never condemn what serves
	}
	r.decide(ro.Candidate.Release, state, reason, now)
}

// conclude ends the trial of what came without steps, where nothing came of it: it is
// proven to be no worse, or not, and the history hears of it once more.
func (r *Record) conclude() {
	ro := r.Rollout
	if _, trial := ro.onTrial(); !trial {
		return
	}
	ro.Verdict = module.Pass
	if ro.Unproven = ro.Unproven || ro.Finding().Verdict != module.Pass; ro.Unproven {
		ro.Verdict = module.Unproven
	}
	r.file()
}

// condemn takes a first release that serves alone out of traffic.
func (r *Record) condemn(reason string, now time.Time) {
	ro := r.Rollout
	if _, trial := ro.onTrial(); !trial || r.Stable == nil || r.Stable.Key != ro.Candidate.Key || r.Previous != nil {
		return
	}
	r.undo(reason, now)
	r.decide(r.Stable.Release, module.Quarantined, reason, now)
	r.Stable, r.WarmUntil = nil, time.Time{}
}

// undo ends a rollout for the second time: its trial went against it.
func (r *Record) undo(reason string, now time.Time) {
	ro := r.Rollout
	ro.Phase, ro.Verdict, ro.Reason, ro.Ended = RolledBack, module.Fail, Brief(reason), now
	r.file()
}

// revive puts a rollout that the end of the host cut off where it can go on: its
// process is gone, its step and the leave that was given are kept.
func (r Record) revive() Record {
	r = r.clone()
	if ro := r.Rollout; ro.Active() && ro.Phase != Pending {
		if ro.Step > 0 && len(ro.Evidence) == 0 { // kept by a runtime that did not note it
			ro.Policy = ro.Policy.Complete()
			ro.freeze(ro.steps()[min(ro.Step, len(ro.steps()))-1])
		}
		ro.Phase = Starting
		ro.Passed = slices.DeleteFunc(ro.Passed, ofProcess)
		ro.Resumed++
	}
	r.WarmUntil = time.Time{}
	return r
}

// maxResumes is how often a rollout is taken up again without its candidate having come
// up: a candidate that ends the host each time must not do so for ever.
const maxResumes = 3
