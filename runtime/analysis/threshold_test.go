package analysis_test

import (
	"strings"
	"testing"

	"github.com/segue-run/segue/runtime/analysis"
	"github.com/segue-run/segue/runtime/module"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestThresholdFailsACandidateOnlyAboveItsLimits(t *testing.T) {
	judge := analysis.Threshold{MaxErrors: 500, MinErrors: 3, MaxSlow: 5000, MinSlow: 10}
	for _, c := range []struct {
		name              string
		stable, candidate analysis.Sample
		want              module.Verdict
		why               string
	}{
		{name: "no requests are no evidence", want: module.Pass},
		{name: "two errors are too few to judge", candidate: analysis.Sample{Requests: 2, Errors: 2}, want: module.Pass},
		{name: "three of three is out", candidate: analysis.Sample{Requests: 3, Errors: 3}, want: module.Fail, why: "3 of 3 requests failed"},
		{name: "five percent is allowed", candidate: analysis.Sample{Requests: 100, Errors: 5}, want: module.Pass},
		{name: "six percent is not", candidate: analysis.Sample{Requests: 100, Errors: 6}, want: module.Fail, why: "6.0 %"},
		{name: "a stable that fails as well excuses it", stable: analysis.Sample{Requests: 100, Errors: 50}, candidate: analysis.Sample{Requests: 100, Errors: 60}, want: module.Pass},
		{name: "nine slow ones are too few", candidate: analysis.Sample{Requests: 9, Slow: 9}, want: module.Pass},
		{name: "most of them slow is out", candidate: analysis.Sample{Requests: 12, Slow: 10}, want: module.Fail, why: "10 of 12 requests were slow"},
		{name: "a slow stable excuses it", stable: analysis.Sample{Requests: 10, Slow: 5}, candidate: analysis.Sample{Requests: 12, Slow: 12}, want: module.Pass},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, why := judge.Judge(c.stable, c.candidate)
			if got != c.want || !strings.Contains(why, c.why) {
				t.Errorf("Judge = %s, %q; want %s, %q", got, why, c.want, c.why)
			}
		})
	}
}

func TestThresholdWithoutSlownessLimitsIgnoresSlowness(t *testing.T) {
	judge := analysis.Threshold{MaxErrors: 500, MinErrors: 3}
	if got, why := judge.Judge(analysis.Sample{}, analysis.Sample{Requests: 100, Slow: 100}); got != module.Pass {
		t.Errorf("Judge = %s, %q; want a pass", got, why)
	}
}
