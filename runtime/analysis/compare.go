package analysis

import (
	"math"

	"github.com/segue-run/segue/runtime/module"
	"github.com/segue-run/segue/sdk/manifest"
)

// Compare judges a candidate by what it has shown beside stable: steps are those of
// its rollout in their order, the last is the current one. It may be asked after
// every request, and costs a few microseconds.
//
// Fail takes two proofs of one event (failing, or being slow), each from all steps:
// that the candidate's risk is above a margin times stable's, and that it is above
// the limit. Pass takes MinRequests and, for each event, a proof from the current
// step: that its share is below 5 % or the limit, or its risk below twice stable's.
//
// While the candidate has all the requests there is nothing beside it. Then what it
// shows is judged as by Alone, with limits of 5 % at least, after what stable has
// shown in the steps before.
func Compare(l Limits, steps []Step) Finding {
	if len(steps) == 0 {
		return Finding{Verdict: module.Inconclusive, Reason: "no requests yet"}
	}
	now := steps[len(steps)-1]
	errors, slow := failures.beside(l, steps), slowness.beside(l, steps)
	if now.Share < manifest.Full || errors.evidence >= 1 || slow.evidence >= 1 {
		return conclude(l, now, errors, slow)
	}
	wide := l
	wide.MaxErrors, wide.MaxSlow = max(l.MaxErrors, passable), max(l.MaxSlow, passable)
	var before Sample
	for _, s := range steps[:len(steps)-1] {
		before.Requests += s.Stable.Requests
		before.Errors += s.Stable.Errors
		before.Slow += s.Stable.Slow
	}
	f := Alone(wide, before, now.Candidate)
	f.Errors, f.Slow = max(f.Errors, errors.evidence), max(f.Slow, slow.evidence)
	return f
}

// Alone judges a candidate that has no stable beside it: a first release, with
// nothing before it, or one that has all the requests at once, with what stable has
// shown earlier.
//
// Fail takes a proof that the candidate's share of one event is above the limit, or
// above a margin times what stable's may have been, whichever is more. Pass is that
// of Compare, with twice what stable's must have been. No chance decides here who
// gets a request, so trouble that comes from elsewhere is taken for the candidate's.
func Alone(l Limits, before, candidate Sample) Finding {
	now := Step{Share: manifest.Full, Stable: before, Candidate: candidate}
	return conclude(l, now, failures.after(l, before, candidate), slowness.after(l, before, candidate))
}

// charge is one event held against the candidate.
type charge struct {
	*event
	stable, candidate count   // what the evidence is made of
	limit             float64 // the share that is tolerated
	alone             bool    // stable is what was before
	evidence          float64 // how much of what it takes to fail, 0 to 1
	passable          float64 // the share that must be undercut to pass
}

func (e *event) beside(l Limits, steps []Step) charge {
	c := charge{event: e, limit: e.limit(l)}
	for _, s := range steps {
		c.candidate = c.candidate.plus(e.of(s.Candidate))
		c.stable = c.stable.plus(e.of(s.Stable))
	}
	c.passable = max(c.limit, part(passable))
	if c.candidate.bad > 0 {
		log := min(exceeds(c.candidate, c.limit), e.worse.evidence(e, steps))
		c.evidence = e.clip(log, e.besideLevel, c.candidate.bad)
	}
	return c
}

func (e *event) after(l Limits, before, candidate Sample) charge {
	c := charge{event: e, limit: e.limit(l), alone: true, stable: e.of(before), candidate: e.of(candidate)}
	c.passable = max(c.limit, part(passable))
	if c.stable.requests > 0 {
		likely := max(c.stable.share(), part(blind))
		c.limit = max(c.limit, min(e.margin*min(upper(c.stable, boundLevel), likely), 1))
		c.passable = max(c.passable, min(nearly*lower(c.stable, boundLevel), 1))
	}
	c.evidence = e.clip(exceeds(c.candidate, c.limit), e.aloneLevel, c.candidate.bad)
	return c
}

// conclude is the verdict on both charges.
func conclude(l Limits, now Step, errors, slow charge) Finding {
	f := Finding{Verdict: module.Inconclusive, Errors: errors.evidence, Slow: slow.evidence}
	gravest, other := &errors, &slow
	if slow.evidence > errors.evidence {
		gravest, other = other, gravest
	}
	seen := now.Candidate.Requests
	switch {
	case gravest.evidence >= 1:
		f.Verdict, f.Reason, f.Uncontrolled = module.Fail, gravest.words(), gravest.alone
	case gravest.evidence >= leaning:
		f.Reason = gravest.words() + "; " + percent(math.Floor(gravest.evidence*100)/100) + " of what it takes to fail"
	case seen < l.MinRequests:
		f.Reason = tell(seen) + " of " + tell(l.MinRequests) + " requests"
	case !gravest.noWorse(now):
		f.Reason = gravest.missing(now)
	case !other.noWorse(now):
		f.Reason = other.missing(now)
	default:
		f.Verdict = module.Pass
	}
	return f
}

// noWorse reports whether the step proves that the candidate passes.
func (c *charge) noWorse(now Step) bool {
	low := below(c.of(now.Candidate), c.passable)
	if !dealt(now.Share) {
		return low >= passLevel
	}
	var m mixture
	m.add(math.Log(0.7) + low)
	m.add(math.Log(0.3) + c.same.evidence(c.event, []Step{now}))
	return m.log() >= passLevel
}
