package e2e_test

import (
	"strings"
	"testing"

	"github.com/segue-run/segue/runtime/module"
)

func TestARehearsalShowsWhatTheCandidateAnswersOtherwise(t *testing.T) {
	for _, c := range []struct {
		name, rehearsal string
		phase           string
		different       bool
	}{
		{"it is shown", "rehearsal: {requests: 20}, ", "promoted", true},
		{"what may differ is not", "rehearsal: {requests: 20, ignore: [$.version]}, ", "promoted", false},
		{"with a limit it is taken back", "rehearsal: {requests: 20}, max_differences: 10%, ", "failed", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := serving(t, "rollout: {"+c.rehearsal+"strategy: gradual, steps: [50%, 100%], hold: 100ms, limit: 200ms}\n")
			s.segue("deploy", release("1.1.0"))
			ro := s.awaitStatus("it is over", over("1.1.0", c.phase)).Rollout
			if ro.Rehearsal == nil || ro.Rehearsal.Requests == 0 || (ro.Rehearsal.Different > 0) != c.different {
				t.Fatalf("rehearsal %+v", ro.Rehearsal)
			}
			text := s.segue("show", "hello")
			if c.different && (ro.Rehearsal.Examples[0].What != "$.version" || !strings.Contains(text, "$.version")) || !strings.Contains(text, "rehearsal") {
				t.Errorf("it is not shown: %+v\n%s", ro.Rehearsal, text)
			}
			if c.phase == "failed" && (ro.CandidateSample.Requests != 0 || !strings.Contains(ro.Reason, "rehearsed")) {
				t.Errorf("rollout %+v", ro)
			}
		})
	}
}

func TestNothingIsRehearsedUnlessItIsAskedFor(t *testing.T) {
	s := serving(t, "rollout: {strategy: gradual, steps: [50%, 100%], hold: 100ms, limit: 200ms, max_differences: 0%}\n")
	s.segue("deploy", release("1.1.0"))
	if ro := s.awaitStatus("it is promoted", over("1.1.0", "promoted")).Rollout; ro.Rehearsal != nil || ro.Mirror != nil || ro.Verdict != module.Unproven {
		t.Errorf("rollout %+v", ro)
	}
}
