package e2e_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/segue-run/segue/runtime/module"
)

func TestTheHistoryTellsOfEveryRolloutAndOutlivesTheRuntime(t *testing.T) {
	s := serving(t, "rollout: {strategy: gradual, steps: [50%, 100%], hold: 100ms, limit: 300ms, slow_floor: 5s}\n")
	s.segue("deploy", release("1.1.0"))
	s.used(2, s.reading(), "1.1.0 is promoted", over("1.1.0", "promoted"))
	s.segue("deploy", release("2.0.0-errors"))
	s.used(2, s.reading(), "the errors are taken back", over("2.0.0-errors", "rolled-back"))
	s.try("deploy", release("2.0.0-unready"), "--wait")
	s.segue("rollback", "hello")
	s.awaitStable("1.0.0")
	want := []string{"1.0.0 promoted", "2.0.0-unready failed", "2.0.0-errors rolled-back", "1.1.0 promoted", "1.0.0 promoted"}
	told := s.history(want)
	for i, line := range strings.Split(strings.TrimSpace(s.segue("history", "hello")), "\n")[1:] {
		if !strings.Contains(line, told[i].ID) || !strings.Contains(line, told[i].Phase) {
			t.Errorf("line %d: %s", i, line)
		}
	}
	s.reborn()
	s.awaitStable("1.0.0")
	s.history(want)
	for _, past := range told {
		var ro module.RolloutStatus
		must(t, json.Unmarshal([]byte(s.segue("history", "hello", past.ID, "-o", "json")), &ro))
		if ro.ID != past.ID || ro.To != past.To || len(ro.Phases) == 0 || ro.Actor == "" || ro.Ended.IsZero() || ro.Ended.Before(ro.Started) {
			t.Errorf("rollout %+v", ro)
		}
		switch ro.To {
		case "1.1.0":
			if len(ro.Samples) != 2 || ro.Samples[0].Weight != 5000 || ro.Samples[0].Candidate.Requests == 0 || ro.Usage.Memory == 0 || ro.Usage.CPU == 0 {
				t.Errorf("samples %+v, usage %+v", ro.Samples, ro.Usage)
			}
		case "2.0.0-errors":
			if ro.Verdict != module.Fail || ro.Rescued == 0 || ro.Evidence.Errors < 1 || !strings.Contains(ro.Reason, "requests failed") {
				t.Errorf("rollout %+v", ro)
			}
			text := s.segue("history", "hello", ro.ID)
			if !strings.Contains(text, "requests failed") || !strings.Contains(text, "made good by stable") || !strings.Contains(text, "phases") {
				t.Errorf("it does not tell of it:\n%s", text)
			}
		case "2.0.0-unready":
			if !strings.Contains(ro.Reason, "never ready") {
				t.Errorf("rollout %+v", ro)
			}
		}
	}
	if out, code := s.try("history", "hello", "hello-99"); code != 1 || !strings.Contains(out, "hello-99") {
		t.Errorf("exit code %d: %s", code, out)
	}
}

// history are the rollouts, newest first; they are to be these.
func (s *site) history(want []string) []module.RolloutStatus {
	s.t.Helper()
	var told []module.RolloutStatus
	must(s.t, json.Unmarshal([]byte(s.segue("history", "hello", "-o", "json")), &told))
	var got []string
	for _, ro := range told {
		got = append(got, ro.To+" "+ro.Phase)
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		s.t.Fatalf("history\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	return told
}

func TestTheHistoryIsBounded(t *testing.T) {
	s := serving(t, "history: 3\nrollout: {strategy: instant, hold: 0s}\n")
	for _, version := range []string{"1.1.0", "1.0.0", "1.1.0", "1.0.0"} {
		s.segue("deploy", release(version), "--wait")
	}
	s.awaitStable("1.0.0")
	s.history([]string{"1.0.0 promoted", "1.1.0 promoted", "1.0.0 promoted"})
}
