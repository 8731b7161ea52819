package analysis_test

import (
	"cmp"
	"math/rand/v2"
	"slices"

	"testing"

	"github.com/segue-run/segue/runtime/analysis"
	"github.com/segue-run/segue/runtime/module"
	"github.com/segue-run/segue/sdk/manifest"
)

// chance is that of at most k in n, where each comes with chance p.
func chance(k, n int, p float64) float64 {
	term, sum := 1.0, 0.0
	for range n {
		term *= 1 - p
	}
	for i := range k + 1 {
		sum += term
		term *= float64(n-i) / float64(i+1) * p / (1 - p)
	}
	return sum
}

// runs is how often a scenario is played.
const runs = 1500

// provesOnePerCent reports whether the upper 95% bound of k in runs is below 1%.
func provesOnePerCent(k int) bool { return chance(k, runs, 0.01) <= 0.05 }

func TestReleasesThatDifferInNothingAreHardlyEverTakenBack(t *testing.T) {
	for _, sc := range []scenario{
		{name: "no failures", errors: steady(0), slow: steady(0.003)},
		{name: "0.1 % fail", errors: steady(0.001), slow: steady(0.003)},
		{name: "1 % fail", errors: steady(0.01), slow: steady(0.01)},
		{name: "5 % fail", errors: steady(0.05), slow: steady(0.005)},
		{name: "short bursts", errors: bursts(0.0005, 0.5, 2000, 60), slow: bursts(0.002, 0.8, 3000, 50)},
		{name: "long bursts", errors: bursts(0.0005, 0.5, 6000, 600), slow: bursts(0.002, 0.8, 6000, 200)},
		{name: "every fiftieth", errors: periodic(50), slow: periodic(100)},
		{name: "every seventy-seventh", errors: periodic(77), slow: periodic(111)},
		{name: "keys of their own", errors: steady(0.01), slow: steady(0.01), keyed: true},
		{name: "keys in bursts", errors: bursts(0.0005, 0.5, 2000, 60), slow: steady(0.003), keyed: true},
		{name: "an outage of both", errors: outage(0.001, 1000, 13000), slow: outage(0.003, 500, 13000)},
	} {
		t.Run(sc.name, func(t *testing.T) {
			t.Parallel()
			failed := 0
			for i := range runs {
				rng := rand.New(rand.NewPCG(7, uint64(i)))
				if bad, _ := rollout(rng, usual, standard(100), true, sc); bad {
					failed++
				}
			}
			t.Logf("%d of %d were taken back", failed, runs)
			if !provesOnePerCent(failed) {
				t.Errorf("%d of %d rollouts of the same release were taken back", failed, runs)
			}
		})
	}
}

func TestWithNothingBesideItTheSameReleaseIsHardlyEverTakenBackInSteadyTraffic(t *testing.T) {
	for _, p := range []float64{0.001, 0.01, 0.05} {
		failed := 0
		for i := range runs {
			rng := rand.New(rand.NewPCG(8, uint64(i)))
			if bad, _ := rollout(rng, usual, standard(100), false, scenario{errors: steady(p), slow: steady(p)}); bad {
				failed++
			}
		}
		if !provesOnePerCent(failed) {
			t.Errorf("at %g, %d of %d rollouts of the same release were taken back", p, failed, runs)
		}
	}
}

func TestTroubleOfBothSidesWithNothingBesideTheCandidateIsMarkedAsSuch(t *testing.T) {
	sc := scenario{errors: outage(0.001, 1000, 13000), slow: steady(0)}
	whole := 0
	for i := range runs {
		rng := rand.New(rand.NewPCG(9, uint64(i)))
		if bad, share := rollout(rng, usual, standard(100), false, sc); bad && share < manifest.Full {
			t.Errorf("run %d failed beside stable", i)
		} else if bad {
			whole++
		}
	}
	if whole == 0 {
		t.Error("no outage reached the last step; the test shows nothing")
	}
}

