package module

import (
	"fmt"
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
	// Inconclusive: the evidence says neither, yet.
	Inconclusive Verdict = "inconclusive"
	// Unproven is the verdict of a rollout that went on without evidence.
	Unproven Verdict = "unproven"
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
	// Queued is the release that waits for the rollout's end.
	Queued *Queued `json:"queued,omitempty"`
	// Door is what keeps its requests out; nil where it is open.
	Door *Door `json:"door,omitempty"`
	// Grants are what operators have approved for it; nil where that is nothing.
	Grants *Grants `json:"grants,omitempty"`
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
	// Fell is how its last process fell that had to be replaced; nil for none.
	Fell *Fall `json:"fell,omitempty"`
	// NextTry is when a release that keeps failing is started again.
	NextTry  time.Time `json:"next_try,omitzero"`
	Requests uint64    `json:"requests"` // answered since this instance got traffic
	Errors   uint64    `json:"errors"`   // of these: 5xx and transport errors
	// Members are its processes where it runs as several; PID and Instance are then of the
	// first that runs and of all together.
	Members []Member `json:"members,omitempty"`
	// Sandbox is what holds its process in; nil where none runs.
	Sandbox *Sandbox `json:"sandbox,omitempty"`
	// Denials are what the process has tried and may not, and the quotas that it and those
	// that fell before it have reached.
	Denials []Denial `json:"denials,omitempty"`
}

// Member is one of the processes of a release that runs as several. When it falls
// another process takes its place.
type Member struct {
	Instance string       `json:"instance"` // the process's, or the last one's where none runs
	PID      int          `json:"pid,omitempty"`
	State    ReleaseState `json:"state"` // as the release's, or Starting, Warming, Restarting
	Since    time.Time    `json:"since"` // in this state
	Restarts int          `json:"restarts,omitempty"`
	// Fell is how the last process fell that had to be replaced; nil for none.
	Fell *Fall `json:"fell,omitempty"`
	// NextTry is when one that keeps falling is started again.
	NextTry time.Time `json:"next_try,omitzero"`
	// Ejected is why it gets no requests though it runs; nil where it gets them as the
	// others do.
	Ejected *Ejection `json:"ejected,omitempty"`
	Usage   Usage     `json:"usage,omitzero"`
}

// Ejection is a process that failed beside the others of its release: until then it gets
// requests only where no other can take them, and after that it is out again with its next
// failure, until it has shown that it does not fail.
type Ejection struct {
	Reason string    `json:"reason"`
	Until  time.Time `json:"until"`
}

// RolloutStatus is a rollout, running or over.
type RolloutStatus struct {
	ID       string            `json:"id"`
	Module   string            `json:"module"`         // whose rollout it is
	From     string            `json:"from,omitempty"` // stable's version at the start
	To       string            `json:"to"`
	Digest   Digest            `json:"digest"`
	Strategy manifest.Strategy `json:"strategy"`
	Phase    string            `json:"phase"` // pending, starting, warming, checking, shifting, promoted, failed, rolled-back, aborted, superseded
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
	// Samples are those of each step that was begun, in order.
	Samples []StepSample `json:"samples,omitempty"`
	// Condemns is the digest that a way back takes the place of.
	Condemns Digest `json:"condemns,omitempty"`
	// Unproven: it went on without evidence at least once.
	Unproven bool `json:"unproven,omitempty"`
	// Doubts are why it stepped back from all the traffic to where it had stable beside it.
	Doubts []string `json:"doubts,omitempty"`
	// Waiting says what the rollout waits for before it goes on, if it does.
	Waiting *Waiting `json:"waiting,omitempty"`
	// Evidence against the candidate, over the whole rollout.
	Evidence Evidence `json:"evidence,omitzero"`
	// Preview is how the candidate is seen by those who test it.
	Preview *Preview `json:"preview,omitempty"`
	// Rehearsal and Mirror are comparisons with stable's answers.
	Rehearsal *Comparison `json:"rehearsal,omitempty"`
	Mirror    *Comparison `json:"mirror,omitempty"`
	// Rescued is how many of the candidate's failures stable has made good.
	Rescued uint64 `json:"rescued"`
	// Usage is what the candidate's process took.
	Usage Usage `json:"usage,omitzero"`
	// Phases says how long each part took, in order.
	Phases []PhaseTime `json:"phases,omitempty"`
	// Displaced is whose place it took: of the one in the queue, and of the one under way.
	Displaced []Displaced `json:"displaced,omitempty"`
}

// Displaced is a release that had to give way to a newer one.
type Displaced struct {
	Rollout string    `json:"rollout,omitempty"` // its id; empty of one that waited in the queue
	Version string    `json:"version"`
	Since   time.Time `json:"since"` // when its rollout, or its waiting, began
}

// Waiting is what a rollout waits for.
type Waiting struct {
	For      string    `json:"for"`             // one of the words below
	Point    string    `json:"point,omitempty"` // of a hook or an approval
	Since    time.Time `json:"since"`
	Deadline time.Time `json:"deadline,omitzero"` // when it is given up, or goes on
	Actor    string    `json:"actor,omitempty"`   // who paused
	// Message says in words what it waits for and what would move it.
	Message string `json:"message"`
	// Missing are the permissions that it asks for and has not been granted; of ForGrant.
	Missing *manifest.Permissions `json:"missing,omitempty"`
}

