package rollout

import (
	"slices"
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
	atPause     = module.ForPause     // until an operator resumes
	atChecks    = module.ForChecks    // until the candidate has answered them
	atRehearsal = module.ForRehearsal // until stable's recent requests were replayed on it
	atHold      = module.ForHold      // until it has been seen for long enough
	atEvidence  = module.ForEvidence  // until the step's hold has passed and it is proven no worse
	atGrant     = module.ForGrant     // until an operator decides on what the release asks for
	atHook      = module.ForHook      // until it consents
	atApproval  = module.ForApproval  // until an operator approves
	atFreeze    = module.ForFreeze    // until the window has passed, or an operator approves
)

// name is what stands in Rollout.Passed once the gate is open.
func (g gate) name() string {
	if g.point == "" {
		return g.kind
	}
	return g.kind + ":" + string(g.point)
}

// leave is what an operator calls the gate that an approval opens: its point, or
// "freeze".
func (g gate) leave() string {
	if g.kind == atFreeze || g.kind == atEvidence {
		return g.kind
	}
	return string(g.point)
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
		if r.Condemns == "" && r.Asks.holds() {
			add(atGrant, "")
		}
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
		if hold := r.Entered.Add(r.hold()); now.Before(hold) {
			return hold
		}
		if r.Policy.Unproven != manifest.Wait {
			return r.Entered.Add(max(r.hold(), span(r.Policy.Limit)))
		}
	case atApproval, atGrant:
		if limit := span(r.Policy.ApprovalTimeout); limit > 0 {
			return r.Since.Add(limit)
		}
	case atFreeze:
		until, _ := r.Policy.Frozen(now)
		return until
	}
	return time.Time{}
}
