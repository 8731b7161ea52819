package rollout

import (
	"fmt"
	"slices"
	"time"

	"github.com/segue-run/segue/runtime/analysis"
	"github.com/segue-run/segue/runtime/module"
	"github.com/segue-run/segue/sdk/manifest"
)

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
	// Displaced is whose place it took.
	Displaced []module.Displaced `json:"displaced,omitempty"`
	// Condemns is set on a way back: the digest that goes to quarantine once the
	// candidate has taken over. Stepped: the way goes by the policy's steps.
	Condemns module.Digest `json:"condemns,omitempty"`
	Stepped  bool          `json:"stepped,omitempty"`

	// Asks is what it asks for; zero once the candidate's process is started.
	Asks Asks `json:"asks,omitzero"`

	// Passed are the gates of the phase, or of the step, that are open (see gate.go);
	// a freeze that was approved is open until the end.
	Passed []string `json:"passed,omitempty"`
	// Paused is set while an operator holds the rollout where it is.
	Paused *Act `json:"paused,omitempty"`
	// Last is what an operator did to it last.
	Last *Act `json:"last,omitempty"`
	// Unproven: it went on without evidence at least once.
	Unproven bool `json:"unproven,omitempty"`
	// Doubts are why it stepped back from all the traffic, where it had no stable
	// beside it.
	Doubts []string `json:"doubts,omitempty"`

	Started     time.Time `json:"started"`
	Entered     time.Time `json:"entered"` // the phase, or the step
	Since       time.Time `json:"since"`   // waits for what it waits for now
	StepStarted time.Time `json:"step_started,omitzero"`
	Ended       time.Time `json:"ended,omitzero"`

	Seen
}

// Seen is what a rollout has shown: with it and the policy the verdict can be found
// again.
type Seen struct {
	// Before is what stable showed before the candidate had traffic.
	Before analysis.Sample `json:"before,omitzero"`
	// Evidence is what both sides have shown, one entry a step that was begun; the
	// last goes on.
	Evidence []analysis.Step `json:"evidence,omitempty"`
	// Usual is stable's own 99th percentile as of late; SlowAbove is when an answer
	// counts as slow in this step.
	Usual     time.Duration `json:"usual,omitempty"`
	SlowAbove time.Duration `json:"slow_above,omitempty"`
	// Errors and Slow are how much of what it takes to fail has come together,
	// and Missing what it takes to pass.
	Errors  float64 `json:"errors,omitempty"`
	Slow    float64 `json:"slow,omitempty"`
	Missing string  `json:"missing,omitempty"`
	// Signs are evidence beyond requests, in order.
	Signs     []module.Sign      `json:"signs,omitempty"`
	Rehearsal *module.Comparison `json:"rehearsal,omitempty"`
	Mirror    *module.Comparison `json:"mirror,omitempty"`
	Usage     module.Usage       `json:"usage,omitzero"`
	Rescued   uint64             `json:"rescued,omitempty"`
	Phases    []module.PhaseTime `json:"phases,omitempty"`
}

// Act is what an operator did to a rollout.
type Act struct {
	Verb   string       `json:"verb"`
	Actor  module.Actor `json:"actor"`
	At     time.Time    `json:"at"`
	Reason string       `json:"reason,omitempty"`
}

// Phase is where a rollout stands.
type Phase string

// The phases; those from Promoted on are ends.
const (
	Pending    Phase = "pending"  // accepted; no process runs
	Starting   Phase = "starting" // the process comes up
	Warming    Phase = "warming"  // probes must pass
	Checking   Phase = "checking" // the candidate is warm and has no traffic
	Shifting   Phase = "shifting" // the candidate has traffic
	Promoted   Phase = "promoted"
	Failed     Phase = "failed"      // taken back before it had traffic
	RolledBack Phase = "rolled-back" // taken back from traffic
	Aborted    Phase = "aborted"     // an operator ended it
	Superseded Phase = "superseded"  // a newer offer ended it
)

// over reports whether the phase is an end.
func (p Phase) over() bool {
	switch p {
	case Promoted, Failed, RolledBack, Aborted, Superseded:
		return true
	}
	return false
}

// Active reports whether the rollout is still going on.
func (r *Rollout) Active() bool { return r != nil && !r.Phase.over() }

// Weight is the candidate's share of the traffic that the record grants it.
func (r *Rollout) Weight() manifest.Weight {
	if r == nil || r.Phase != Shifting || r.Step < 1 {
		return 0
	}
	steps := r.steps()
	return steps[min(r.Step, len(steps))-1]
}

