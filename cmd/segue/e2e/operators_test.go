package e2e_test

import (
	"regexp"
	"strings"
	"sync"
	"testing"
)

// whoAndWhen is what a conflict says of the one who was first.
var whoAndWhen = regexp.MustCompile(`(?s)(aborted|promote[d]?) by user:\S+ at \d\d:\d\d:\d\d|since \S+Z: aborted by user:\S+`)

func TestOfTwoOperatorsTheSecondIsToldWhoWasFirstAndWhen(t *testing.T) {
	for _, flag := range []bool{false, true} {
		s := serving(t, "rollout: {strategy: gradual, steps: [10%, 100%], hold: 1h}\n")
		s.segue("deploy", release("1.1.0"))
		id := s.awaitStatus("it shifts", weighs("1.1.0", 1000)).Rollout.ID
		args := []string{"abort", "hello"}
		if flag {
			args = append(args, "--rollout", id)
		}
		var both sync.WaitGroup
		var outs [2]string
		var codes [2]int
		for i := range 2 {
			both.Go(func() { outs[i], codes[i] = s.try(args...) })
		}
		both.Wait()
		second := outs[0]
		if codes[0] == 0 {
			second = outs[1]
		}
		if codes[0]+codes[1] != 1 || !whoAndWhen.MatchString(second) {
			t.Errorf("exit codes %v: %q", codes, outs)
		}
	}
}

func TestAVerbForOneRolloutDoesNotHitAnother(t *testing.T) {
	s := serving(t, "rollout: {strategy: gradual, steps: [10%, 100%], hold: 1h}\n")
	s.segue("deploy", release("1.1.0"))
	old := s.awaitStatus("it shifts", weighs("1.1.0", 1000)).Rollout.ID
	s.segue("deploy", chaos("chatty"))
	id := s.awaitStatus("the second shifts", weighs("1.2.0", 1000)).Rollout.ID
	for _, verb := range []string{"promote", "abort", "pause", "resume", "approve"} {
		out, code := s.try(verb, "hello", "--rollout", old)
		if code != 1 || !strings.Contains(out, id) || !strings.Contains(out, "by user:") {
			t.Errorf("%s: exit code %d: %s", verb, code, out)
		}
	}
	s.awaitStatus("the second shifts on", weighs("1.2.0", 1000))
	s.segue("pause", "hello", "--rollout", id)
	if out, code := s.try("pause", "hello", "--rollout", id); code != 1 || !strings.Contains(out, "is paused by user:") {
		t.Errorf("exit code %d: %s", code, out)
	}
	s.segue("promote", "hello", "--rollout", id)
	s.awaitStable("1.2.0")
	out, code := s.try("abort", "hello")
	if code != 1 || !whoAndWhen.MatchString(out) {
		t.Errorf("exit code %d: %s", code, out)
	}
}

func TestVerbsWithoutARolloutAreRefused(t *testing.T) {
	s := serving(t, instantly)
	for _, verb := range []string{"promote", "abort", "pause", "resume", "approve"} {
		if out, code := s.try(verb, "hello"); code != 1 || !strings.Contains(out, "no rollout under way") || !strings.Contains(out, "segue show hello") {
			t.Errorf("%s: exit code %d: %s", verb, code, out)
		}
		if out, code := s.try(verb, "nobody"); code != 1 || !strings.Contains(out, "nobody") {
			t.Errorf("%s: exit code %d: %s", verb, code, out)
		}
	}
}