// Answers come back in another order than requests were dealt: here some after
// hundreds of others, and bad ones later than good ones.
func TestAnswersOutOfOrderFailNoMoreReleases(t *testing.T) {
	type event struct {
		at        float64
		candidate bool
	}
	failed := 0
	for i := range runs {
		rng := rand.New(rand.NewPCG(10, uint64(i)))
		d, next := deal(rng, 1000, false), bursts(0.001, 0.6, 500, 100)(rng)
		var events []event
		for n := next(0); n < 2000; n = next(n + 1) {
			candidate, _ := d.take(n)
			events = append(events, event{float64(n) + 100*rng.ExpFloat64(), candidate})
		}
		slices.SortFunc(events, func(a, b event) int { return cmp.Compare(a.at, b.at) })
		step := analysis.Step{Share: 1000}
		for _, e := range events {
			n := uint64(e.at)
			step.Candidate.Requests, step.Stable.Requests = n/10, n-n/10
			if !e.candidate {
				step.Stable.Errors++
				continue
			}
			step.Candidate.Errors++
			if analysis.Compare(usual, []analysis.Step{step}).Verdict == module.Fail {
				failed++
				break
			}
		}
	}
	if !provesOnePerCent(failed) {
		t.Errorf("%d of %d steps of the same release failed", failed, runs)
	}
}

// after is the median and the 95th percentile of the candidate's requests until the
// verdict.
func after(l analysis.Limits, share manifest.Weight, stable, candidate risks, want module.Verdict) (median, most int) {
	const times = 200
	var got []int
	for i := range times {
		got = append(got, until(rand.New(rand.NewPCG(11, uint64(i))), l, share, stable, candidate, want, 3000))
	}
	slices.Sort(got)
	return got[times/2], got[times*95/100]
}

func TestAWorseReleaseFailsWithinFewOfItsRequests(t *testing.T) {
	for _, share := range []manifest.Weight{100, 500, 1000} {
		for _, c := range []struct {
			risk float64
			most int
		}{{1, 5}, {0.5, 15}, {0.1, 130}, {0.05, 320}} {
			if _, got := after(usual, share, risks{0.001, 0.003}, risks{c.risk, 0.003}, module.Fail); got > c.most {
				t.Errorf("at %v, failing with %g: out after %d requests in 95 of 100 cases, want %d", share, c.risk, got, c.most)
			}
		}
		// Five times as slow as a stable with a log-normal tail, above 1.5 times its p99.
		if _, got := after(usual, share, risks{0.001, 0.003}, risks{0.001, 0.13}, module.Fail); got > 130 {
			t.Errorf("at %v, slow with 0.13: out after %d requests in 95 of 100 cases, want 130", share, got)
		}
	}
}

func TestASameReleasePassesWithinFewOfItsRequests(t *testing.T) {
	for _, share := range []manifest.Weight{100, 500, 2500} {
		for _, c := range []struct {
			risk   float64
			median int
		}{{0, 100}, {0.001, 100}, {0.01, 200}, {0.05, 500}} {
			got, _ := after(usual, share, risks{c.risk, 0.003}, risks{c.risk, 0.003}, module.Pass)
			if got < int(usual.MinRequests) || got > c.median {
				t.Errorf("at %v, failing with %g: passes after %d requests in half of the cases, want %d at most", share, c.risk, got, c.median)
			}
		}
	}
}

func TestAWorseReleaseHardlyEverPassesAStep(t *testing.T) {
	l := usual
	l.MinRequests = 1
	for _, share := range []manifest.Weight{100, 1000, 5000} {
		passed := 0
		for i := range 200 {
			rng := rand.New(rand.NewPCG(12, uint64(i)))
			if until(rng, l, share, risks{0.01, 0}, risks{0.051, 0}, module.Pass, 600) < 600 {
				passed++
			}
		}
		if passed > 10 {
			t.Errorf("at %v, %d of 200 releases that fail 5 times as often passed", share, passed)
		}
	}
}
