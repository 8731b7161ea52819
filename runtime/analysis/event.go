package analysis

import (
	"math"

	"github.com/segue-run/segue/sdk/manifest"
)

// event is what may be wrong with a request, and what is made of it. The levels are
// logarithms of 1/chance; together they are the budget of a rollout (see the
// package's documentation).
type event struct {
	did    string  // "failed": of one request and of many
	none   string  // "no failure yet"
	few    uint64  // so many there must be before anything fails
	margin float64 // so many times as often as stable is tolerated
	worse  *tilt   // the candidate's risk is above margin times stable's
	same   *tilt   // it is below nearly times stable's

	besideLevel float64 // to fail beside stable
	aloneLevel  float64 // to fail without stable beside it
}

const (
	// passable is the share of bad requests that a candidate may have at the least
	// and still pass.
	passable = manifest.Weight(500)
	// nearly is how many times stable's risk is no worse.
	nearly = 2
	// leaning is how much of what it takes to fail keeps a candidate from passing.
	leaning = 0.5
	// blind is the share of bad requests that is assumed of a stable which has shown
	// too little to tell: where it is alone, the candidate is not excused for more.
	blind = manifest.Weight(1000)
)

var (
	passLevel  = math.Log(1 / 0.05)   // a step's chance to pass what is worse
	boundLevel = math.Log(1 / 0.0005) // the chance that a bound on stable's past is wrong
)

var failures = &event{
	did: "failed", none: "no failure yet",
	few:         2, // one is no pattern
	margin:      1.5,
	worse:       newTilt(1.5, 2, 3, 6, 15, 50, 150, 1000),
	same:        newTilt(nearly, 1),
	besideLevel: math.Log(1 / 0.0035),
	aloneLevel:  math.Log(1 / 0.0008),
}

var slowness = &event{
	did: "took too long", none: "none too slow yet",
	few:         4, // a cold start has some
	margin:      2,
	worse:       newTilt(2, 3, 5, 10, 30, 100, 1000),
	same:        newTilt(nearly, 1),
	besideLevel: math.Log(1 / 0.003),
	aloneLevel:  math.Log(1 / 0.0008),
}

// of is how often the event has come in the sample; never more often than there
// were requests.
func (e *event) of(s Sample) count {
	if e == slowness {
		return count{s.Requests, min(s.Slow, s.Requests)}
	}
	return count{s.Requests, min(s.Errors, s.Requests)}
}

// limit is what is tolerated of the event, whatever stable does.
func (e *event) limit(l Limits) float64 {
	if e == slowness {
		return part(l.MaxSlow)
	}
	return part(l.MaxErrors)
}

// clip makes of a log e-value how much of the level it is, 0 to 1; but of fewer bad
// requests than few never all of it.
func (e *event) clip(log, level float64, bad uint64) float64 {
	return min(max(log/level, 0), 1, float64(bad)/float64(e.few))
}
