package rollout

import (
	"fmt"
	"strings"
	"time"
	"unicode"

	"github.com/segue-run/segue/runtime/module"
	"github.com/segue-run/segue/sdk/manifest"
)

// The events a record can meet. Each says when it happened; those that an actor
// caused say who.
type (
	// offered: a validated release wants in.
	offered struct {
		Plan   Plan // without Key
		Policy Policy
		Actor  module.Actor
		Source string
		Force  bool // lifts a quarantine
		Phases []module.PhaseTime
	}
	// started, warmed: the candidate's process is up; its probes passed.
	started struct{ Phases []module.PhaseTime }
	warmed  struct{ Took time.Duration }
	// held: the step's hold has passed without a failing verdict.
	held struct{}
	// spoiled: the candidate must go: it did not start, its probes fail, it
	// crashed, or the verdict is against it.
	spoiled struct {
		Reason string
		// Blameless: it was the host's failure, or the machine's; the release may be
		// tried again as it is.
		Blameless bool
	}
	// promote, abort, back, remove: an actor's verbs. For back, Warm says that
	// the previous release still runs.
	promote struct{ Actor module.Actor }
	abort   struct{ Actor module.Actor }
	back    struct {
		Actor  module.Actor
		Reason string
		Warm   bool
	}
	remove struct {
		Actor  module.Actor
		Reason string
	}
	// cooled: the rollback window has passed.
	cooled struct{}
)

// ErrUnchanged is the refusal of an offer that asks for what is already so.
var ErrUnchanged = &module.Error{Kind: module.Conflict, Msg: "nothing to do: this release already serves or is on its way"}

// next is the transition of a record: pure, total, and the only place where a
// decision is made. It returns the record as it will be; or a refusal, and then
// nothing has changed.
func next(old Record, ev any, now time.Time) (Record, error) {
	rec := old.clone()
	switch ev := ev.(type) {
	case offered:
		return rec.offer(ev, now)
	case started:
		if rec.Rollout.Active() && rec.Rollout.Phase == Starting {
			rec.Rollout.Phase = Warming
			rec.Rollout.Phases = append(rec.Rollout.Phases, ev.Phases...)
		}
		return rec, nil
	case warmed:
		return rec.warm(ev, now), nil
	case held:
		return rec.step(now), nil
	case spoiled:
		if !rec.Rollout.Active() {
			return rec, nil
		}
		end, state := Failed, module.Quarantined
		if rec.Rollout.Step > 0 {
			end = RolledBack
		}
		if ev.Blameless {
			state = module.Failed
		}
		rec.takeBack(end, state, ev.Reason, now)
		return rec, nil
	case promote:
		if !rec.Rollout.Active() {
			return old, noRollout(rec.Module)
		}
		if rec.Rollout.Phase != Shifting {
			return old, &module.Error{Kind: module.Unavailable, Msg: fmt.Sprintf("%s is still %s and cannot take traffic yet", rec.Rollout.Candidate.Release, rec.Rollout.Phase), Hint: "try again when its probes have passed"}
		}
		rec.Rollout.Reason = "promoted by " + ev.Actor.String()
		rec.finish(now)
		return rec, nil
	case abort:
		if !rec.Rollout.Active() {
			return old, noRollout(rec.Module)
		}
		rec.takeBack(Aborted, module.Quarantined, "aborted by "+ev.Actor.String(), now)
		return rec, nil
	case back:
		return rec.goBack(ev, now)
	case remove:
		if rec.Stable == nil && !rec.Rollout.Active() {
			return old, &module.Error{Kind: module.NotFound, Msg: fmt.Sprintf("module %s is not active", rec.Module)}
		}
		if rec.Rollout.Active() {
			rec.takeBack(Aborted, module.Stopped, ev.Reason, now)
		}
		if rec.Stable != nil {
			rec.decide(rec.Stable.Release, module.Stopped, ev.Reason, now)
		}
		rec.Stable, rec.Previous, rec.WarmUntil = nil, nil, time.Time{}
		return rec, nil
	case cooled:
		rec.WarmUntil = time.Time{}
		return rec, nil
	}
	panic(fmt.Sprintf("rollout: unknown event %T", ev))
}

