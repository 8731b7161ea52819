package analysis_test

import (
	"fmt"

	"github.com/segue-run/segue/runtime/analysis"
)

func ExampleCompare() {
	limits := analysis.Limits{MaxErrors: 50, MaxSlow: 100, MinRequests: 50}
	steps := []analysis.Step{
		{Share: 100, Stable: analysis.Sample{Requests: 9900, Errors: 10}, Candidate: analysis.Sample{Requests: 100}},
		{Share: 500, Stable: analysis.Sample{Requests: 1140, Errors: 1}, Candidate: analysis.Sample{Requests: 60}},
	}
	f := analysis.Compare(limits, steps)
	fmt.Println(f.Verdict, "-", f.Reason)

	steps[1].Candidate = analysis.Sample{Requests: 80, Errors: 9}
	f = analysis.Compare(limits, steps)
	fmt.Println(f.Verdict, "-", f.Reason)
	// Output:
	// inconclusive - no failure yet, but it takes 15 more of the candidate's requests to call it no worse
	// fail - 9 of 180 requests failed, stable 11 of 11040: 50 times as often (tolerated: 0.5%, or 1.5 times as often as stable)
}
