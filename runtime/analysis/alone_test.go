package analysis_test

import (
	"strings"
	"testing"

	"github.com/segue-run/segue/runtime/analysis"
	"github.com/segue-run/segue/runtime/module"
	"github.com/segue-run/segue/sdk/manifest"
)

func TestAloneSaysWhatItSees(t *testing.T) {
	first := analysis.Limits{MaxErrors: 500, MaxSlow: 500, MinRequests: 50}
	for _, c := range []struct {
		name              string
		before, candidate analysis.Sample
		want              module.Verdict
		reason            string
	}{
		{"a first release that fails", sample(0, 0, 0), sample(4, 4, 0), module.Fail, "4 of 4 requests failed (tolerated: 5%)"},
		{"a first release that hangs", sample(0, 0, 0), sample(5, 0, 5), module.Fail, "5 of 5 requests took too long (tolerated: 5%)"},
		{"a first release with one failure", sample(0, 0, 0), sample(1, 1, 0), module.Inconclusive, "1 of 50 requests"},
		{"a first release that is good", sample(0, 0, 0), sample(100, 0, 0), module.Pass, ""},
		{"worse than what was before", sample(10000, 10, 10), sample(30, 10, 0), module.Fail, "10 of 30 requests failed, stable 10 of 10000 before: 333 times as often (tolerated: 5%)"},
		{"as bad as what was before", sample(10000, 3000, 10), sample(1000, 300, 0), module.Pass, ""},
		{"all fails after little that was good", sample(1, 0, 0), sample(8, 8, 0), module.Fail, "(tolerated: 15%)"},
		{"some fails after little that was good", sample(1, 0, 0), sample(80, 8, 0), module.Inconclusive, "8 of 80 requests failed"},
		{"all fails where all failed", sample(100, 100, 0), sample(100, 100, 0), module.Pass, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := analysis.Alone(first, c.before, c.candidate)
			if got.Verdict != c.want || !strings.Contains(got.Reason, c.reason) || got.Reason == "" != (c.reason == "") {
				t.Errorf("Alone = %+v; want %s, %q", got, c.want, c.reason)
			}
			if got.Uncontrolled != (got.Verdict == module.Fail) {
				t.Errorf("Uncontrolled = %t at %s", got.Uncontrolled, got.Verdict)
			}
		})
	}
}

func TestWithAllRequestsTheCandidateIsComparedWithWhatStableShowedBefore(t *testing.T) {
	for _, c := range []struct {
		name         string
		stable, last analysis.Sample
		want         module.Verdict
	}{
		{"good", sample(9900, 9, 9), sample(100, 0, 0), module.Pass},
		{"all fails", sample(9900, 9, 9), sample(4, 4, 0), module.Fail},
		{"hangs", sample(9900, 9, 9), sample(4, 0, 4), module.Fail},
		{"a trifle", sample(9900, 9, 9), sample(200, 4, 0), module.Inconclusive},
		{"stable failed as well", sample(9900, 2970, 9), sample(1000, 300, 0), module.Pass},
	} {
		t.Run(c.name, func(t *testing.T) {
			steps := []analysis.Step{
				{Share: 100, Stable: c.stable, Candidate: sample(100, 0, 0)},
				{Share: manifest.Full, Candidate: c.last},
			}
			got := analysis.Compare(usual, steps)
			if got.Verdict != c.want || got.Uncontrolled != (c.want == module.Fail) {
				t.Errorf("Compare = %+v; want %s", got, c.want)
			}
		})
	}
}

func TestWhatFailedBesideStableFailsWithAllRequestsToo(t *testing.T) {
	steps := []analysis.Step{
		{Share: 100, Stable: sample(990, 0, 0), Candidate: sample(10, 5, 0)},
		{Share: manifest.Full, Candidate: sample(10, 0, 0)},
	}
	if got := analysis.Compare(usual, steps); got.Verdict != module.Fail || got.Uncontrolled {
		t.Errorf("Compare = %+v; want a fail beside stable", got)
	}
}
