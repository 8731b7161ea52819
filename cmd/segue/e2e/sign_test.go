package e2e_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/segue-run/segue/runtime/module"
)

func TestACrashInTrafficIsASignThatTakesTheCandidateBack(t *testing.T) {
	s := serving(t, "rollout: {strategy: gradual, steps: [50%, 100%], hold: 1h, slow_floor: 5s}\n")
	s.segue("deploy", release("2.0.0-crash"))
	ro := s.used(2, s.reading(), "it is taken back", over("2.0.0-crash", "rolled-back")).Rollout
	signs := ro.Evidence.Signs
	if len(signs) == 0 || signs[0].Kind != "crash" || !strings.Contains(signs[0].Message, "3") || !strings.Contains(s.segue("show", "hello"), "crash 100%") {
		t.Errorf("rollout %+v", ro)
	}
	s.awaitEvent(module.RolloutSign, "", "crash")
}

func TestACrashThatWeighsLessIsSurvivedUntilTheyAddUp(t *testing.T) {
	s := serving(t, "rollout: {strategy: gradual, steps: [50%, 100%], hold: 1h, slow_floor: 5s, signs: {crash: 30%, restart: 10%}}\n")
	s.segue("deploy", release("2.0.0-crash"))
	ro := s.used(2, s.reading(), "it is taken back", over("2.0.0-crash", "rolled-back")).Rollout
	if signs := ro.Evidence.Signs; len(signs) < 2 || signs[0].Weight != 3000 || signs[1].Kind != "restart" {
		t.Errorf("rollout %+v", ro)
	}
}

func TestACandidateThatRunsOutOfMemoryIsToldAsSuch(t *testing.T) {
	s := serving(t, "rollout: {strategy: gradual, steps: [50%, 100%], hold: 1h, slow_floor: 5s}\nmodules: {hello: {quotas: {memory: 160MiB}}}\n")
	s.segue("deploy", release("2.0.0-hog"))
	s.awaitStatus("it shifts", weighs("2.0.0-hog", 5000))
	ro := s.used(1, func() {
		// Of stable it is 404, and so is what stable makes good.
		if got, err := s.ask(client, http.MethodGet, "/hello/grow", ""); err != nil || got.status != http.StatusNotFound {
			t.Errorf("%d by %s, %v", got.status, got.release, err)
		}
		time.Sleep(10 * time.Millisecond)
	}, "it is taken back", over("2.0.0-hog", "rolled-back")).Rollout
	signs := ro.Evidence.Signs
	oom := slices.ContainsFunc(signs, func(s module.Sign) bool { return s.Kind == "oom" && s.Weight == 10000 })
	if !oom || !strings.Contains(ro.Reason, "memory quota of 160 MiB reached") {
		t.Errorf("rollout %+v", ro)
	}
}
