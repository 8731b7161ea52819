package rollout

import (
	"fmt"
	"time"

	"github.com/segue-run/segue/runtime/module"
)

// did notes what an operator did to the rollout.
func (r *Record) did(verb string, actor module.Actor, reason string, now time.Time) {
	r.Rollout.Last = &Act{Verb: verb, Actor: actor, At: now, Reason: Brief(reason)}
}

// promote finishes the rollout now, whatever it still waits for: the operator's word
// stands for the evidence, the leave and the end of a freeze.
func (r *Record) promote(ev promote, now time.Time) error {
	if err := r.underWay(now); err != nil {
		return err
	}
	ro := r.Rollout
	if ro.Phase != Shifting && ro.Phase != Checking {
		hint := "try again when its probes have passed"
		if g, _ := ro.nextGate(now); g.kind == atGrant {
			hint = ro.ways() + "; promote it when its probes have passed"
		} else if ro.approvable(now) {
			hint = "`segue approve " + r.Module + "` lets it start; promote it when its probes have passed"
		}
		return &module.Error{Kind: module.Unavailable, Msg: fmt.Sprintf("%s is still %s and cannot take traffic yet", ro.Candidate.Release, ro.Phase), Hint: hint}
	}
	for _, g := range ro.gates(now) {
		ro.Unproven = ro.Unproven || g.kind == atEvidence || g.kind == atHold
	}
	ro.leave(now)
	ro.Reason = "promoted by " + ev.Actor.String()
	r.did("promote", ev.Actor, "", now)
	if ro.strategy() != gradually {
		ro.Step = len(ro.steps())
	}
	r.finish(now)
	return nil
}

// abort takes the candidate back, to quarantine.
func (r *Record) abort(ev abort, now time.Time) error {
	if err := r.underWay(now); err != nil {
		return err
	}
	r.did("abort", ev.Actor, "", now)
	r.takeBack(Aborted, module.Quarantined, "aborted by "+ev.Actor.String(), now)
	return nil
}

// pause holds the rollout where it is; it is judged all the same.
func (r *Record) pause(ev pause, now time.Time) error {
	if err := r.underWay(now); err != nil {
		return err
	}
	ro := r.Rollout
	if ro.Paused != nil {
		return &module.Error{Kind: module.Conflict, Msg: fmt.Sprintf("%s to %s is paused by %s since %s", ro.ID, ro.Candidate.Version, ro.Paused.Actor, clock(ro.Paused.At, now)),
			Hint: "`segue resume " + r.Module + "` lets it go on"}
	}
	r.did("pause", ev.Actor, ev.Reason, now)
	ro.Paused = copyOf(ro.Last)
	return nil
}

// unpause ends a pause. Nothing that goes by time has passed in it: a step has as much
// left of its hold, and an approval of its time, as when it began.
func (r *Rollout) unpause(now time.Time) {
	if paused := now.Sub(later(r.Paused.At, r.Entered)); paused > 0 {
		r.Entered = r.Entered.Add(paused)
		r.timed("paused", paused)
	}
	r.Since = r.Since.Add(max(0, now.Sub(later(r.Paused.At, r.Since))))
	r.Paused = nil
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// resume ends a pause.
func (r *Record) resume(ev resume, now time.Time) error {
	if err := r.underWay(now); err != nil {
		return err
	}
	ro := r.Rollout
	if ro.Paused == nil {
		return &module.Error{Kind: module.Conflict, Msg: fmt.Sprintf("%s to %s is not paused%s%s", ro.ID, ro.Candidate.Version, ro.lastAct(now), r.waitsFor(ro.waiting(now)))}
	}
	ro.unpause(now)
	r.did("resume", ev.Actor, "", now)
	r.advance(now)
	return nil
}

// approve opens the approval, or the freeze, that is next; or takes the operator's word
// for the evidence that a step still lacks. That must be asked for by its name, so that
// an approval that comes twice does not skip the next step's proof.
func (r *Record) approve(ev approve, now time.Time) error {
	if r.grantsServing(ev) {
		return r.grantServing(ev, now)
	}
	if err := r.underWay(now); err != nil {
		return err
	}
	ro := r.Rollout
	g, ok := ro.nextGate(now)
	if ok && g.kind == atGrant {
		return r.decideGrant(ev, now)
	}
	byName := g.kind == atEvidence && ev.Point == atEvidence && !now.Before(ro.Entered.Add(ro.hold()))
	if !ok || g.kind != atApproval && g.kind != atFreeze && !byName {
		return &module.Error{Kind: module.Conflict, Msg: fmt.Sprintf("%s to %s waits for no approval%s%s", ro.ID, ro.Candidate.Version, ro.lastAct(now), r.waitsFor(ro.waiting(now)))}
	}
	if is := g.leave(); ev.Point != "" && ev.Point != is {
		return &module.Error{Kind: module.Conflict, Field: "point", Value: ev.Point, Msg: fmt.Sprintf("is not what %s to %s waits for: that is %s%s", ro.ID, ro.Candidate.Version, is, ro.lastAct(now)),
			Hint: fmt.Sprintf("`segue approve %s %s` approves that", r.Module, is)}
	}
	r.did("approve", ev.Actor, g.name(), now)
	r.open(opened{Gate: g.name(), Unproven: byName}, now)
	return nil
}

// remove takes the module out; what is under way and what waits goes with it.
func (r *Record) remove(ev remove, now time.Time) error {
	if r.Stable == nil && !r.Rollout.Active() && r.Queued == nil {
		return &module.Error{Kind: module.NotFound, Msg: fmt.Sprintf("module %s is not active", r.Module)}
	}
	r.unqueue(ev.Reason, now)
	if r.Rollout.Active() {
		r.did("remove", ev.Actor, ev.Reason, now)
		r.takeBack(Aborted, module.Stopped, ev.Reason, now)
	}
	if r.Stable != nil {
		r.decide(r.Stable.Release, module.Stopped, ev.Reason, now)
	}
	r.Stable, r.Previous, r.WarmUntil = nil, nil, time.Time{}
	return nil
}

// goBack ends a rollout that is under way, or returns to the previous release: where
// it is warm at once, else by a rollout of its own; step by step where that is asked.
func (r *Record) goBack(ev back, now time.Time) error {
	if r.Rollout.Active() {
		end := RolledBack
		if r.Rollout.Condemns != "" { // the way back itself is called off; where it leads to is not at fault
			end = Aborted
		}
		r.did("rollback", ev.Actor, "", now)
		r.takeBack(end, module.Quarantined, ev.Reason, now)
		return nil
	}
	if r.Previous == nil || r.Stable == nil {
		return &module.Error{Kind: module.NotFound, Msg: fmt.Sprintf("module %s has no previous release to go back to", r.Module), Hint: "deploy the release you want: segue deploy FILE"}
	}
	if ev.Failed { // its promotion did not last
		r.undo(ev.Reason, now)
	}
	plan := *r.Previous
	r.begin(plan, r.Rollout.Policy, ev.Actor, now)
	ro := r.Rollout
	ro.Condemns, ro.Stepped, ro.Reason = r.Stable.Digest, ev.Stepped, Brief(ev.Reason)
	r.advance(now)
	if ev.Warm {
		ro.Candidate.Key = plan.Key // the process that still runs
		r.warm(warmed{}, now)
	}
	return nil
}