const (
	gradually = manifest.Gradual
	full      = manifest.Full
)

// enter begins another phase.
func (r *Rollout) enter(phase Phase, now time.Time) {
	r.leave(now)
	r.Phase, r.Entered, r.Since = phase, now, now
}

// enterStep gives the candidate the weight of the step, counts anew, and sets from
// what stable has shown until now what counts as slow.
func (r *Rollout) enterStep(step int, now time.Time) {
	r.enter(Shifting, now)
	r.Step, r.StepStarted = step, now
	r.shut()
	r.freeze(r.Weight())
}

// shut closes the gates that the next phase or step has again. The leave to go on in a
// freeze is for the whole rollout.
func (r *Rollout) shut() {
	r.Passed = slices.DeleteFunc(r.Passed, func(name string) bool { return name != atFreeze })
}

// freeze begins an entry of evidence. Where nothing new is known of stable's latency
// what was known before still holds.
func (r *Rollout) freeze(weight manifest.Weight) {
	r.Evidence = append(r.Evidence, analysis.Step{Share: weight})
	if r.Usual > 0 || r.SlowAbove == 0 {
		r.SlowAbove = r.slowAbove(r.Usual)
	}
}

// leave notes how long the phase, or the step, has taken. What brings a process up
// says itself how long it took.
func (r *Rollout) leave(now time.Time) {
	took := now.Sub(r.Entered)
	switch {
	case r.Phase == Shifting:
		r.timed(stepName(r.Step), took)
	case took > 0 && (r.Phase == Pending || r.Phase == Checking):
		r.timed(string(r.Phase), took)
	}
}

// untried reports whether the release gets all traffic at once, and is judged only then.
// A way back is not judged.
func (r *Rollout) untried() bool {
	return r.Condemns == "" && (r.From.IsZero() || r.strategy() != manifest.Gradual)
}

// onTrial reports whether the release is judged after its promotion, and until when.
func (r *Rollout) onTrial() (until time.Time, is bool) {
	if r == nil || r.Phase != Promoted || r.Verdict != module.Pending || !r.untried() {
		return time.Time{}, false
	}
	return r.Ended.Add(span(r.Policy.Hold)), true
}

// lacked says what was missing to a proof; empty where there was one.
func (r *Rollout) lacked() string {
	if r.Verdict != module.Unproven {
		return ""
	}
	return r.Missing
}

// before is what stable has shown while it was still beside the candidate, or earlier.
func (r *Rollout) before() analysis.Sample {
	var sum analysis.Sample
	for _, step := range r.Evidence {
		if step.Share < manifest.Full {
			sum = plus(sum, step.Stable)
		}
	}
	if sum.Requests == 0 {
		return r.Before
	}
	return sum
}

// approvable reports whether it waits for what an operator's approval opens.
func (r *Rollout) approvable(now time.Time) bool {
	return slices.ContainsFunc(r.gates(now), func(g gate) bool { return g.kind == atApproval || g.kind == atFreeze })
}

// clone copies the rollout so deep that changing the copy leaves r alone.
func (r *Rollout) clone() *Rollout {
	if r == nil {
		return nil
	}
	c := *r
	c.Passed, c.Doubts, c.Evidence = slices.Clone(r.Passed), slices.Clone(r.Doubts), slices.Clone(r.Evidence)
	c.Signs, c.Phases = slices.Clone(r.Signs), slices.Clone(r.Phases)
	c.Paused, c.Last = copyOf(r.Paused), copyOf(r.Last)
	return &c
}

func plus(a, b analysis.Sample) analysis.Sample {
	return analysis.Sample{Requests: a.Requests + b.Requests, Errors: a.Errors + b.Errors, Slow: a.Slow + b.Slow}
}

// maxPhases bounds what is noted of the time that a rollout takes.
const maxPhases = 200

func (r *Rollout) timed(name string, took time.Duration) {
	if len(r.Phases) >= maxPhases {
		return
	}
	r.Phases = append(r.Phases, module.PhaseTime{Name: name, Micros: took.Microseconds()})
}

// saved adds to what the rollout's saves have taken, all together.
func (r *Rollout) saved(took time.Duration) {
	const name = "save"
	i := slices.IndexFunc(r.Phases, func(p module.PhaseTime) bool { return p.Name == name })
	if i < 0 {
		r.timed(name, took)
		return
	}
	r.Phases[i].Micros += took.Microseconds()
}

func stepName(step int) string { return fmt.Sprintf("step %d", step) }
