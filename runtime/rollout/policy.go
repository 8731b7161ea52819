package rollout

import (
	"time"

	"github.com/segue-run/segue/runtime/policy"
)

// Policy is how one rollout goes, with nothing left open.
type Policy = policy.Policy

func hold(p Policy) time.Duration {
	if p.Hold == nil {
		return 0
	}
	return p.Hold.Std()
}
