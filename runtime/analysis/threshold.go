package analysis

import (
	"fmt"

	"github.com/segue-run/segue/runtime/module"
	"github.com/segue-run/segue/sdk/manifest"
)

// Judge looks at both sides of a step. It may be asked after every request.
type Judge interface {
	// Judge answers Fail as soon as the candidate must go, with the reason in
	// words; else Pass, which allows the step to end when its hold has passed.
	Judge(stable, candidate Sample) (module.Verdict, string)
}

// Threshold fails a candidate whose share of failed requests is above a fixed
// limit, or most of whose requests are slow. It states no error guarantee: with few
// requests it is as blunt as its limits.
type Threshold struct {
	// MaxErrors is the share of requests that may fail; of stable's own share
	// the candidate is allowed twice as much.
	MaxErrors manifest.Weight
	// MinErrors is how many requests must have failed before the share counts.
	MinErrors uint64
	// MaxSlow is the share of requests that may be slow, MinSlow how many must
	// have been before the share counts; a MinSlow of 0 leaves slowness out.
	MaxSlow manifest.Weight
	MinSlow uint64
}

var _ Judge = Threshold{}

// Judge implements the interface.
func (t Threshold) Judge(stable, candidate Sample) (module.Verdict, string) {
	if candidate.Errors >= max(t.MinErrors, 1) {
		limit := max(share(t.MaxErrors), 2*rate(stable.Errors, stable.Requests))
		if got := rate(candidate.Errors, candidate.Requests); got > limit {
			return module.Fail, fmt.Sprintf("%d of %d requests failed (%.1f %%; allowed %.1f %%; stable %d of %d)",
				candidate.Errors, candidate.Requests, 100*got, 100*limit, stable.Errors, stable.Requests)
		}
	}
	if t.MinSlow > 0 && candidate.Slow >= t.MinSlow {
		limit := max(share(t.MaxSlow), 2*rate(stable.Slow, stable.Requests))
		if got := rate(candidate.Slow, candidate.Requests); got > limit {
			return module.Fail, fmt.Sprintf("%d of %d requests were slow (%.1f %%; allowed %.1f %%; stable %d of %d)",
				candidate.Slow, candidate.Requests, 100*got, 100*limit, stable.Slow, stable.Requests)
		}
	}
	return module.Pass, ""
}

func share(w manifest.Weight) float64 { return float64(w) / float64(manifest.Full) }

func rate(part, whole uint64) float64 {
	if whole == 0 {
		return 0
	}
	return float64(part) / float64(whole)
}
