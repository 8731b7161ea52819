package hook

import (
	"strconv"
	"time"

	"github.com/segue-run/segue/runtime/module"
	"github.com/segue-run/segue/runtime/policy"
	"github.com/segue-run/segue/sdk/manifest"
)

// PayloadVersion is the version of Payload. Fields may be added within it; none is
// taken away or changes its meaning.
const PayloadVersion = 1

// phaseShifting and phasePromoted are the phases, as a status names them, in which a
// candidate has traffic.
const (
	phaseShifting = "shifting"
	phasePromoted = "promoted"
)

// Payload is the body of a hook's request. Weights are in basis points, times in RFC
// 3339, and Evidence is 0 to 1 each.
type Payload struct {
	Version  int               `json:"version"` // PayloadVersion
	Point    policy.Point      `json:"point"`
	Module   string            `json:"module"`
	Rollout  string            `json:"rollout"`        // its id
	From     string            `json:"from,omitempty"` // stable's version; none for a first release
	To       string            `json:"to"`
	Digest   module.Digest     `json:"digest"` // of the candidate's bytes
	Strategy manifest.Strategy `json:"strategy"`
	Phase    string            `json:"phase"`
	Step     int               `json:"step"` // 1-based; 0 before the first
	Steps    []manifest.Weight `json:"steps,omitempty"`
	// Weight is the candidate's share of the requests now, and Next what consent makes
	// of it, where that is known.
	Weight    manifest.Weight `json:"weight"`
	Next      manifest.Weight `json:"next,omitempty"`
	Verdict   module.Verdict  `json:"verdict,omitempty"`
	Reason    string          `json:"reason,omitempty"`
	Evidence  module.Evidence `json:"evidence"`
	Stable    module.Sample   `json:"stable"` // of the current step
	Candidate module.Sample   `json:"candidate"`
	Rescued   uint64          `json:"rescued"`
	Rehearsal *Compared       `json:"rehearsal,omitempty"`
	Mirror    *Compared       `json:"mirror,omitempty"`
	Waiting   *module.Waiting `json:"waiting,omitempty"`
	// Preview is how the hook can try the candidate out, where there is a way.
	Preview *module.Preview `json:"preview,omitempty"`
	Actor   string          `json:"actor"`
	Started time.Time       `json:"started"`
	Ended   time.Time       `json:"ended,omitzero"`
}

// Compared is how many of stable's answers were compared and differed. What differed
// stays with the runtime: it is users' data.
type Compared struct {
	Requests  uint64 `json:"requests"`
	Different uint64 `json:"different"`
}

// NewPayload is what a hook is told of a rollout that has come to a point.
func NewPayload(point policy.Point, s module.RolloutStatus) Payload {
	return Payload{
		Version: PayloadVersion, Point: point,
		Module: s.Module, Rollout: s.ID, From: s.From, To: s.To, Digest: s.Digest,
		Strategy: s.Strategy, Phase: s.Phase, Step: s.Step, Steps: s.Steps,
		Weight: weight(s), Next: next(point, s),
		Verdict: s.Verdict, Reason: s.Reason, Evidence: s.Evidence,
		Stable: s.StableSample, Candidate: s.CandidateSample, Rescued: s.Rescued,
		Rehearsal: compared(s.Rehearsal), Mirror: compared(s.Mirror),
		Waiting: s.Waiting, Preview: s.Preview,
		Actor: s.Actor, Started: s.Started, Ended: s.Ended,
	}
}

func compared(c *module.Comparison) *Compared {
	if c == nil {
		return nil
	}
	return &Compared{Requests: c.Requests, Different: c.Different}
}

// weight is the candidate's now.
func weight(s module.RolloutStatus) manifest.Weight {
	switch {
	case s.Phase == phasePromoted:
		return manifest.Full
	case s.Phase != phaseShifting || s.Step < 1:
		return 0
	}
	return weightAt(s, s.Step)
}

// next is the candidate's after consent; 0 where a consent sets no weight.
func next(point policy.Point, s module.RolloutStatus) manifest.Weight {
	switch point {
	case policy.BeforeTraffic:
		return weightAt(s, 1)
	case policy.EachStep:
		return weightAt(s, s.Step+1)
	}
	return 0
}

// weightAt is that of a step, counted from 1. Only a gradual rollout has several.
func weightAt(s module.RolloutStatus, step int) manifest.Weight {
	switch {
	case s.Strategy != manifest.Gradual && step == 1:
		return manifest.Full
	case s.Strategy != manifest.Gradual || step > len(s.Steps):
		return 0
	}
	return s.Steps[step-1]
}

// key names one decision of one rollout.
func key(point policy.Point, s module.RolloutStatus) string {
	return s.ID + "/" + string(point) + "/" + strconv.Itoa(s.Step)
}
