package rollout

import (
	"context"
	"fmt"
	"time"

	"github.com/segue-run/segue/runtime/module"
)

// attend sees to what the rollout waits for, and to what waits for its end. It never
// blocks. The loop calls it whenever something has happened. All of it goes by one look
// at the clock, so that what was too early for goOn is later than now for alarm.
func (o *owner) attend(ctx context.Context) {
	now := time.Now()
	for ctx.Err() == nil && o.goOn(ctx, now) {
	}
	o.aim()
	o.settle()
	o.tellWaiting(now)
	o.fileNext(ctx, now)
	o.alarm(now)
}

// goOn does the next thing that can be done now; it reports whether the record has
// changed, so that there may be more.
func (o *owner) goOn(ctx context.Context, now time.Time) bool {
	ro := o.rec.Rollout
	if !ro.Active() {
		o.callOff("")
		return o.endTrial(ctx, now) || o.dequeue(ctx, now)
	}
	g, waits := ro.nextGate(now)
	if !waits {
		o.callOff("")
		if ro.Paused != nil || ro.Phase == Starting || ro.Phase == Warming || ro.Phase != Pending && !o.fit() {
			return false
		}
		_ = o.decide(ctx, elapsed{}, nil)
		return true
	}
	o.callOff(o.errandOf(g))
	if ro.Paused != nil {
		return false
	}
	switch g.kind {
	case atHook, atChecks, atRehearsal:
		o.send(ctx, g)
	case atApproval, atGrant:
		if until := ro.ends(g, now); !until.IsZero() && !now.Before(until) {
			what := "approved (" + words(g.point) + ")"
			if g.kind == atGrant {
				what = "decided on what it asks for"
			}
			_ = o.decide(ctx, spoiled{Reason: fmt.Sprintf("nobody %s within %s", what, span(ro.Policy.ApprovalTimeout)), Blameless: true}, nil)
			return true
		}
	case atHold:
		if !now.Before(ro.ends(g, now)) && o.fit() {
			o.observe()
			if o.lookOut(ctx, true); o.rec.Rollout.Active() {
				mirrored := o.rec.Rollout.Mirror != nil || share(ro.Policy.Mirror.Share) == 0
				_ = o.decide(ctx, opened{Gate: g.name(), Unproven: !mirrored}, nil)
			}
			return true
		}
	case atEvidence:
		return o.weighStep(ctx, now)
	}
	return false
}

// again is how long what could not be done waits for its next try.
const again = time.Second

// dequeue begins with what waits for the end of the rollout, and of its trial.
func (o *owner) dequeue(ctx context.Context, now time.Time) bool {
	if o.rec.Queued == nil || o.onTrial() || now.Before(o.dequeueAt) {
		return false
	}
	if err := o.decide(ctx, dequeue{}, nil); err != nil && o.rec.Queued != nil {
		o.dequeueAt = now.Add(again)
		return false
	}
	return true
}

// alarm sets the timers for what happens by itself after now. What was due at now has
// been seen to, or waits for something else.
func (o *owner) alarm(now time.Time) {
	var at time.Time
	sooner := func(t time.Time) {
		if t.After(now) && (at.IsZero() || t.Before(at)) {
			at = t
		}
	}
	ro := o.rec.Rollout
	if ro.Active() {
		if gates := ro.gates(now); len(gates) > 0 {
			sooner(ro.ends(gates[0], now))
		}
	} else if until, trial := ro.onTrial(); trial {
		sooner(until)
	}
	if o.rec.Queued != nil {
		sooner(o.dequeueAt)
	}
	if len(o.rec.Unfiled) > 0 {
		sooner(o.fileAt)
	}
	if at.IsZero() {
		o.wake.Stop()
	} else {
		o.wake.Reset(time.Until(at)) // at once where that has passed meanwhile
	}
	if candidate, _ := o.sides(); candidate == nil {
		o.look.Stop()
		o.looking = false
	} else if !o.looking {
		o.looking = true
		o.look.Reset(o.pace())
	}
}

// pace is how soon the judge looks though no request ends: soon enough to see one that
// is overdue, and less often while nothing happens.
func (o *owner) pace() time.Duration {
	const least, most = 5 * time.Millisecond, 250 * time.Millisecond
	if !o.judged() {
		return most
	}
	return min(max(o.rec.Rollout.SlowAbove/4, least)<<min(o.ledger.quiet, 8), most)
}

// tellWaiting tells what the rollout waits for, once.
func (o *owner) tellWaiting(now time.Time) {
	ro := o.rec.Rollout
	w := ro.waiting(now)
	key := ""
	if w != nil && w.For != atPause && w.For != atHold {
		key = fmt.Sprint(ro.ID, ro.Phase, ro.Step, w.For, w.Point)
	}
	if key == o.waits {
		return
	}
	before, approved := o.waits, o.approved
	o.waits, o.approved = key, ""
	switch {
	case key != "":
		o.tell(module.Event{Type: module.RolloutWaiting, Reason: w.Message, Message: fmt.Sprintf("%s waits (%s): %s", ro.Candidate.Release, w.For, w.Message)}, &o.rec)
	case before != "" && ro.Active() && ro.Paused == nil:
		ev := module.Event{Type: module.RolloutContinued, Message: fmt.Sprintf("%s goes on", ro.Candidate.Release)}
		if approved != "" {
			ev.Actor, ev.Message = ro.Last.Actor.String(), ev.Message+": "+approved
		}
		o.tell(ev, &o.rec)
	}
}
