package rollout

import (
	"fmt"
	"slices"
	"time"

	"github.com/segue-run/segue/runtime/module"
	"github.com/segue-run/segue/runtime/policy"
)

// ErrUnchanged is the refusal of an offer that asks for what is already so.
var ErrUnchanged = &module.Error{Kind: module.Conflict, Msg: "nothing to do: this release already serves or is on its way"}

// offer begins a rollout, after ending one that is under way; or lets it wait for the
// end of that one, where the offered policy says so.
func (r *Record) offer(ev offered, now time.Time) error {
	if r.Queued != nil && r.Queued.Plan.Digest == ev.Plan.Digest {
		return ErrUnchanged
	}
	if err := r.refusal(ev); err != nil {
		return err
	}
	if q := r.Queued; q != nil {
		ev.Displaced = append(ev.Displaced, module.Displaced{Version: q.Plan.Version, Since: q.Since})
	}
	r.unqueue("superseded by "+ev.Plan.Release.String(), now)
	if r.Rollout.Active() && ev.Policy.OnNew == policy.Queue {
		waits := Queued(ev)
		waits.Since = now
		r.Queued = &waits
		return nil
	}
	r.take(ev, now)
	return nil
}

// brings is the rollout that brought, or brings, an offered release; a stand-in where it
// waits for its turn, or where others have come and gone since.
func (v *view) brings(of Offer) module.RolloutStatus {
	rel, now := of.Plan.Release, time.Now()
	if q := v.rec.Queued; q != nil && q.Plan.Digest == rel.Digest {
		s := *rolloutStatus(&Rollout{Candidate: q.Plan, Policy: q.Policy, Phase: Pending, Verdict: module.Pending, Actor: q.Actor, Started: q.Since}, now)
		s.Waiting = &module.Waiting{For: module.ForQueue, Since: q.Since, Message: "another rollout must end first; then it begins by itself"}
		if ro := v.rec.Rollout; ro != nil {
			s.Waiting.Message = fmt.Sprintf("the rollout to %s must end first; then it begins by itself", ro.Candidate.Version)
		}
		s.Displaced = q.Displaced
		return s
	}
	if ro := v.rec.Rollout; ro != nil && ro.Candidate.Digest == rel.Digest {
		return *v.read().Rollout
	}
	gone := &Rollout{Candidate: of.Plan, Policy: of.Policy, Phase: Promoted, Verdict: module.Pass, Reason: "it serves already", Actor: of.Actor, Started: now, Ended: now}
	if !v.rec.serves(rel.Digest) {
		gone.Phase, gone.Verdict, gone.Reason = Superseded, module.Inconclusive, "another offer has taken its place"
	}
	return *rolloutStatus(gone, now)
}

// refusal says why an offer cannot be taken; nil if it can.
func (r *Record) refusal(ev offered) error {
	rel := ev.Plan.Release
	if r.Rollout.Active() && r.Rollout.Candidate.Digest == rel.Digest || !r.Rollout.Active() && r.serves(rel.Digest) {
		return ErrUnchanged
	}
	if d := r.decision(rel.Digest); d != nil && d.State == module.Quarantined && !ev.Force {
		return &module.Error{Kind: module.Conflict, Field: "digest", Value: rel.Digest.Short(),
			Msg:  fmt.Sprintf("%s is in quarantine since %s: %s", rel, d.At.UTC().Format(time.RFC3339), d.Reason),
			Hint: "build it anew with another version, or lift the quarantine with `segue deploy --force FILE`"}
	}
	if taken := r.takenVersion(rel); taken != "" {
		return &module.Error{Kind: module.Conflict, Field: "version", Value: rel.Version,
			Msg:  fmt.Sprintf("%s is already known with other bytes (%s, not %s); a release is immutable", rel, taken.Short(), rel.Digest.Short()),
			Hint: "raise the version in the manifest"}
	}
	return nil
}

// takenVersion is the digest under which the version served or is on its way, if
// it is another than the offered one.
func (r *Record) takenVersion(rel module.Release) module.Digest {
	if r.Rollout.Active() && r.Rollout.Candidate.Version == rel.Version && r.Rollout.Candidate.Digest != rel.Digest {
		return r.Rollout.Candidate.Digest
	}
	for _, d := range r.Decisions {
		if d.Version == rel.Version && d.Digest != rel.Digest && d.Served {
			return d.Digest
		}
	}
	return ""
}

func (r *Record) serves(d module.Digest) bool { return r.Stable != nil && r.Stable.Digest == d }

// take begins the rollout of an offer that is not refused.
func (r *Record) take(ev offered, now time.Time) {
	if ro := r.Rollout; ro.Active() {
		ev.Displaced = append(slices.Clone(ev.Displaced), module.Displaced{Rollout: ro.ID, Version: ro.Candidate.Version, Since: ro.Started})
		r.takeBack(Superseded, module.Stopped, "superseded by "+ev.Plan.Release.String(), now)
	}
	if r.serves(ev.Plan.Digest) { // the latest offer wins: back to what serves
		return
	}
	r.begin(ev.Plan, ev.Policy, ev.Actor, now)
	r.Rollout.Phases, r.Rollout.Source, r.Rollout.Displaced = ev.Phases, ev.Source, ev.Displaced
	r.Rollout.Asks.Configured = ev.Configured
	r.findAsks()
	r.advance(now)
}

// dequeue begins with what waits, once nothing is under way. What became impossible
// meanwhile is dropped.
func (r *Record) dequeue(now time.Time) {
	if r.Queued == nil || r.Rollout.Active() {
		return
	}
	waits := offered(*r.Queued)
	if err := r.refusal(waits); err != nil {
		r.unqueue(err.Error(), now)
		return
	}
	r.Queued = nil
	r.take(waits, now)
}

// unqueue drops what waits. Of a release that something else is known of, that stays
// known.
func (r *Record) unqueue(reason string, now time.Time) {
	if r.Queued == nil {
		return
	}
	rel := r.Queued.Plan.Release
	r.Queued = nil
	if d := r.decision(rel.Digest); r.uses(rel.Digest) || d != nil && d.State == module.Quarantined {
		return
	}
	r.decide(rel, module.Stopped, reason, now)
}
