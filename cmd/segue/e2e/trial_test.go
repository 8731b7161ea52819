package e2e_test

import (
	"strings"
	"testing"

	"github.com/segue-run/segue/runtime/module"
)

func TestAReleaseThatHangsAfterASwitchGivesWayToTheOneBefore(t *testing.T) {
	s := serving(t, "drain_timeout: 20s\nrollout: {strategy: instant, hold: 1h}\n")
	s.segue("deploy", release("2.0.0-stall"), "--wait")
	if st := s.awaitStable("2.0.0-stall"); st.Rollout.Verdict != module.Pending || !strings.Contains(s.segue("show", "hello"), "pending") {
		t.Errorf("while it is on trial: %s", describe(st))
	}
	s.used(12, s.reading(), "the one before is back", func(st module.Status) bool {
		return st.Stable != nil && st.Stable.Version == "1.0.0" && st.Rollout.Phase == "promoted"
	})
	s.awaitEvent(module.ReleaseQuarantine, "", "too long")
}