// offer begins a rollout, after ending one that is under way.
func (r Record) offer(ev offered, now time.Time) (Record, error) {
	rel := ev.Plan.Release
	if r.Rollout.Active() && r.Rollout.Candidate.Digest == rel.Digest {
		return r, ErrUnchanged
	}
	isStable := r.Stable != nil && r.Stable.Digest == rel.Digest
	if isStable && !r.Rollout.Active() {
		return r, ErrUnchanged
	}
	if d := r.decision(rel.Digest); d != nil && d.State == module.Quarantined && !ev.Force {
		return r, &module.Error{Kind: module.Conflict, Field: "digest", Value: rel.Digest.Short(),
			Msg:  fmt.Sprintf("%s is in quarantine since %s: %s", rel, d.At.UTC().Format(time.RFC3339), d.Reason),
			Hint: "build it anew with another version, or lift the quarantine with `segue deploy --force FILE`"}
	}
	if taken := r.takenVersion(rel); taken != "" {
		return r, &module.Error{Kind: module.Conflict, Field: "version", Value: rel.Version,
			Msg:  fmt.Sprintf("%s is already known with other bytes (%s, not %s); a release is immutable", rel, taken.Short(), rel.Digest.Short()),
			Hint: "raise the version in the manifest"}
	}
	if r.Rollout.Active() {
		r.takeBack(Superseded, module.Stopped, "superseded by "+rel.String(), now)
	}
	if isStable { // the latest offer wins: back to what serves
		return r, nil
	}
	r.begin(ev.Plan, ev.Policy, ev.Actor, now)
	r.Rollout.Phases, r.Rollout.Source = ev.Phases, ev.Source
	return r, nil
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

func (r *Record) begin(plan Plan, policy Policy, actor module.Actor, now time.Time) {
	r.Count++
	plan.Key = fmt.Sprintf("%s-%d", r.Module, r.Count)
	r.Rollout = &Rollout{ID: plan.Key, Candidate: plan, Policy: policy, Phase: Starting,
		Verdict: module.Pending, Actor: actor, Started: now}
	if r.Stable != nil {
		r.Rollout.From = r.Stable.Release
	}
	r.decide(plan.Release, module.Starting, "", now)
}

// warm gives the candidate its first traffic: all of it where there is nobody to
// share it with or nothing to wait for.
func (r Record) warm(ev warmed, now time.Time) Record {
	if !r.Rollout.Active() || r.Rollout.Phase == Shifting {
		return r
	}
	r.Rollout.timed("warm", ev.Took)
	r.Rollout.Resumed = 0
	if r.Stable == nil || r.Rollout.Policy.Strategy == manifest.Instant {
		r.Rollout.Step = len(r.Rollout.Policy.Steps)
		r.finish(now)
		return r
	}
	r.Rollout.Phase = Shifting
	r.Rollout.Step = max(r.Rollout.Step, 1) // a resumed rollout goes on where it was
	r.Rollout.StepStarted = now
	return r
}

func (r Record) step(now time.Time) Record {
	if !r.Rollout.Active() || r.Rollout.Phase != Shifting {
		return r
	}
	r.Rollout.timed(fmt.Sprintf("step %d", r.Rollout.Step), now.Sub(r.Rollout.StepStarted))
	if r.Rollout.Step >= len(r.Rollout.Policy.Steps) {
		r.finish(now)
		return r
	}
	r.Rollout.Step++
	r.Rollout.StepStarted = now
	return r
}

// finish makes the candidate stable, and stable the way back.
func (r *Record) finish(now time.Time) {
	candidate := r.Rollout.Candidate
	r.Rollout.Phase, r.Rollout.Verdict, r.Rollout.Ended = Promoted, module.Pass, now
	if r.Stable != nil {
		if r.Rollout.Condemns == r.Stable.Digest {
			r.decide(r.Stable.Release, module.Quarantined, r.Rollout.Reason, now)
			r.Previous = nil
		} else {
			r.decide(r.Stable.Release, module.Stopped, "replaced by "+candidate.String(), now)
			r.Previous = copyOf(r.Stable)
			r.WarmUntil = now.Add(r.Rollout.Policy.Window.Std())
		}
	}
	r.Stable = &candidate
	r.decide(candidate.Release, module.Serving, "", now)
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
	reason = brief(reason)
	ro.Phase, ro.Reason, ro.Ended = end, reason, now
	if end == Failed || end == RolledBack {
		ro.Verdict = module.Fail
	}
	if r.Stable != nil && r.Stable.Digest == ro.Candidate.Digest {
		return // never condemn what serves
	}
	r.decide(ro.Candidate.Release, state, reason, now)
}

// goBack ends a rollout that is under way, or returns to the previous release: at
// once where it is warm, by an instant rollout of its own where it is cold.
func (r Record) goBack(ev back, now time.Time) (Record, error) {
	if r.Rollout.Active() {
		r.takeBack(RolledBack, module.Quarantined, ev.Reason, now)
		return r, nil
	}
	if r.Previous == nil || r.Stable == nil {
		return r, &module.Error{Kind: module.NotFound, Msg: fmt.Sprintf("module %s has no previous release to go back to", r.Module), Hint: "deploy the release you want: segue deploy FILE"}
	}
	plan := *r.Previous
	policy := r.Rollout.Policy
	policy.Strategy, policy.Steps = manifest.Instant, []manifest.Weight{manifest.Full}
	key := plan.Key
	r.begin(plan, policy, ev.Actor, now)
	r.Rollout.Condemns = r.Stable.Digest
	r.Rollout.Reason = brief(ev.Reason)
	if ev.Warm {
		r.Rollout.Candidate.Key = key // the process that still runs
		r.Rollout.Step = 1
		r.finish(now)
	}
	return r, nil
}

// resume puts a rollout that the end of the host cut off where it can go on: its
// process is gone, its step is kept.
func (r Record) resume() Record {
	r = r.clone()
	if r.Rollout.Active() {
		r.Rollout.Phase = Starting
		r.Rollout.Resumed++
	}
	r.WarmUntil = time.Time{}
	return r
}

// maxResumes is how often a rollout is taken up again without its candidate having come
// up: a candidate that ends the host each time must not do so for ever.
const maxResumes = 3

// brief cuts a reason to what a record can carry two hundred times, in one line.
func brief(reason string) string {
	const most = 500
	reason = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || r == '\u2028' || r == '\u2029' {
			return ' '
		}
		return r
	}, reason)
	if len(reason) <= most {
		return reason
	}
	return strings.ToValidUTF8(reason[:most], "") + "…"
}

func (r *Rollout) timed(name string, took time.Duration) {
	r.Phases = append(r.Phases, module.PhaseTime{Name: name, Micros: took.Microseconds()})
}

func noRollout(name string) error {
	return &module.Error{Kind: module.Conflict, Msg: fmt.Sprintf("module %s has no rollout under way", name), Hint: "segue show " + name + " tells where it stands"}
}
