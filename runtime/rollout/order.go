package rollout

import (
	"context"
	"fmt"
	"time"

	"github.com/segue-run/segue/runtime/module"
)

// Order is what an actor asks of one module.
type Order struct {
	Actor  module.Actor
	Module string
	// Rollout is the id of the one that the order is for: it is a Conflict, and nothing
	// happens, where that one is not under way when its turn comes. Empty for whichever
	// is.
	Rollout string
	// Point is what an Approve is for: a point, "freeze", "evidence", or "grant" or
	// "without" of permissions. It is a Conflict where something else is waited for. Empty
	// for whatever is, but for evidence and permissions.
	Point   string
	Reason  string // in the actor's words, may be empty; of Pause and Remove
	Stepped bool   // of Rollback
}

// Promote finishes the rollout under way now: the candidate gets all traffic. The
// operator's word stands for what it still waits for, be it evidence, an approval, a
// hook or the end of a freeze or a pause. It is refused until the candidate is warm.
func (e *Engine) Promote(ctx context.Context, of Order) error {
	return e.ask(ctx, "promote", of, promote{Actor: of.Actor})
}

// Abort takes the candidate back and puts it in quarantine.
func (e *Engine) Abort(ctx context.Context, of Order) error {
	return e.ask(ctx, "abort", of, abort{Actor: of.Actor})
}

// Pause holds the rollout under way where it is until Resume: nothing widens by itself.
// It is judged all the same, and may be taken back.
func (e *Engine) Pause(ctx context.Context, of Order) error {
	return e.ask(ctx, "pause", of, pause{Actor: of.Actor, Reason: of.Reason})
}

// Resume lets a paused rollout go on.
func (e *Engine) Resume(ctx context.Context, of Order) error {
	return e.ask(ctx, "resume", of, resume{Actor: of.Actor})
}

// Approve gives the approval that the rollout under way waits for, or lets it through
// the freeze, and through any other until its end. With the point "evidence" the
// operator's word stands for what a step still lacks, and the record says "unproven".
// With "grant" the module gets the permissions that the release waits for, until Revoke;
// for it the order must name the rollout, so that nothing is granted but what was shown;
// with "without" the release goes on with those that it has. Where no rollout is under way
// "grant" gives the module what its stable release asks for and was withheld, from its
// next process on; a Conflict where that is nothing.
func (e *Engine) Approve(ctx context.Context, of Order) error {
	return e.ask(ctx, "approve", of, approve{Actor: of.Actor, Point: of.Point, Rollout: of.Rollout})
}

// Revoke takes back the permissions that operators have approved for the module. It takes
// effect with each process's next start. It is a Conflict where there are none.
func (e *Engine) Revoke(ctx context.Context, of Order) error {
	return e.ask(ctx, "revoke", of, revoke{Actor: of.Actor})
}

// Rollback takes back the candidate of the rollout under way, or goes back to the
// previous release: by one change of weights while it is warm, else by starting it.
// With Stepped it comes back by the steps of the last rollout's policy, or the usual
// ones where that has none, each judged.
// What is left behind goes to quarantine.
func (e *Engine) Rollback(ctx context.Context, of Order) error {
	return e.ask(ctx, "rollback", of, back{Actor: of.Actor, Reason: "rolled back by " + of.Actor.String(), Stepped: of.Stepped})
}

// Remove takes the module out of traffic and stops it. Its releases stay known.
func (e *Engine) Remove(ctx context.Context, of Order) error {
	reason := of.Reason
	if reason == "" {
		reason = fmt.Sprintf("removed by %s", of.Actor)
	}
	return e.ask(ctx, "remove", of, remove{Actor: of.Actor, Reason: reason})
}

func (e *Engine) ask(ctx context.Context, action string, of Order, ev any) error {
	o, err := e.owner(of.Module)
	if err != nil {
		return err
	}
	return o.ask(ctx, request{event: ev, rollout: of.Rollout, audit: module.AuditRecord{Actor: of.Actor, Action: action, Target: of.Module}})
}

// meant refuses an order that is for another rollout than the one under way.
func (o *owner) meant(rollout string) error {
	if rollout == "" {
		return nil
	}
	var now *module.RolloutStatus
	if o.rec.Rollout != nil {
		now = rolloutStatus(o.rec.Rollout, time.Now())
	}
	return now.UnderWay(rollout)
}
