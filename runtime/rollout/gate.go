package rollout

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/segue-run/segue/runtime/module"
	"github.com/segue-run/segue/runtime/policy"
	"github.com/segue-run/segue/sdk/manifest"
)

// gate is one thing that must be so before a rollout goes on. Its kind is what
// module.Waiting calls it.
type gate struct {
	kind  string
	point policy.Point // of a hook or an approval
}

// The kinds of gates.
const (
	atPause     = "pause"     // until an operator resumes
	atChecks    = "checks"    // until the candidate has answered them
	atRehearsal = "rehearsal" // until stable's recent requests were replayed on it
	atHold      = "hold"      // until it has been seen for long enough
	atEvidence  = "evidence"  // until the step's hold has passed and it is proven no worse
	atHook      = "hook"      // until it consents
	atApproval  = "approval"  // until an operator approves
	atFreeze    = "freeze"    // until the window has passed, or an operator approves
)

// name is what stands in Rollout.Passed once the gate is open.
func (g gate) name() string {
	if g.point == "" {
		return g.kind
	}
	return g.kind + ":" + string(g.point)
}

// gates are those that still hold the rollout up in its phase, in the order in which
// they are worked through; none while its process comes up. The freeze is the last,
// so that what waited for long does not widen into a window. A way back asks nobody
// for leave.
func (r *Rollout) gates(now time.Time) []gate {
	var list []gate
	add := func(kind string, point policy.Point) {
		if g := (gate{kind, point}); !slices.Contains(r.Passed, g.name()) {
			list = append(list, g)
		}
	}
	leave := func(point policy.Point) {
		if r.Condemns != "" {
			return
		}
		if r.Policy.Hooks[point] != "" {
			add(atHook, point)
		}
		if slices.Contains(r.Policy.Approvals, point) {
			add(atApproval, point)
		}
		if _, frozen := r.Policy.Frozen(now); frozen {
			add(atFreeze, "")
		}
	}
	if r.Paused != nil {
		list = append(list, gate{kind: atPause})
	}
	switch r.Phase {
	case Pending:
		leave(policy.BeforeStart)
	case Checking:
		if r.Condemns != "" {
			break
		}
		if len(r.Policy.Checks) > 0 {
			add(atChecks, "")
		}
		if n := r.Policy.Rehearsal.Requests; n != nil && *n > 0 && !r.From.IsZero() {
			add(atRehearsal, "")
		}
		if r.strategy() == manifest.Bluegreen && !r.From.IsZero() {
			add(atHold, "")
		}
		leave(policy.BeforeTraffic)
	case Shifting:
		add(atEvidence, "")
		if r.Step < len(r.steps()) { // the last has nothing more to give
			leave(policy.EachStep)
		}
	}
	return list
}

// next is the first gate but for the pause; false where there is none.
func (r *Rollout) nextGate(now time.Time) (gate, bool) {
	for _, g := range r.gates(now) {
		if g.kind != atPause {
			return g, true
		}
	}
	return gate{}, false
}

// pass opens a gate, if it is one that holds the rollout up.
func (r *Rollout) pass(name string, now time.Time) {
	for _, g := range r.gates(now) {
		if g.name() == name && g.kind != atPause {
			r.Passed, r.Since = append(r.Passed, name), now
			return
		}
	}
}

// ends is when a gate opens, or is given up, by time alone; zero where it does not.
func (r *Rollout) ends(g gate, now time.Time) time.Time {
	switch g.kind {
	case atHold:
		return r.Entered.Add(span(r.Policy.Hold))
	case atEvidence:
		if hold := r.Entered.Add(span(r.Policy.Hold)); now.Before(hold) {
			return hold
		}
		if r.Policy.Unproven != manifest.Wait {
			return r.Entered.Add(span(r.Policy.Limit))
		}
	case atApproval:
		if limit := span(r.Policy.ApprovalTimeout); limit > 0 {
			return r.Since.Add(limit)
		}
	case atFreeze:
		until, _ := r.Policy.Frozen(now)
		return until
	}
	return time.Time{}
}

// waiting says what the rollout waits for; nil while its process comes up and once it
// is over.
func (r *Rollout) waiting(now time.Time) *module.Waiting {
	if !r.Active() {
		return nil
	}
	gates := r.gates(now)
	if len(gates) == 0 {
		return nil
	}
	g := gates[0]
	w := &module.Waiting{For: g.kind, Point: string(g.point), Since: r.Since, Deadline: r.ends(g, now)}
	name := r.Candidate.Module
	switch g.kind {
	case atPause:
		w.Since, w.Actor = r.Paused.At, r.Paused.Actor.String()
		w.Message = "paused by " + w.Actor
		if r.Paused.Reason != "" {
			w.Message += ": " + r.Paused.Reason
		}
		w.Message += "; `segue resume " + name + "` lets it go on"
	case atApproval:
		w.Message = fmt.Sprintf("an operator must approve (%s): `segue approve %s`", words(g.point), name)
	case atFreeze:
		w.Message = fmt.Sprintf("frozen; it goes on by itself, or with `segue approve %s`", name)
	case atHook:
		w.Message = fmt.Sprintf("the hook (%s) must consent", words(g.point))
	case atChecks:
		w.Message = "the candidate must pass its checks"
	case atRehearsal:
		w.Message = "stable's recent requests are replayed on the candidate"
	case atHold:
		w.Message = "the candidate is looked at before it gets traffic"
	case atEvidence:
		w.Message = r.lacks(w, now)
	}
	return w
}

// lacks says what a step still needs.
func (r *Rollout) lacks(w *module.Waiting, now time.Time) string {
	if hold := r.Entered.Add(span(r.Policy.Hold)); now.Before(hold) {
		w.For = atHold
		return "the step lasts at least " + span(r.Policy.Hold).String()
	}
	missing := r.Missing
	if missing == "" {
		missing = "too few requests"
	}
	name := r.Candidate.Module
	switch r.Policy.Unproven {
	case manifest.Proceed:
		return fmt.Sprintf("no proof yet that it is no worse (%s); at the step's limit it goes on without; `segue resume %s` lets it go on now", missing, name)
	case manifest.GiveUp:
		return fmt.Sprintf("no proof yet that it is no worse (%s); at the step's limit it is taken back; `segue resume %s` lets it go on now", missing, name)
	}
	return fmt.Sprintf("no proof yet that it is no worse (%s); it goes on when there is, or with `segue resume %s`", missing, name)
}

func words(p policy.Point) string { return strings.ReplaceAll(string(p), "_", " ") }
