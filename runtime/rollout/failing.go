package rollout

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/segue-run/segue/runtime/grant"
	"github.com/segue-run/segue/runtime/module"
	"github.com/segue-run/segue/runtime/policy"
)

// couldNotStart ends the rollout of a candidate; a release that serves is tried
// again after a pause, or gives way to its predecessor.
func (o *owner) couldNotStart(ctx context.Context, p *process, err error) {
	if ctx.Err() != nil {
		return
	}
	if o.isCandidate(p) {
		_ = o.decide(ctx, spoiled{Reason: err.Error() + o.lacked(p), Blameless: unasked(err) || p.inst == nil && !Blames(err)}, nil)
		return
	}
	o.tell(module.Event{Type: module.ModuleFailing, Version: p.plan.Version, Digest: p.plan.Digest, Instance: p.id, Reason: err.Error(), Message: fmt.Sprintf("%s could not be started: %v", p.plan.Release, err)}, nil)
	o.bootOver()
	o.stumbled(ctx, p, policy.Crash, err.Error())
}

// lacked says what a process was started without though it asks for it, " (withheld:
// read /etc/hostname)"; empty for nothing.
func (o *owner) lacked(p *process) string {
	withheld := grant.Missing(p.plan.Asked, grant.Union(o.configured(), p.plan.Granted))
	if none(withheld) {
		return ""
	}
	return " (withheld: " + listed(withheld) + ")"
}

// Blames reports whether a failed start is the release's own fault. What the host could
// not do (find the artifact, set a limit, get a process) is not.
func Blames(err error) bool {
	switch module.KindOf(err) {
	case module.Invalid, module.Timeout, module.Conflict:
		return true
	}
	return false
}

// lost deals with a process that ended by itself.
func (o *owner) lost(ctx context.Context, p *process) {
	if o.running[p.plan.Key] != p {
		return
	}
	kind, reason := diedOf(p.inst.Cause()), "crashed: "+p.inst.Exit()
	if kind == policy.Quota {
		reason = "was ended: " + p.inst.Exit()
	}
	o.observe()
	delete(o.running, p.plan.Key)
	defer o.retire(p) // once it has no traffic any more
	o.tell(module.Event{Type: module.InstanceCrashed, Version: p.plan.Version, Digest: p.plan.Digest, Instance: p.id, Reason: p.inst.Exit(), Message: fmt.Sprintf("%s %s", p.plan.Release, reason)}, nil)
	switch {
	case o.isCandidate(p):
		o.fell(ctx, p, kind, reason)
	case o.rec.Stable != nil && o.rec.Stable.Key == p.plan.Key:
		o.stumbled(ctx, p, kind, reason)
	}
}

// sickened deals with a process whose probes fail.
func (o *owner) sickened(ctx context.Context, m unwell) {
	if o.running[m.p.plan.Key] != m.p {
		return
	}
	if errors.Is(m.err, ErrLoop) {
		o.looped(ctx, m.p, m.err.Error())
		return
	}
	reason := fmt.Sprintf("failed %d probes in a row: %v", m.p.plan.Health.Failures, m.err)
	o.tell(module.Event{Type: module.InstanceUnwell, Version: m.p.plan.Version, Digest: m.p.plan.Digest, Instance: m.p.id, Reason: m.err.Error(), Message: fmt.Sprintf("%s %s", m.p.plan.Release, reason)}, nil)
	switch {
	case o.isCandidate(m.p):
		o.observe()
		delete(o.running, m.p.plan.Key)
		defer o.retire(m.p) // once it has no traffic any more
		o.fell(ctx, m.p, policy.Probes, reason)
	case o.rec.Stable != nil && o.rec.Stable.Key == m.p.plan.Key:
		m.p.unwell = true // it serves until another process can take over
		o.stumbled(ctx, m.p, policy.Probes, reason)
	default:
		_ = o.decide(ctx, cooled{}, nil)
	}
}

// looped deals with a settled process whose members fall in a loop: stable gives way to
// its predecessor. Where there is none the others serve on.
func (o *owner) looped(ctx context.Context, p *process, reason string) {
	o.tell(module.Event{Type: module.InstanceUnwell, Version: p.plan.Version, Digest: p.plan.Digest, Instance: p.id, Reason: reason, Message: fmt.Sprintf("%s %s", p.plan.Release, reason)}, nil)
	switch {
	case keyOf(o.rec.Stable) != p.plan.Key:
		_ = o.decide(ctx, cooled{}, nil)
	case o.rec.Previous != nil && !o.rec.Rollout.Active():
		o.giveWay(ctx, reason)
	}
}

// settle tells what serves that it has stood its trial: with nothing to go back to there
// is none.
func (o *owner) settle() {
	if p := o.running[keyOf(o.rec.Stable)]; p != nil && (o.rec.Previous == nil || !o.rec.onTrial()) {
		p.inst.Settle()
	}
}

// stumbled lets a stable release that crashed, fails its probes or does not start
// try again after a pause; in a loop, or where the signs weigh enough soon after it got
// all traffic at once, it gives way to its predecessor.
func (o *owner) stumbled(ctx context.Context, p *process, kind policy.Sign, reason string) {
	loops := o.backoffOf(p.plan.Key).fell(p, time.Now(), reason)
	if o.rec.Previous != nil && !o.rec.Rollout.Active() {
		if loops {
			o.giveWay(ctx, loop(reason))
			return
		}
		if o.onTrial() && o.stumbledOnTrial(ctx, kind, reason) {
			return
		}
	}
	o.follow(ctx, desired(o.rec, time.Now()), o.rec)
}

// giveWay returns to the previous release without being asked.
func (o *owner) giveWay(ctx context.Context, reason string) {
	stable := o.rec.Stable.Release
	if o.decide(ctx, back{Actor: module.Self, Reason: reason, Warm: o.running[o.rec.Previous.Key] != nil, Failed: o.onTrial()}, nil) != nil {
		return // what serves is kept up; decide has seen to it
	}
	o.cfg.Log.Note(module.AuditRecord{Actor: module.Self, Action: "rollback", Target: stable.String(), Digest: stable.Digest, Outcome: "accepted", Reason: reason})
}
