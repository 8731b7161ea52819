package rollout

import (
	"cmp"
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/segue-run/segue/runtime/module"
	"github.com/segue-run/segue/runtime/policy"
	"go.uber.org/zap"
)

// tell emits an event of the module; with a record it names the record's rollout.
func (o *owner) tell(ev module.Event, rec *Record) {
	ev.Module, ev.Time = o.name, time.Now()
	if rec != nil && rec.Rollout != nil {
		ro := rec.Rollout
		ev.Rollout, ev.Version, ev.Digest = ro.ID, ro.Candidate.Version, ro.Candidate.Digest
		if ev.Actor == "" {
			ev.Actor = ro.Actor.String()
		}
	}
	o.cfg.Log.Emit(ev)
}

// tellChange tells what a decision changed, and audits what nobody asked for.
func (o *owner) tellChange(old, rec Record) {
	before, after := old.Rollout, rec.Rollout
	if before.Active() && after.ID != before.ID {
		for _, past := range rec.Unfiled {
			if past.ID == before.ID {
				o.tellEnd(Record{Module: rec.Module, Rollout: &past, Stable: rec.Stable})
			}
		}
		before = nil
	}
	o.tellQueue(old, rec)
	fresh := after != nil && (before == nil || before.ID != after.ID)
	if fresh && after.Source != "" {
		o.tell(module.Event{Type: module.OfferAccepted, File: after.Source, Message: fmt.Sprintf("%s from %s is accepted (%s)", after.Candidate.Release, after.Source, after.Candidate.Digest.Short())}, &rec)
	}
	if fresh {
		o.tell(module.Event{Type: module.RolloutStarting, Message: fmt.Sprintf("rollout %s: %s", after.ID, route(after))}, &rec)
	}
	if after != nil && !fresh {
		o.tellProgress(before, rec)
	}
	if after != nil && !fresh && before.Verdict == module.Pending && after.Phase == Promoted && before.Phase == Promoted && after.Verdict != module.Pending {
		o.tell(module.Event{Type: module.RolloutTried, Reason: after.lacked(), Message: fmt.Sprintf("%s has stood its trial: %s", after.Candidate.Release, after.Verdict)}, &rec)
	}
	if after != nil && (fresh || before.Phase != after.Phase || before.Step != after.Step) {
		o.tellPhase(rec)
	}
	if old.Stable != nil && rec.Stable == nil {
		o.tell(module.Event{Type: module.ModuleDeactivated, Version: old.Stable.Version, Digest: old.Stable.Digest, Reason: rec.reasonFor(old.Stable.Digest), Message: fmt.Sprintf("module %s is inactive: %s", rec.Module, rec.reasonFor(old.Stable.Digest))}, nil)
	}
	if after != nil && !after.Active() && (fresh || before.Phase != after.Phase) {
		for _, digest := range []module.Digest{after.Candidate.Digest, after.Condemns} {
			if d := rec.decision(digest); d != nil && d.State == module.Quarantined {
				// The decision has the reason cut short, the rollout that has just ended whole.
				o.tell(module.Event{Type: module.ReleaseQuarantine, Rollout: after.ID, Version: d.Version, Digest: d.Digest, Reason: cmp.Or(after.Reason, d.Reason),
					Message: fmt.Sprintf("%s@%s is in quarantine until its bytes change or `segue deploy --force`", rec.Module, d.Version)}, nil)
			}
		}
	}
}

// tellQueue tells what waits now, and what does not any more.
func (o *owner) tellQueue(old, rec Record) {
	was, is := old.Queued, rec.Queued
	if was != nil && (is == nil || is.Plan.Digest != was.Plan.Digest) && (rec.Count == old.Count || rec.Rollout.Candidate.Digest != was.Plan.Digest) {
		reason, typ := rec.reasonFor(was.Plan.Digest), module.OfferSuperseded
		if err := old.refusal(offered(*was)); err != nil && is == nil {
			reason, typ = err.Error(), module.OfferRefused
		}
		o.tell(module.Event{Type: typ, File: was.Source, Version: was.Plan.Version, Digest: was.Plan.Digest, Actor: was.Actor.String(), Reason: reason,
			Message: fmt.Sprintf("%s does not wait any more: %s", was.Plan.Release, reason)}, nil)
	}
	if is != nil && (was == nil || is.Plan.Digest != was.Plan.Digest) {
		o.tell(module.Event{Type: module.RolloutQueued, File: is.Source, Version: is.Plan.Version, Digest: is.Plan.Digest, Actor: is.Actor.String(),
			Message: fmt.Sprintf("%s waits for the end of %s", is.Plan.Release, rec.Rollout.ID)}, nil)
	}
}

