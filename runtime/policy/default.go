package policy

import (
	"time"

	"github.com/segue-run/segue/sdk/manifest"
)

// Default is the policy where nobody says anything: every field is set, but for lists,
// hooks and the preview host, of which there are none. It is the caller's own.
func Default() Policy {
	return Policy{
		Rollout: manifest.Rollout{
			Strategy:    manifest.Gradual,
			Steps:       []manifest.Weight{100, 500, 2500, 5000, manifest.Full},
			Hold:        span(10 * time.Second),
			Limit:       span(2 * time.Minute),
			MaxErrors:   new(manifest.Weight(50)),
			MaxSlow:     new(manifest.Weight(100)),
			MinRequests: 50,
			Unproven:    manifest.Proceed,
		},
		Window:          span(10 * time.Minute),
		OnNew:           Supersede,
		SlowFactor:      150,
		SlowFloor:       span(20 * time.Millisecond),
		Overdue:         span(5 * time.Second),
		MaxErrorsAlone:  new(manifest.Full / 4),
		Shield:          Shield{Enabled: On, Budget: new(manifest.Weight(2000))},
		Sticky:          NotSticky,
		Mirror:          Mirror{Share: new(manifest.Weight(0))},
		Rehearsal:       Rehearsal{Requests: new(0)},
		MaxDifferences:  new(manifest.Full),
		HookTimeout:     span(10 * time.Second),
		ApprovalTimeout: span(24 * time.Hour),
		Signs: map[Sign]manifest.Weight{
			Crash: manifest.Full, OOM: manifest.Full, Sandbox: manifest.Full, Probes: manifest.Full,
			Restart: manifest.Full / 2, Memory: manifest.Full / 2, Difference: manifest.Full,
			// Once may be harmless probing, or a busy moment; a second thing is not.
			Denial: manifest.Full / 2, Quota: manifest.Full / 2,
		},
	}
}

func span(d time.Duration) *manifest.Duration { return new(manifest.Duration(d)) }
