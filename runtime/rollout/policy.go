package rollout

import (
	"time"

	"github.com/segue-run/segue/runtime/analysis"
	"github.com/segue-run/segue/runtime/policy"
	"github.com/segue-run/segue/sdk/manifest"
)

// Policy is how one rollout goes, with nothing left open.
type Policy = policy.Policy

// span is a time that a policy sets; none where it does not.
func span(d *manifest.Duration) time.Duration {
	if d == nil {
		return 0
	}
	return d.Std()
}

// share is a share that a policy sets; none where it does not.
func share(w *manifest.Weight) manifest.Weight {
	if w == nil {
		return 0
	}
	return *w
}

// strategy is how the rollout goes: a way back is instant, unless it was asked to go
// by steps.
func (r *Rollout) strategy() manifest.Strategy {
	switch {
	case r.Condemns != "" && r.Stepped:
		return manifest.Gradual
	case r.Condemns != "":
		return manifest.Instant
	}
	return r.Policy.Strategy
}

// hold is how long the step lasts at least.
func (r *Rollout) hold() time.Duration { return HoldAfter(span(r.Policy.Hold), len(r.Doubts)) }

// steps are the weights of a gradual rollout; any other has one. A way back by steps
// from what came without has those that are usual.
func (r *Rollout) steps() []manifest.Weight {
	switch {
	case r.strategy() != manifest.Gradual:
		return []manifest.Weight{manifest.Full}
	case r.Policy.Strategy != manifest.Gradual:
		return policy.Default().Steps
	}
	return r.Policy.Steps
}

// sticky reports whether users are kept on one side.
func (r *Rollout) sticky() bool { return r.Policy.Sticky != "" && r.Policy.Sticky != "none" }

// limits are what is tolerated of the candidate beside stable.
func (r *Rollout) limits() analysis.Limits {
	return analysis.Limits{MaxErrors: share(r.Policy.MaxErrors), MaxSlow: share(r.Policy.MaxSlow), MinRequests: uint64(max(r.Policy.MinRequests, 0))}
}

// limitsAlone are what is tolerated of a release with no stable beside it, where the
// verdict is final. Of a first release nothing says what is usual: that it is slow takes
// it out only where it is as much as the failures that would.
func (r *Rollout) limitsAlone() analysis.Limits {
	limits := r.limits()
	limits.MaxErrors = share(r.Policy.MaxErrorsAlone)
	if r.From.IsZero() {
		limits.MaxSlow = max(limits.MaxSlow, limits.MaxErrors)
	}
	return limits
}

// hung is how long a request of this step may go without an answer until it counts as
// failed; 0 for ever, where the candidate has no stable beside it.
func (r *Rollout) hung() time.Duration {
	if r.Weight() == 0 || r.Weight() == full {
		return 0
	}
	return max(span(r.Policy.Overdue), r.SlowAbove)
}

// slowAbove is the time above which an answer is slow, given what is usual with
// stable; 0 where that is not known.
func (r *Rollout) slowAbove(usual time.Duration) time.Duration {
	if usual > 0 {
		return max(usual*time.Duration(r.Policy.SlowFactor)/100, span(r.Policy.SlowFloor))
	}
	return span(r.Policy.Overdue)
}