// tellProgress tells what happened to a rollout where it stands.
func (o *owner) tellProgress(before *Rollout, rec Record) {
	after := rec.Rollout
	for _, s := range after.Signs[min(len(before.Signs), len(after.Signs)):] {
		o.tell(module.Event{Type: module.RolloutSign, Reason: s.Message, Message: fmt.Sprintf("%s: %s, which weighs %s", after.Candidate.Release, s.Message, s.Weight)}, &rec)
	}
	if last := after.Last; last != nil && last.Verb == "approve" && (before.Last == nil || !before.Last.At.Equal(last.At)) {
		o.approved = approvedBy(last, before)
	}
	switch {
	case before.Paused == nil && after.Paused != nil:
		o.tell(module.Event{Type: module.RolloutPaused, Actor: after.Paused.Actor.String(), Reason: after.Paused.Reason, Message: fmt.Sprintf("%s is paused by %s; `segue resume %s` lets it go on", after.Candidate.Release, after.Paused.Actor, rec.Module)}, &rec)
	case before.Paused != nil && after.Paused == nil && after.Active():
		o.tell(module.Event{Type: module.RolloutContinued, Actor: after.Last.Actor.String(), Message: fmt.Sprintf("%s goes on, by %s", after.Candidate.Release, after.Last.Actor)}, &rec)
	}
}

// approvedBy says who let the rollout go on, and with what.
func approvedBy(a *Act, before *Rollout) string {
	what := "approved " + words(policy.Point(strings.TrimPrefix(a.Reason, atApproval+":")))
	switch a.Reason {
	case toGrant:
		what = "granted " + listed(before.Asks.Lacks)
	case toWithout:
		what = "lets it go on without " + listed(before.Asks.Lacks)
	}
	return a.Actor.String() + " " + what
}

func (o *owner) tellPhase(rec Record) {
	ro := rec.Rollout
	switch ro.Phase {
	case Pending, Starting, Checking:
	case Warming:
		o.tell(module.Event{Type: module.RolloutWarming, Message: fmt.Sprintf("%s is up; its probes must pass", ro.Candidate.Release)}, &rec)
	case Shifting:
		weight, why := int(ro.Weight()), ""
		if n := len(ro.Doubts); n > 0 {
			why = ro.Doubts[n-1]
		}
		o.tell(module.Event{Type: module.RolloutStep, Weight: &weight, Reason: why, Message: fmt.Sprintf("%s has %s of the traffic (step %d of %d, hold %s)", ro.Candidate.Release, ro.Weight(), ro.Step, len(ro.steps()), ro.hold())}, &rec)
	default:
		o.tellEnd(rec)
	}
}

func (o *owner) tellEnd(rec Record) {
	ro := rec.Rollout
	ev := module.Event{Reason: ro.Reason}
	action := ""
	switch ro.Phase {
	case Promoted:
		weight := 10000
		ev.Type, ev.Weight = module.RolloutPromoted, &weight
		ev.Message = fmt.Sprintf("%s is stable and has all the traffic", ro.Candidate.Release)
		action = "promote"
	case Failed:
		ev.Type = module.RolloutFailed
		ev.Message = fmt.Sprintf("%s was taken back before it had traffic: %s", ro.Candidate.Release, ro.Reason)
		action = "fail"
	case RolledBack:
		ev.Type = module.RolloutRolledBack
		ev.Message = fmt.Sprintf("%s was taken back: %s", ro.Candidate.Release, ro.Reason)
		action = "rollback"
	case Superseded:
		ev.Type = module.RolloutAborted
		ev.Message = fmt.Sprintf("%s gave way: %s", ro.Candidate.Release, ro.Reason)
	default:
		ev.Type = module.RolloutAborted
		ev.Message = fmt.Sprintf("%s was taken back: %s", ro.Candidate.Release, ro.Reason)
	}
	o.tell(ev, &rec)
	if action == "promote" && ro.Reason != "" {
		return // an actor's word, which has its record already
	}
	if action != "" {
		o.cfg.Log.Note(module.AuditRecord{Actor: module.Self, Action: action, Target: ro.Candidate.Release.String(), Digest: ro.Candidate.Digest, Outcome: "accepted", Reason: ro.Reason})
	}
}

// audit writes a record of a change that is made already, or was refused: a log
// that cannot be written is told, but does not undo the change.
func (o *owner) audit(ctx context.Context, rec module.AuditRecord) {
	if err := o.cfg.Log.Audit(context.WithoutCancel(ctx), rec); err != nil {
		o.log.Error("audit record could not be written", zap.String("action", rec.Action), zap.String("target", rec.Target), zap.Stringer("actor", rec.Actor), zap.Error(err))
	}
}

func (r *Record) reasonFor(d module.Digest) string {
	if known := r.decision(d); known != nil {
		return known.Reason
	}
	return ""
}

func route(ro *Rollout) string {
	if ro.From.IsZero() {
		return fmt.Sprintf("%s, the first release", ro.Candidate.Release)
	}
	return fmt.Sprintf("%s → %s, %s", ro.From, ro.Candidate.Release, ro.strategy())
}
