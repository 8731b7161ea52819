package analysis_test

import (
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/segue-run/segue/runtime/analysis"
	"github.com/segue-run/segue/runtime/module"
	"github.com/segue-run/segue/sdk/manifest"
)

// anyOf draws a sample in which nothing is more often than there were requests.
func anyOf(rng *rand.Rand, most uint64) analysis.Sample {
	n := rng.Uint64N(most + 1)
	bad := func() uint64 {
		if rng.IntN(3) == 0 {
			return 0
		}
		return rng.Uint64N(n/uint64(1+rng.IntN(50)) + 1)
	}
	return sample(n, bad(), bad())
}

func anyShare(rng *rand.Rand) manifest.Weight {
	return []manifest.Weight{0, 1, 100, 500, 2500, 3333, 5000, 9900, 9999, manifest.Full}[rng.IntN(10)]
}

// look asks for the evidence both ways: with the last step as it is, and with
// nothing beside the candidate.
func look(l analysis.Limits, steps []analysis.Step) [4]float64 {
	last := steps[len(steps)-1]
	f, g := analysis.Compare(l, steps), analysis.Alone(l, last.Stable, last.Candidate)
	return [4]float64{f.Errors, f.Slow, g.Errors, g.Slow}
}

// What keeps a verdict that is looked at only after bad requests the same as one
// that is looked at after every request.
func TestEvidenceMovesTheRightWay(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(s *analysis.Step)
		rises  bool
	}{
		{"another failure of the candidate", func(s *analysis.Step) { s.Candidate.Requests++; s.Candidate.Errors++; s.Candidate.Slow++ }, true},
		{"another good request of the candidate", func(s *analysis.Step) { s.Candidate.Requests++ }, false},
		{"another failure of stable", func(s *analysis.Step) { s.Stable.Requests++; s.Stable.Errors++; s.Stable.Slow++ }, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			rng := rand.New(rand.NewPCG(1, 2))
			for range 5000 {
				var steps []analysis.Step
				for range 1 + rng.IntN(4) {
					steps = append(steps, analysis.Step{Share: anyShare(rng), Stable: anyOf(rng, 2000), Candidate: anyOf(rng, 60)})
				}
				before := look(usual, steps)
				c.change(&steps[len(steps)-1])
				for i, now := range look(usual, steps) {
					if i >= 2 && steps[len(steps)-1].Stable.Requests == 1 {
						continue // the first that is known of what was before
					}
					if c.rises && now < before[i]-1e-9 || !c.rises && now > before[i]+1e-9 {
						t.Fatalf("%+v: evidence %d went from %g to %g", steps, i, before[i], now)
					}
				}
			}
		})
	}
}

func TestMoreGoodRequestsOfStableNeverExcuseTheCandidate(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	for range 5000 {
		step := analysis.Step{Share: anyShare(rng), Stable: anyOf(rng, 2000), Candidate: anyOf(rng, 60)}
		before := analysis.Compare(usual, []analysis.Step{step})
		step.Stable.Requests += 100
		if now := analysis.Compare(usual, []analysis.Step{step}); step.Share < manifest.Full && (now.Errors < before.Errors || now.Slow < before.Slow) {
			t.Fatalf("%+v: evidence fell from %+v to %+v", step, before, now)
		}
	}
}

func TestEveryCountHasAVerdict(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	counts := []uint64{0, 0, 1, 2, 3, 49, 50, 1000, 1e6, 1e12, 1e18}
	draw := func() uint64 { return counts[rng.IntN(len(counts))] }
	weights := []manifest.Weight{0, 1, 50, 500, manifest.Full - 1, manifest.Full, math.MaxUint16}
	weight := func() manifest.Weight { return weights[rng.IntN(len(weights))] }
	for range 50000 {
		l := analysis.Limits{MaxErrors: weight(), MaxSlow: weight(), MinRequests: draw()}
		var steps []analysis.Step
		for range rng.IntN(4) {
			steps = append(steps, analysis.Step{Share: weight(), Stable: sample(draw(), draw(), draw()), Candidate: sample(draw(), draw(), draw())})
		}
		findings := []analysis.Finding{
			analysis.Compare(l, steps),
			analysis.Alone(l, sample(draw(), draw(), draw()), sample(draw(), draw(), draw())),
		}
		for _, f := range findings {
			if !sane(f) {
				t.Fatalf("limits %+v, steps %+v: %+v", l, steps, f)
			}
		}
	}
}

func sane(f analysis.Finding) bool {
	for _, x := range []float64{f.Errors, f.Slow} {
		if !(x >= 0 && x <= 1) {
			return false
		}
	}
	if strings.Contains(f.Reason, "NaN") || strings.Contains(f.Reason, "Inf") {
		return false
	}
	switch f.Verdict {
	case module.Fail:
		return f.Reason != "" && max(f.Errors, f.Slow) == 1
	case module.Inconclusive:
		return f.Reason != "" && max(f.Errors, f.Slow) < 1 && !f.Uncontrolled
	case module.Pass:
		return f.Reason == "" && !f.Uncontrolled
	}
	return false
}
