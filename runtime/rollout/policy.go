package rollout

import (
	"time"

	"github.com/segue-run/segue/runtime/analysis"
	"github.com/segue-run/segue/runtime/policy"
	"github.com/segue-run/segue/sdk/manifest"
)

// Policy is how one rollout goes, with nothing left open.
type Policy = policy.Policy

// judge makes the analysis of the policy. Slowness is judged against stable's own
// latency only where there was enough of it to know.
func judge(p Policy, slownessKnown bool) analysis.Judge {
	t := analysis.Threshold{MaxErrors: *p.MaxErrors, MinErrors: 3}
	if slownessKnown {
		t.MaxSlow, t.MinSlow = manifest.Full/2, 10
	}
	return t
}

func hold(p Policy) time.Duration {
	if p.Hold == nil {
		return 0
	}
	return p.Hold.Std()
}
