package e2e_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/segue-run/segue/runtime/module"
)

func TestTheLatestSettledOfferWins(t *testing.T) {
	s := started(t, "rollout: {strategy: gradual, steps: [10%, 100%], hold: 1h}\n")
	s.drop(release("1.0.0"), "hello-1.0.0")
	s.awaitStable("1.0.0")
	s.drop(release("2.0.0-slow"), "hello-2.0.0")
	s.awaitStatus("the first offer shifts", func(st module.Status) bool { return st.Candidate != nil && st.Candidate.Weight == 1000 })
	s.drop(release("1.1.0"), "hello-1.1.0")
	s.awaitStatus("the second has taken its place", func(st module.Status) bool {
		return st.Candidate != nil && st.Candidate.Version == "1.1.0" && st.Candidate.Weight == 1000
	})
	s.awaitEvent(module.RolloutAborted, "", "superseded by hello@1.1.0")
}

func TestAfterARollbackTheFileStaysAndIsNotTriedAgain(t *testing.T) {
	s := started(t, "rollout: {strategy: gradual, steps: [10%, 100%], hold: 1h}\n")
	s.drop(release("1.0.0"), "hello-1.0.0")
	s.awaitStable("1.0.0")
	s.drop(release("2.0.0-unready"), "hello-2.0.0")
	s.awaitEvent(module.RolloutFailed, "", "not ready")
	s.stop()
	s.start()
	s.awaitStable("1.0.0")
	s.eventually("the directory was scanned", func() error {
		if strings.Count(s.log.String(), "watched directory was scanned") < 2 {
			return errors.New("not yet")
		}
		return nil
	})
	now := time.Now()
	must(t, os.Chtimes(filepath.Join(s.modules, "hello-2.0.0"), now, now))
	s.awaitEvent(module.OfferRefused, "hello-2.0.0", "quarantine")
	if got := s.eventsOf(module.RolloutFailed, ""); len(got) != 1 {
		t.Errorf("it was tried again: %v", got)
	}
}

func TestBytesSeenBeforeAreAnOfferWhenTheyAppearWhileItRuns(t *testing.T) {
	s := started(t, "rollout: {strategy: instant, hold: 0s}\n")
	s.drop(release("1.0.0"), "hello-1.0.0")
	s.awaitStable("1.0.0")
	s.drop(release("1.1.0"), "hello-1.1.0")
	s.awaitStable("1.1.0")
	s.stop()
	s.start() // both are decided: 1.1.0 stays
	s.awaitStable("1.1.0")
	s.drop(release("1.0.0"), "hello-1.0.0")
	s.awaitStable("1.0.0")
}

func TestRemovingTheLastFileOfStableDeactivatesAndAnyOtherMeansNothing(t *testing.T) {
	s := started(t, "rollout: {strategy: instant, hold: 0s}\n")
	s.drop(release("1.0.0"), "a")
	s.awaitStable("1.0.0")
	s.drop(release("1.1.0"), "b")
	s.awaitStable("1.1.0")
	s.drop(release("1.1.0"), "c") // the same bytes once more
	s.awaitEvent(module.OfferUnchanged, "c", "")
	must(t, os.Remove(filepath.Join(s.modules, "a"))) // not stable's
	must(t, os.Remove(filepath.Join(s.modules, "b"))) // not the last
	time.Sleep(4 * time.Second)
	s.awaitStable("1.1.0")
	must(t, os.Remove(filepath.Join(s.modules, "c")))
	s.awaitEvent(module.ModuleDeactivated, "", "its last file c was removed")
	st := s.awaitStatus("it is inactive", func(st module.Status) bool { return st.State == module.Inactive })
	if st.Stable != nil {
		t.Errorf("status %s", describe(st))
	}
	if status, _, _ := s.served("/hello/version"); status != 404 {
		t.Errorf("status %d", status)
	}
	s.drop(release("1.1.0"), "c")
	s.awaitStable("1.1.0")
}

func TestOnRemoveKeepLeavesTheModuleServing(t *testing.T) {
	s := started(t, instantly+"on_remove: keep\n")
	s.drop(release("1.0.0"), "hello")
	s.awaitStable("1.0.0")
	must(t, os.Remove(filepath.Join(s.modules, "hello")))
	time.Sleep(4 * time.Second)
	s.awaitStable("1.0.0")
}

func TestReplacingTheFileIsNoRemoval(t *testing.T) {
	s := started(t, "rollout: {strategy: instant, hold: 0s}\n")
	to := filepath.Join(s.modules, "hello")
	must(t, copyFile(release("1.0.0"), to))
	s.awaitStable("1.0.0")
	must(t, os.Remove(to))
	must(t, slowly(release("1.1.0"), to, false))
	s.awaitStable("1.1.0")
	if got := s.eventsOf(module.ModuleDeactivated, ""); len(got) > 0 {
		t.Errorf("events %v", got)
	}
}

func TestRemovingStablesFileWhileItsSuccessorIsOnItsWayTakesNothingDown(t *testing.T) {
	s := started(t, "rollout: {strategy: gradual, steps: [50%, 100%], hold: 4s, limit: 4s}\n")
	s.drop(release("1.0.0"), "hello-1.0.0")
	s.awaitStable("1.0.0")
	s.drop(release("1.1.0"), "hello-1.1.0")
	s.awaitStatus("it shifts", func(st module.Status) bool { return st.Candidate != nil && st.Candidate.Weight == 5000 })
	must(t, os.Remove(filepath.Join(s.modules, "hello-1.0.0")))
	s.awaitStable("1.1.0")
	if got := s.eventsOf(module.ModuleDeactivated, ""); len(got) > 0 {
		t.Errorf("events %v", got)
	}
}
