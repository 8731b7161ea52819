package trial

import "time"

// Thresholds are how a checker at fixed intervals decides: a look at each interval's
// success rate, a step forward where it is good, and back after so many that are not.
type Thresholds struct {
	Interval time.Duration
	Failures int     // failed intervals until it goes back
	Success  float64 // the least success rate of a good interval
}

// Watch plays the same rollout, request by request, decided by thresholds. An
// interval without a request of the candidate's moves nothing.
func Watch(cfg Config, by Thresholds, seed uint64) Result {
	t := begin(cfg, seed)
	next, failures := by.Interval, 0
	var before Result // when the interval began
	for t.result.Ending == "" {
		r := t.source.Next()
		for ; r.At >= next && t.result.Ending == ""; next += by.Interval {
			t.now = next
			requests, failed := t.result.Candidate-before.Candidate, t.result.Failed-before.Failed
			before = t.result
			switch {
			case requests == 0:
			case float64(requests-failed) >= by.Success*float64(requests):
				t.nextStep()
			default:
				if failures++; failures >= by.Failures {
					t.end(RolledBack, "too many failed intervals")
				}
			}
		}
		if t.result.Ending == "" {
			t.now = r.At
			t.choose(r)
		}
	}
	return t.result
}
