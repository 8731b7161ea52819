package rollout

import (
	"slices"
	"time"

	"github.com/segue-run/segue/runtime/module"
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
}

// Rollout is the movement of a module to a candidate.
type Rollout struct {
	ID        string         `json:"id"`
	From      module.Release `json:"from,omitzero"` // zero for a first release
	Candidate Plan           `json:"candidate"`
	Policy    Policy         `json:"policy"`
	Phase     Phase          `json:"phase"`
	Step      int            `json:"step"` // 1-based; 0 before the first
	Verdict   module.Verdict `json:"verdict"`
	Reason    string         `json:"reason,omitempty"`
	Actor     module.Actor   `json:"actor"`
	// Resumed counts the starts of the host that took this rollout up again since its
	// candidate last came up.
	Resumed int `json:"resumed,omitempty"`
	// Source is the file or upload that was offered; empty for a way back.
	Source string `json:"source,omitempty"`
	// Condemns is set on a way back: the digest that goes to quarantine once the
	// candidate has taken over.
	Condemns module.Digest `json:"condemns,omitempty"`

	Started     time.Time `json:"started"`
	StepStarted time.Time `json:"step_started,omitzero"`
	Ended       time.Time `json:"ended,omitzero"`

	StableSample    module.Sample      `json:"stable_sample,omitzero"`
	CandidateSample module.Sample      `json:"candidate_sample,omitzero"`
	Phases          []module.PhaseTime `json:"phases,omitempty"`
}

// Phase is where a rollout stands.
type Phase string

// The phases; those from Promoted on are ends.
const (
	Starting   Phase = "starting" // the process comes up
	Warming    Phase = "warming"  // probes must pass
	Shifting   Phase = "shifting" // the candidate has traffic
	Promoted   Phase = "promoted"
	Failed     Phase = "failed"      // taken back before it had traffic
	RolledBack Phase = "rolled-back" // taken back from traffic
	Aborted    Phase = "aborted"     // an operator ended it
	Superseded Phase = "superseded"  // a newer offer ended it
)

// Active reports whether the rollout is still going on.
func (r *Rollout) Active() bool {
	return r != nil && (r.Phase == Starting || r.Phase == Warming || r.Phase == Shifting)
}

// Weight is the candidate's share of the traffic that the record grants it.
func (r *Rollout) Weight() manifest.Weight {
	if r == nil || r.Phase != Shifting || r.Step < 1 {
		return 0
	}
	return r.Policy.Steps[min(r.Step, len(r.Policy.Steps))-1]
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

// maxDecisions bounds the record; the oldest digests are forgotten first.
const maxDecisions = 200

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
	fresh := Decision{Version: rel.Version, Digest: rel.Digest, State: state, Reason: brief(reason), At: at, Served: served}
	r.Decisions = append([]Decision{fresh}, rest...)
	for i := len(r.Decisions) - 1; len(r.Decisions) > maxDecisions && i > 0; i-- {
		if !r.uses(r.Decisions[i].Digest) {
			r.Decisions = slices.Delete(r.Decisions, i, i+1)
		}
	}
}

// uses reports whether the artifact is needed: it serves, may be gone back to, or
// is on its way.
func (r *Record) uses(d module.Digest) bool {
	return r.Stable != nil && r.Stable.Digest == d ||
		r.Previous != nil && r.Previous.Digest == d ||
		r.Rollout.Active() && r.Rollout.Candidate.Digest == d
}

// clone copies the record so deep that changing the copy leaves r alone.
func (r Record) clone() Record {
	r.Stable, r.Previous = copyOf(r.Stable), copyOf(r.Previous)
	if r.Rollout != nil {
		ro := *r.Rollout
		ro.Phases = slices.Clone(ro.Phases)
		r.Rollout = &ro
	}
	r.Decisions = slices.Clone(r.Decisions)
	return r
}

func copyOf(p *Plan) *Plan {
	if p == nil {
		return nil
	}
	c := *p
	return &c
}
