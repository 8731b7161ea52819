package e2e_test

import (
	"regexp"
	"strings"
	"testing"

	"github.com/segue-run/segue/runtime/module"
)

// previewed is the header of the candidate's preview, as `segue show` prints it.
func (s *site) previewed() (name, token string) {
	s.t.Helper()
	text := s.segue("show", "hello")
	found := regexp.MustCompile(`with the header (\S+): (\S+)`).FindStringSubmatch(text)
	if found == nil {
		s.t.Fatalf("no preview in\n%s", text)
	}
	return found[1], found[2]
}

func TestABlueGreenCandidateIsSeenByThePreviewAloneUntilTheSwitch(t *testing.T) {
	s := serving(t, "rollout: {strategy: bluegreen, hold: 1h, preview_host: next.example.com}\n")
	before := s.awaitStable("1.0.0")
	s.segue("deploy", release("1.1.0"))
	s.awaitStatus("it is looked at", func(st module.Status) bool { return st.Rollout.Phase == "checking" && waits("hold", "")(st) })
	for range 100 {
		if by := s.by(); by != "hello@1.0.0" {
			t.Errorf("a user got %s before the switch", by)
		}
	}
	name, token := s.previewed()
	for _, c := range []struct {
		headers []string
		want    string
	}{
		{[]string{name, token}, "hello@1.1.0"},
		{[]string{"Host", "next.example.com"}, "hello@1.1.0"},
		{[]string{"Host", "Next.Example.com:8080"}, "hello@1.1.0"},
		{[]string{"Host", "example.com"}, "hello@1.0.0"},
		{[]string{name, token + "x"}, "hello@1.0.0"},
		{[]string{name, strings.ToUpper(token) + "="}, "hello@1.0.0"},
		{[]string{name, ""}, "hello@1.0.0"},
	} {
		if by := s.by(c.headers...); by != c.want {
			t.Errorf("%q got %s", c.headers, by)
		}
	}
	s.segue("promote", "hello")
	st := s.awaitStable("1.1.0")
	if by := s.by(); by != "hello@1.1.0" || st.Previous == nil || st.Previous.State != module.Warm || st.Previous.PID != before.Stable.PID {
		t.Errorf("after the switch: by %s, previous %+v", by, st.Previous)
	}
	s.segue("rollback", "hello")
	if st = s.awaitStable("1.0.0"); st.Stable.PID != before.Stable.PID {
		t.Error("the way back was not warm")
	}
	if by := s.by(name, token); by != "hello@1.0.0" {
		t.Errorf("the token of a rollout that is over leads to %s", by)
	}
}

func TestChecksDecideBeforeTheSwitch(t *testing.T) {
	s := serving(t, "rollout: {strategy: bluegreen, hold: 100ms, limit: 200ms, checks: [GET /hello/version 200, GET /hello/nothing 404]}\n")
	s.segue("deploy", release("1.1.0"), "--wait")
	before := s.awaitStable("1.1.0")
	out, code := s.try("deploy", release("2.0.0-errors"), "--wait")
	if code != 1 || !strings.Contains(out, "/hello/version") || !strings.Contains(out, "500") {
		t.Errorf("exit code %d: %s", code, out)
	}
	st := s.awaitStable("1.1.0")
	if ro := st.Rollout; ro.Phase != "failed" || ro.Verdict != module.Fail || ro.CandidateSample.Requests != 0 {
		t.Errorf("rollout %+v", ro)
	}
	if st.Stable.PID != before.Stable.PID || st.Stable.Restarts != 0 || s.by() != "hello@1.1.0" {
		t.Errorf("stable was disturbed: %s", describe(st))
	}
}

func TestAMirrorShowsWhatTheCandidateAnswersOtherwise(t *testing.T) {
	s := serving(t, "rollout: {strategy: bluegreen, hold: 1h, mirror: {share: 100%}}\n")
	s.segue("deploy", release("1.1.0"))
	st := s.used(2, s.reading(), "answers are compared", func(st module.Status) bool {
		return st.Rollout.Mirror != nil && st.Rollout.Mirror.Different > 2
	})
	if st.Candidate.Weight != 0 || st.Candidate.Requests != 0 {
		t.Errorf("copies count as traffic: %+v", st.Candidate)
	}
	d := st.Rollout.Mirror.Examples[0]
	if d.Request != "GET /hello/version" || d.What != "$.version" || !strings.Contains(d.Stable, "1.0.0") || !strings.Contains(d.Candidate, "1.1.0") {
		t.Errorf("difference %+v", d)
	}
	if text := s.segue("show", "hello"); !strings.Contains(text, "answered otherwise than by stable") || !strings.Contains(text, "$.version") {
		t.Errorf("it is not shown:\n%s", text)
	}
}

func TestAMirrorWithALimitTakesACandidateBack(t *testing.T) {
	s := serving(t, "rollout: {strategy: bluegreen, hold: 1h, min_requests: 10, mirror: {share: 50%}, max_differences: 10%}\n")
	s.segue("deploy", release("1.1.0"))
	st := s.used(2, s.reading(), "it is taken back", over("1.1.0", "failed"))
	if signs := st.Rollout.Evidence.Signs; len(signs) != 1 || signs[0].Kind != "difference" {
		t.Errorf("signs %+v", signs)
	}
}

func TestAFailingReleaseGoesBackByItselfAfterTheSwitch(t *testing.T) {
	for _, strategy := range []string{"bluegreen", "instant"} {
		t.Run(strategy, func(t *testing.T) {
			t.Parallel()
			s := serving(t, "rollout: {strategy: "+strategy+", hold: 1h}\n")
			before := s.awaitStable("1.0.0")
			s.segue("deploy", release("2.0.0-errors"))
			if strategy == "bluegreen" {
				s.awaitStatus("it is looked at", waits("hold", ""))
				s.segue("promote", "hello")
			}
			st := s.used(4, func() { _, _ = s.ask(client, "GET", "/hello/version", "") }, "stable is back", func(st module.Status) bool {
				return st.Stable.Version == "1.0.0" && st.Candidate == nil && st.State == module.Active && st.Rollout.To == "1.0.0"
			})
			if st.Stable.PID != before.Stable.PID || s.by() != "hello@1.0.0" {
				t.Errorf("the way back was not warm: %s", describe(st))
			}
			s.awaitEvent(module.ReleaseQuarantine, "", "requests failed")
			if out, code := s.try("deploy", release("2.0.0-errors")); code != 1 || !strings.Contains(out, "quarantine") {
				t.Errorf("exit code %d: %s", code, out)
			}
		})
	}
}
