package e2e_test

import (
	"strings"
	"testing"
	"time"

	"github.com/segue-run/segue/runtime/module"
)

// reborn kills the runtime and starts it again.
func (s *site) reborn() {
	s.t.Helper()
	modules := children(s.t, s.proc.Process.Pid)
	s.kill()
	s.noneLeft(modules)
	s.start()
}

func TestKilledInAFreezeItIsFrozenAfterwards(t *testing.T) {
	s := serving(t, instantly)
	s.configure("rollout: {strategy: gradual, steps: [50%, 100%], hold: 100ms, limit: 200ms, approvals: [each_step], " + frozen() + "}\n")
	s.segue("deploy", release("1.1.0"))
	id := s.awaitStatus("it is frozen", waits("freeze", "")).Rollout.ID
	s.reborn()
	st := s.awaitStatus("it is frozen again", waits("freeze", ""))
	if st.Rollout.ID != id || st.Rollout.Phase != "pending" || st.Candidate != nil && st.Candidate.PID != 0 {
		t.Errorf("status %s", describe(st))
	}
	s.segue("approve", "hello")
	s.awaitStatus("it is through", waits("approval", "each_step"))
	s.reborn() // the leave is for all of it
	st = s.awaitStatus("it is through still", func(st module.Status) bool { return waits("approval", "each_step")(st) && weighs("1.1.0", 5000)(st) })
	if st.Rollout.ID != id {
		t.Errorf("status %s", describe(st))
	}
	s.segue("approve", "hello")
	s.awaitStable("1.1.0")
}

func TestKilledAtAnApprovalItAsksAgainAndKeepsWhatWasSeen(t *testing.T) {
	s := serving(t, instantly)
	s.configure("rollout: {strategy: gradual, steps: [30%, 60%, 100%], hold: 100ms, limit: 200ms, slow_floor: 5s, approvals: [before_traffic, each_step]}\n")
	s.segue("deploy", release("1.1.0"))
	s.awaitStatus("it waits", waits("approval", "before_traffic"))
	s.reborn()
	s.awaitStatus("it waits again", waits("approval", "before_traffic"))
	s.segue("approve", "hello")
	s.awaitStatus("step 1 waits", waits("approval", "each_step"))
	for range 100 {
		s.by()
	}
	s.segue("approve", "hello")
	before := s.awaitStatus("step 2 waits", func(st module.Status) bool { return weighs("1.1.0", 6000)(st) && waits("approval", "each_step")(st) })
	s.reborn()
	after := s.awaitStatus("step 2 waits again", func(st module.Status) bool { return weighs("1.1.0", 6000)(st) && waits("approval", "each_step")(st) })
	if len(after.Rollout.Samples) != 2 || after.Rollout.Samples[0] != before.Rollout.Samples[0] || before.Rollout.Samples[0].Candidate.Requests < 20 {
		t.Errorf("samples %+v, then %+v", before.Rollout.Samples, after.Rollout.Samples)
	}
	if after.Rollout.ID != before.Rollout.ID || !after.Rollout.Started.Equal(before.Rollout.Started) {
		t.Errorf("another rollout: %s", describe(after))
	}
	s.segue("approve", "hello")
	s.awaitStable("1.1.0")
}

func TestKilledWhilePausedItIsPausedAfterwards(t *testing.T) {
	s := serving(t, "rollout: {strategy: gradual, steps: [50%, 100%], hold: 100ms, limit: 200ms, approvals: [each_step]}\n")
	s.segue("deploy", release("1.1.0"))
	s.awaitStatus("it waits", waits("approval", "each_step"))
	s.segue("pause", "hello", "--reason", "lunch")
	s.segue("approve", "hello")
	before := s.awaitStatus("it is paused", waits("pause", "")).Rollout.Waiting
	s.reborn()
	after := s.awaitStatus("it is paused still", func(st module.Status) bool { return weighs("1.1.0", 5000)(st) && waits("pause", "")(st) }).Rollout.Waiting
	if after.Actor != before.Actor || !strings.Contains(after.Message, "lunch") || !after.Since.Equal(before.Since) {
		t.Errorf("%+v, then %+v", before, after)
	}
	s.segue("resume", "hello")
	s.awaitStable("1.1.0")
}

func TestKilledWithAReleaseInTheQueueItComesAllTheSame(t *testing.T) {
	s := serving(t, "rollout: {strategy: gradual, steps: [50%, 100%], hold: 1h, on_new: queue}\n")
	s.segue("deploy", release("1.1.0"))
	s.awaitStatus("it shifts", weighs("1.1.0", 5000))
	s.segue("deploy", chaos("chatty"))
	s.reborn()
	s.awaitStatus("it shifts, and the other waits", func(st module.Status) bool {
		return weighs("1.1.0", 5000)(st) && st.Queued != nil && st.Queued.Version == "1.2.0"
	})
	s.segue("abort", "hello")
	if st := s.awaitStatus("it has its turn", weighs("1.2.0", 5000)); st.Stable.Version != "1.0.0" {
		t.Errorf("status %s", describe(st))
	}
}

func TestKilledWithinAStepTheEvidenceOfTheStepIsKept(t *testing.T) {
	s := serving(t, "rollout: {strategy: gradual, steps: [50%, 100%], hold: 1h, slow_floor: 5s}\n")
	s.segue("deploy", release("1.1.0"))
	s.awaitStatus("it shifts", weighs("1.1.0", 5000))
	for range 100 {
		s.by()
	}
	before := s.awaitStatus("it is seen", func(st module.Status) bool { return st.Rollout.CandidateSample.Requests >= 40 }).Rollout
	time.Sleep(2 * time.Second) // the last second may be lost
	s.reborn()
	after := s.awaitStatus("it shifts again", weighs("1.1.0", 5000)).Rollout
	if after.CandidateSample.Requests < before.CandidateSample.Requests {
		t.Errorf("%+v, then %+v", before.CandidateSample, after.CandidateSample)
	}
}
