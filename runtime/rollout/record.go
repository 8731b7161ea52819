package rollout

import (
	"maps"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/segue-run/segue/runtime/module"
	"github.com/segue-run/segue/runtime/policy"
	"github.com/segue-run/segue/sdk/manifest"
)

// Record is all that is decided about one module. It is one document, saved by
// compare-and-swap, so that every decision is whole or not there. What runs and who
// gets traffic follow from it (see desire.go).
type Record struct {
	Module string `json:"module"`
	// Count numbers the rollouts of the module.
	Count int `json:"count"`
	// Stable serves; nil when the module is inactive.
	Stable *Plan `json:"stable,omitempty"`
	// Previous is what a rollback goes to; warm until WarmUntil while the host
	// lives.
	Previous  *Plan     `json:"previous,omitempty"`
	WarmUntil time.Time `json:"warm_until,omitzero"`
	// Rollout is the one that runs, or the last one.
	Rollout *Rollout `json:"rollout,omitempty"`
	// Grants are what operators have approved for the module; nil where they never did.
	Grants *Grants `json:"grants,omitempty"`
	// Queued waits for the end of the rollout under way.
	Queued *Queued `json:"queued,omitempty"`
	// Unfiled are rollouts that are over and not in the history yet, oldest first.
	Unfiled []Rollout `json:"unfiled,omitempty"`
	// Decisions are what became of each digest that was ever accepted, newest
	// first, one a digest.
	Decisions []Decision `json:"decisions,omitempty"`
}

// Plan is a release with all that is needed to run it and route to it.
type Plan struct {
	// Key names this use of the release: the id of the rollout that brought it.
	// The same release brought twice has two keys, and two processes.
	Key string `json:"key"`
	module.Release
	Routes []manifest.Route `json:"routes"`
	Health manifest.Health  `json:"health"`
	// Asked and Quotas are what its manifest asks for.
	Asked  manifest.Permissions `json:"asked,omitzero"`
	Quotas manifest.Quotas      `json:"quotas,omitzero"`
	// Replicas is as how many processes it wishes to run; 0 is 1. What the configuration
	// says goes before.
	Replicas int `json:"replicas,omitempty"`
	// Granted is what operators have approved for the module, as of when a process of
	// the plan is started (see Record.Grants); what the configuration grants comes on top.
	Granted manifest.Permissions `json:"-"`
}

// Queued is an offer that waits for a rollout's end.
type Queued struct {
	Plan   Plan               `json:"plan"` // without Key
	Policy Policy             `json:"policy"`
	Actor  module.Actor       `json:"actor"`
	Source string             `json:"source,omitempty"`
	Force  bool               `json:"force,omitempty"`
	Phases []module.PhaseTime `json:"phases,omitempty"`
	Since  time.Time          `json:"since"`
	// Displaced is whose place it took.
	Displaced []module.Displaced `json:"displaced,omitempty"`
	// Configured is what the configuration grants the module.
	Configured manifest.Permissions `json:"configured,omitzero"`
}

// Decision is what became of a digest.
type Decision struct {
	Version string              `json:"version"`
	Digest  module.Digest       `json:"digest"`
	State   module.ReleaseState `json:"state"`
	Reason  string              `json:"reason,omitempty"`
	At      time.Time           `json:"at"`
	// Served is set once the release was stable: its version is taken for good.
	Served bool `json:"served,omitempty"`
}

const (
	// maxDecisions bounds the record; the oldest digests are forgotten first.
	maxDecisions = 200
	// maxReason is how much of why a decision keeps, in bytes, but for the mark that it
	// was cut; the rollout has the whole.
	maxReason = 93
	// maxUnfiled bounds what waits for a history that takes nothing; the oldest are
	// given up.
	maxUnfiled = 20
)

// decision finds what is known of a digest; nil if nothing.
func (r *Record) decision(d module.Digest) *Decision {
	for i := range r.Decisions {
		if r.Decisions[i].Digest == d {
			return &r.Decisions[i]
		}
	}
	return nil
}

// decide notes what became of a release, as the newest decision.
func (r *Record) decide(rel module.Release, state module.ReleaseState, reason string, at time.Time) {
	served := state == module.Serving
	rest := make([]Decision, 0, len(r.Decisions)+1)
	for _, d := range r.Decisions {
		if d.Digest == rel.Digest {
			served = served || d.Served
			continue
		}
		rest = append(rest, d)
	}
	fresh := Decision{Version: rel.Version, Digest: rel.Digest, State: state, Reason: module.Clip(Brief(reason), maxReason), At: at.Truncate(time.Second), Served: served}
	r.Decisions = append([]Decision{fresh}, rest...)
	for i := len(r.Decisions) - 1; len(r.Decisions) > maxDecisions && i > 0; i-- {
		if !r.uses(r.Decisions[i].Digest) {
			r.Decisions = slices.Delete(r.Decisions, i, i+1)
		}
	}
}

// needed are the releases that serve, may be gone back to, are on their way, or wait.
func (r *Record) needed() []module.Digest {
	var digests []module.Digest
	for _, p := range []*Plan{r.Stable, r.Previous} {
		if p != nil {
			digests = append(digests, p.Digest)
		}
	}
	if r.Rollout.Active() {
		digests = append(digests, r.Rollout.Candidate.Digest)
	}
	if r.Queued != nil {
		digests = append(digests, r.Queued.Plan.Digest)
	}
	return digests
}

// onTrial reports whether what serves is on trial.
func (r *Record) onTrial() bool {
	_, trial := r.Rollout.onTrial()
	return trial && r.Stable != nil && r.Stable.Key == r.Rollout.Candidate.Key
}

// uses reports whether the artifact is needed.
func (r *Record) uses(d module.Digest) bool { return slices.Contains(r.needed(), d) }

// file keeps the rollout, which is over, for the history: what that shows of it, and what
// the hook of its end takes.
func (r *Record) file() {
	past := r.Rollout.clone()
	past.Candidate = Plan{Key: past.Candidate.Key, Release: past.Candidate.Release}
	past.Asks = Asks{}
	how := past.Policy
	past.Policy = Policy{Rollout: manifest.Rollout{Strategy: how.Strategy, Steps: how.Steps, Hold: how.Hold}, HookTimeout: how.HookTimeout}
	past.Policy.Hooks = maps.Clone(how.Hooks)
	maps.DeleteFunc(past.Policy.Hooks, func(p policy.Point, _ string) bool { return p != policy.AfterPromotion && p != policy.AfterRollback })
	r.Unfiled = slices.DeleteFunc(r.Unfiled, func(u Rollout) bool { return u.ID == past.ID })
	r.Unfiled = append(r.Unfiled, *past)
	if over := len(r.Unfiled) - maxUnfiled; over > 0 {
		r.Unfiled = slices.Delete(r.Unfiled, 0, over)
	}
}

// clone copies the record so deep that changing the copy leaves r alone.
func (r Record) clone() Record {
	r.Stable, r.Previous, r.Queued = copyOf(r.Stable), copyOf(r.Previous), copyOf(r.Queued)
	r.Grants, r.Rollout = copyOf(r.Grants), r.Rollout.clone()
	r.Unfiled = slices.Clone(r.Unfiled)
	r.Decisions = slices.Clone(r.Decisions)
	return r
}

func copyOf[T any](p *T) *T {
	if p == nil {
		return nil
	}
	c := *p
	return &c
}

// Brief cuts a reason to what a record can carry, in one line.
func Brief(reason string) string {
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
