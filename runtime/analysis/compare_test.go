package analysis_test

import (
	"strings"
	"testing"

	"github.com/segue-run/segue/runtime/analysis"
	"github.com/segue-run/segue/runtime/module"
	"github.com/segue-run/segue/sdk/manifest"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// usual are the limits that a rollout has by default.
var usual = analysis.Limits{MaxErrors: 50, MaxSlow: 100, MinRequests: 50}

func sample(requests, errors, slow uint64) analysis.Sample {
	return analysis.Sample{Requests: requests, Errors: errors, Slow: slow}
}

func TestCompareSaysWhatItSees(t *testing.T) {
	for _, c := range []struct {
		name              string
		share             manifest.Weight
		stable, candidate analysis.Sample
		want              module.Verdict
		reason            string
	}{
		{"no requests", 100, sample(0, 0, 0), sample(0, 0, 0), module.Inconclusive, "0 of 50 requests"},
		{"too few", 100, sample(3700, 0, 0), sample(37, 0, 0), module.Inconclusive, "37 of 50 requests"},
		{"one failure is no pattern", 1, sample(99, 0, 0), sample(1, 1, 0), module.Inconclusive, "50% of what it takes"},
		{"two at a hundredth beside a clean stable", 100, sample(198, 0, 0), sample(2, 2, 0), module.Fail, "2 of 2 requests failed, stable 0 of 198 (tolerated: 0.5%, or 1.5 times as often as stable)"},
		{"many times as often", 100, sample(9900, 1, 0), sample(100, 12, 0), module.Fail, "12 of 100 requests failed, stable 1 of 9900: 1188 times as often"},
		{"both alike", 100, sample(9900, 1188, 0), sample(100, 12, 0), module.Inconclusive, "it takes more requests to tell"},
		{"three that are slow at first", 100, sample(300, 0, 0), sample(3, 0, 3), module.Inconclusive, "3 of 3 requests took too long, stable 0 of 300"},
		{"five that hang", 100, sample(400, 0, 0), sample(5, 0, 5), module.Fail, "5 of 5 requests took too long, stable 0 of 400"},
		{"five that hang at a tenth", 1000, sample(40, 0, 0), sample(5, 0, 5), module.Fail, "took too long"},
		{"enough and clean", 100, sample(9900, 9, 9), sample(100, 0, 0), module.Pass, ""},
		{"not quite enough", 100, sample(4950, 4, 0), sample(60, 0, 0), module.Inconclusive, "no failure yet, but it takes "},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := analysis.Compare(usual, []analysis.Step{{Share: c.share, Stable: c.stable, Candidate: c.candidate}})
			if got.Verdict != c.want || !strings.Contains(got.Reason, c.reason) || got.Reason == "" != (c.reason == "") {
				t.Errorf("Compare = %+v; want %s, %q", got, c.want, c.reason)
			}
		})
	}
}