// What a rollout may wait for.
const (
	ForPause     = "pause"     // for the end of it
	ForChecks    = "checks"    // for the candidate to pass them
	ForRehearsal = "rehearsal" // for stable's recent requests to be replayed
	ForHold      = "hold"      // for the least time that it is looked at
	ForEvidence  = "evidence"  // for the proof that it is no worse
	ForHook      = "hook"      // for its consent
	ForApproval  = "approval"  // for an operator's
	ForGrant     = "grant"     // for permissions that its predecessor did not ask for
	ForFreeze    = "freeze"    // for the end of a window, or an operator
	ForQueue     = "queue"     // for the end of another rollout; it has none of its own yet
)

// Evidence is how much of what it takes to fail has come together, 0 to 1 each.
type Evidence struct {
	Errors float64 `json:"errors"`
	Slow   float64 `json:"slow"`
	Signs  []Sign  `json:"signs,omitempty"`
}

// Sign is evidence beyond requests.
type Sign struct {
	Kind    string          `json:"kind"`
	Weight  manifest.Weight `json:"weight"` // basis points; the candidate goes at 10000 together
	Message string          `json:"message"`
	At      time.Time       `json:"at"`
}

// Preview is how a candidate is seen by those who test it.
type Preview struct {
	Host   string `json:"host,omitempty"`   // a host name that leads to it
	Header string `json:"header,omitempty"` // "Segue-Preview: TOKEN", on any request
}

// Comparison is what became of stable's requests when the candidate had to answer
// them too.
type Comparison struct {
	// MaxDifferences is the share that may differ before it is a sign, in basis points;
	// 10000 only shows them.
	MaxDifferences *manifest.Weight `json:"max_differences,omitempty"`

	Requests  uint64       `json:"requests"`
	Different uint64       `json:"different"`
	Examples  []Difference `json:"examples,omitempty"` // the first few
	Message   string       `json:"message,omitempty"`  // why nothing was compared
}

// Difference is one answer that was not as stable's.
type Difference struct {
	Request   string `json:"request"` // "GET /hello"
	What      string `json:"what"`    // "status", "header Content-Type", "body", "$.total"
	Stable    string `json:"stable"`  // clipped
	Candidate string `json:"candidate"`
}

// Usage is what a process has taken.
type Usage struct {
	Memory int64         `json:"memory"` // resident bytes at the last look
	Peak   int64         `json:"peak"`   // the most of them that was seen
	CPU    time.Duration `json:"cpu"`    // nanoseconds of processor time
}

// Queued is a release that waits for a rollout's end.
type Queued struct {
	Version string    `json:"version"`
	Digest  Digest    `json:"digest"`
	Actor   string    `json:"actor"`
	Since   time.Time `json:"since"`
}

// DeathCause sorts how a process ended by itself.
type DeathCause string

// The causes.
const (
	DiedOfCrash   DeathCause = "crash"
	DiedOfMemory  DeathCause = "oom"
	DiedOfSandbox DeathCause = "sandbox"
	DiedOfQuota   DeathCause = "quota" // another quota than memory
)

// Over reports whether the rollout has ended.
func (r *RolloutStatus) Over() bool { return !r.Ended.IsZero() }

// UnderWay is nil where r is under way and its id is id, or id is empty. Else it is a
// Conflict that says what became of the rollout that was meant, or which one there is
// instead, with who and when. r may be nil.
func (r *RolloutStatus) UnderWay(id string) error {
	conflict := func(msg, hint string) error {
		return &Error{Kind: Conflict, Field: "rollout", Value: id, Msg: msg, Hint: hint}
	}
	when := func(t time.Time) string { return t.UTC().Format(time.RFC3339) }
	switch {
	case r == nil:
		return conflict("no rollout is under way", "begin one with `segue deploy`")
	case !r.Over() && (id == "" || id == r.ID):
		return nil
	case r.Over() && (id == "" || id == r.ID):
		why := ""
		if r.Reason != "" {
			why = ": " + r.Reason // it names who ended it
		}
		return conflict(fmt.Sprintf("no rollout is under way; the last one, to %s by %s, is %s since %s%s", r.To, r.Actor, r.Phase, when(r.Ended), why), "segue show "+r.Module+" tells where it stands")
	case r.Over():
		return conflict(fmt.Sprintf("is not under way, and no other one is since %s", when(r.Ended)), "segue history "+r.Module+" tells what became of it")
	}
	return conflict(fmt.Sprintf("is not the one under way: that is %s, to %s, begun by %s at %s", r.ID, r.To, r.Actor, when(r.Started)), "look at it with segue show "+r.Module+", and name that one if it is meant")
}

// Sample is what was seen of one side.
type Sample struct {
	Requests uint64 `json:"requests"`
	Errors   uint64 `json:"errors"`
	Slow     uint64 `json:"slow"`
}

// StepSample is what was seen of both sides in one step.
type StepSample struct {
	Weight    manifest.Weight `json:"weight"` // basis points
	Stable    Sample          `json:"stable"`
	Candidate Sample          `json:"candidate"`
}

// PhaseTime is one part of an activation.
type PhaseTime struct {
	Name string `json:"name"`
	// Micros is how long it took, in microseconds.
	Micros int64 `json:"us"`
}
