package module

import (
	"time"

	"github.com/segue-run/segue/sdk/manifest"
)

// State is where a module stands, in one word.
type State string

// The states of a module.
const (
	Activating  State = "activating"   // a first release is on its way
	Active      State = "active"       // stable serves
	RollingOut  State = "rolling-out"  // stable serves and a candidate is on its way
	RollingBack State = "rolling-back" // a candidate is being taken back
	Failing     State = "failing"      // stable is not up; it is being restarted
	Inactive    State = "inactive"     // nothing serves
)

// ReleaseState is where a release stands.
type ReleaseState string

// The states of a release.
const (
	Starting    ReleaseState = "starting"
	Warming     ReleaseState = "warming"
	Shifting    ReleaseState = "shifting"
	Serving     ReleaseState = "active"
	Warm        ReleaseState = "warm" // runs without traffic, ready for a rollback
	Restarting  ReleaseState = "restarting"
	Draining    ReleaseState = "draining"
	Stopped     ReleaseState = "stopped"
	Failed      ReleaseState = "failed"
	Quarantined ReleaseState = "quarantined"
)

// Verdict is the outcome of an analysis, or of a rollout.
type Verdict string

// The verdicts.
const (
	Pending Verdict = "pending" // still being looked at
	Pass    Verdict = "pass"
	Fail    Verdict = "fail"
)

// Status is a module as the API and the command line show it.
type Status struct {
	Name      string           `json:"name"`
	State     State            `json:"state"`
	Routes    []manifest.Route `json:"routes,omitempty"`
	Stable    *ReleaseStatus   `json:"stable"`
	Candidate *ReleaseStatus   `json:"candidate"`
	Previous  *ReleaseStatus   `json:"previous,omitempty"` // what a rollback goes to
	// Rollout is the one that runs, or the last one.
	Rollout *RolloutStatus `json:"rollout"`
	// Releases are all that is known, newest decision first.
	Releases []ReleaseStatus `json:"releases,omitempty"`
}

// ReleaseStatus is a release with what runs of it.
type ReleaseStatus struct {
	Version  string          `json:"version"`
	Digest   Digest          `json:"digest"`
	Weight   manifest.Weight `json:"weight"` // basis points
	State    ReleaseState    `json:"state"`
	PID      int             `json:"pid,omitempty"`
	Instance string          `json:"instance,omitempty"`
	Since    time.Time       `json:"since,omitzero"`
	Restarts int             `json:"restarts,omitempty"`
	// Reason says why it is where it is; of a stable release that is being restarted,
	// why it fell.
	Reason string `json:"reason,omitempty"`
	// NextTry is when a release that keeps failing is started again.
	NextTry  time.Time `json:"next_try,omitzero"`
	Requests uint64    `json:"requests"` // answered since this instance got traffic
	Errors   uint64    `json:"errors"`   // of these: 5xx and transport errors
}

// RolloutStatus is a rollout, running or over.
type RolloutStatus struct {
	ID       string            `json:"id"`
	Module   string            `json:"module"`         // whose rollout it is
	From     string            `json:"from,omitempty"` // stable's version at the start
	To       string            `json:"to"`
	Digest   Digest            `json:"digest"`
	Strategy manifest.Strategy `json:"strategy"`
	Phase    string            `json:"phase"` // starting, warming, shifting, promoted, failed, rolled-back, aborted
	Step     int               `json:"step"`  // 1-based; 0 before the first
	Steps    []manifest.Weight `json:"steps"` // basis points
	Hold     manifest.Duration `json:"hold"`
	Verdict  Verdict           `json:"verdict"`
	Reason   string            `json:"reason"`
	Actor    string            `json:"actor"`
	Started  time.Time         `json:"started"`
	Ended    time.Time         `json:"ended,omitzero"`
	// StepStarted is when the current weight was set.
	StepStarted time.Time `json:"step_started,omitzero"`
	// Samples of the current step, or of the last one.
	StableSample    Sample `json:"stable_sample"`
	CandidateSample Sample `json:"candidate_sample"`
	// Phases says how long each part took, in order.
	Phases []PhaseTime `json:"phases,omitempty"`
}

// Over reports whether the rollout has ended.
func (r *RolloutStatus) Over() bool { return !r.Ended.IsZero() }

// Sample is what was seen of one side.
type Sample struct {
	Requests uint64 `json:"requests"`
	Errors   uint64 `json:"errors"`
}

// PhaseTime is one part of an activation.
type PhaseTime struct {
	Name string `json:"name"`
	// Micros is how long it took, in microseconds.
	Micros int64 `json:"us"`
}
