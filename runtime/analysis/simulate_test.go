package analysis_test

import (
	"math"
	"math/rand/v2"

	"github.com/segue-run/segue/runtime/analysis"
	"github.com/segue-run/segue/runtime/module"
	"github.com/segue-run/segue/sdk/manifest"
)

// never is later than any request of a simulation.
const never = math.MaxInt

// trouble says which requests of a stream are bad, whichever side gets them: the
// number of the first bad one from t on. It is asked with rising numbers.
type trouble func(rng *rand.Rand) (next func(t int) int)

// steady is bad with the same chance at every request.
func steady(p float64) trouble {
	return func(rng *rand.Rand) func(int) int {
		return func(t int) int { return gap(rng, p, t) }
	}
}

// gap is the first number from t on that a coin of chance p picks.
func gap(rng *rand.Rand, p float64, t int) int {
	switch {
	case p <= 0:
		return never
	case p >= 1:
		return t
	}
	return t + int(min(math.Log(1-rng.Float64())/math.Log1p(-p), 1e12))
}

// bursts come and go: a chance of bad while one lasts, of good between them.
func bursts(good, bad float64, between, long float64) trouble {
	return func(rng *rand.Rand) func(int) int {
		burst, end := false, gap(rng, 1/between, 0)
		return func(t int) int {
			for {
				p := good
				if burst {
					p = bad
				}
				if n := gap(rng, p, t); n < end {
					return n
				}
				t = max(t, end)
				burst = !burst
				if burst {
					end = t + gap(rng, 1/long, 0) + 1
				} else {
					end = t + gap(rng, 1/between, 0) + 1
				}
			}
		}
	}
}

// periodic is bad at every period'th request.
func periodic(period int) trouble {
	return func(rng *rand.Rand) func(int) int {
		phase := rng.IntN(period)
		return func(t int) int { return t + ((phase-t)%period+period)%period }
	}
}

// outage is bad with chance p but in a stretch at a random place before the
// end-th request, in which most are.
func outage(p float64, long, end int) trouble {
	return func(rng *rand.Rand) func(int) int {
		from := rng.IntN(end)
		return func(t int) int {
			if t < from {
				if n := gap(rng, p, t); n < from {
					return n
				}
				t = from
			}
			if t < from+long {
				if n := gap(rng, 0.9, t); n < from+long {
					return n
				}
				t = from + long
			}
			return gap(rng, p, t)
		}
	}
}

// dealer deals the requests of one step to two sides, by one random slot in each
// block.
type dealer struct {
	rng          *rand.Rand
	length       int // of a block; 1 gives the candidate everything
	block, place int
	keyed        bool // by a key of each request's own instead
}

func deal(rng *rand.Rand, share manifest.Weight, keyed bool) *dealer {
	return &dealer{rng: rng, length: int(manifest.Full / share), block: -1, keyed: keyed}
}

// take is whether request t is the candidate's, and how many it has had with t. Ask
// with rising numbers.
func (d *dealer) take(t int) (candidate bool, had int) {
	if d.keyed {
		return d.rng.IntN(d.length) == 0, (t + 1) / d.length
	}
	block := t / d.length
	if block != d.block {
		d.block, d.place = block, d.rng.IntN(d.length)
	}
	at := t - block*d.length
	if at >= d.place {
		had = 1
	}
	return at == d.place, block + had
}

// leg is one step of a simulated rollout: a share, and how many requests the
// candidate gets in it.
type leg struct {
	share    manifest.Weight
	requests int
}

// standard are the default steps.
func standard(requests int) []leg {
	return []leg{{100, requests}, {500, requests}, {2500, requests}, {5000, requests}, {manifest.Full, 2 * requests}}
}

// scenario is traffic that is as good or bad whichever side serves it.
type scenario struct {
	name         string
	errors, slow trouble
	keyed        bool // each bad request has a key, and the keys are dealt
}

// rollout plays one of a release that behaves as stable does, and asks for the
// verdict at each bad request of the candidate: no other one adds evidence against
// it. Where the candidate fails with nothing beside it, stable gets half of the
// requests again if back is set. It reports whether the candidate failed, and the
// share at which it did.
func rollout(rng *rand.Rand, l analysis.Limits, legs []leg, back bool, sc scenario) (bool, manifest.Weight) {
	nextError, nextSlow := sc.errors(rng), sc.slow(rng)
	e, s := nextError(0), nextSlow(0)
	var steps []analysis.Step
	start := 0
	for i := 0; i < len(legs); i++ {
		leg := legs[i]
		d := deal(rng, leg.share, sc.keyed)
		steps = append(steps, analysis.Step{Share: leg.share})
		now := &steps[i]
		end := start + leg.requests*d.length
		for min(e, s) < end {
			t := min(e, s)
			candidate, had := d.take(t - start)
			side := &now.Stable
			if candidate {
				side = &now.Candidate
			}
			now.Candidate.Requests, now.Stable.Requests = uint64(had), uint64(t-start+1-had)
			if e == t {
				side.Errors++
				e = nextError(t + 1)
			}
			if s == t {
				side.Slow++
				s = nextSlow(t + 1)
			}
			if !candidate {
				continue
			}
			f := analysis.Compare(l, steps)
			if f.Verdict != module.Fail {
				continue
			}
			if !f.Uncontrolled || !back {
				return true, leg.share
			}
			end = t + 1
			if len(legs) < 50 {
				legs = append(legs, legs[3], leg)
			}
			break
		}
		if start+leg.requests*d.length == end {
			now.Candidate.Requests, now.Stable.Requests = uint64(leg.requests), uint64(leg.requests*(d.length-1))
		}
		start = end
	}
	return false, 0
}

// risks are the chances of one side's requests to be bad.
type risks struct{ errors, slow float64 }

// until deals requests at one share until the verdict is want, and counts the
// candidate's; limit is where it gives up.
func until(rng *rand.Rand, l analysis.Limits, share manifest.Weight, stable, candidate risks, want module.Verdict, limit int) int {
	steps := []analysis.Step{{Share: share}}
	now := &steps[0]
	length := int(manifest.Full / share)
	se, ss := gap(rng, stable.errors, 0), gap(rng, stable.slow, 0) // in stable's own numbers
	seen := func(n int) {
		for ; se < n; se = gap(rng, stable.errors, se+1) {
			now.Stable.Errors++
		}
		for ; ss < n; ss = gap(rng, stable.slow, ss+1) {
			now.Stable.Slow++
		}
		now.Stable.Requests = uint64(n)
	}
	for n := range limit {
		seen(n*(length-1) + rng.IntN(length))
		now.Candidate.Requests++
		bad := false
		if rng.Float64() < candidate.errors {
			now.Candidate.Errors++
			bad = true
		}
		if rng.Float64() < candidate.slow {
			now.Candidate.Slow++
			bad = true
		}
		if (bad || want == module.Pass) && analysis.Compare(l, steps).Verdict == want {
			return n + 1
		}
	}
	return limit
}
