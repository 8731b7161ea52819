package rollout

import (
	"time"

	"github.com/segue-run/segue/runtime/analysis"
	"github.com/segue-run/segue/sdk/manifest"
)

// Policy is how one rollout goes, with nothing left open. It is kept in the
// rollout's record, so that a change of configuration does not bend a rollout that
// is under way.
type Policy struct {
	Strategy  manifest.Strategy `json:"strategy"`
	Steps     []manifest.Weight `json:"steps"`
	Hold      manifest.Duration `json:"hold"`
	MaxErrors manifest.Weight   `json:"max_errors"`
	MinErrors int               `json:"min_errors"`
	// Window is how long the replaced release stays warm after the promotion.
	Window manifest.Duration `json:"window"`
}

// PolicyOf fills a policy from settings that are complete but for what the strategy
// makes superfluous.
func PolicyOf(r manifest.Rollout, window time.Duration) Policy {
	p := Policy{Strategy: r.Strategy, Steps: r.Steps, MinErrors: r.MinErrors, Window: manifest.Duration(window)}
	if r.Hold != nil {
		p.Hold = *r.Hold
	}
	if r.MaxErrors != nil {
		p.MaxErrors = *r.MaxErrors
	}
	if p.Strategy == "" {
		p.Strategy = manifest.Gradual
	}
	if p.Strategy == manifest.Instant || len(p.Steps) == 0 {
		p.Steps = []manifest.Weight{manifest.Full}
	}
	return p
}

func (p Policy) hold() time.Duration { return time.Duration(p.Hold) }

// judge makes the analysis of the policy. Slowness is judged against stable's own
// latency only where there was enough of it to know.
func (p Policy) judge(slownessKnown bool) analysis.Judge {
	t := analysis.Threshold{MaxErrors: p.MaxErrors, MinErrors: uint64(max(p.MinErrors, 1))}
	if slownessKnown {
		t.MaxSlow, t.MinSlow = manifest.Full/2, 10
	}
	return t
}
