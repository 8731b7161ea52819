package e2e_test

import (
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/segue-run/segue/runtime/module"
)

func TestACandidateThatFailsIsTakenBackAndNoUserSeesIt(t *testing.T) {
	for _, c := range []struct {
		version, steps, reason string
		most                   uint64 // of its requests until it is out
		counted                bool   // what did not reach a process that is gone is counted later
	}{
		{"2.0.0-errors", "10%, 100%", "requests failed", 20, true},
		{"2.0.0-flaky", "25%, 100%", "requests failed", 800, true},
		{"2.0.0-crash", "10%, 100%", "crash", 20, false},
	} {
		t.Run(c.version, func(t *testing.T) {
			t.Parallel()
			s := serving(t, "rollout: {strategy: gradual, steps: ["+c.steps+"], hold: 1h, slow_floor: 5s}\n")
			s.segue("deploy", release(c.version))
			st := s.used(4, s.reading(), "it is taken back", over(c.version, "rolled-back"))
			ro := st.Rollout
			if ro.CandidateSample.Requests > c.most || c.counted && (ro.CandidateSample.Errors == 0 || ro.Rescued < ro.CandidateSample.Errors) {
				t.Errorf("seen %+v, rescued %d", ro.CandidateSample, ro.Rescued)
			}
			if ro.Verdict != module.Fail || !strings.Contains(ro.Reason, c.reason) {
				t.Errorf("%s: %s", ro.Verdict, ro.Reason)
			}
			text := s.segue("show", "hello")
			rescued := fmt.Sprintf("%d failure", ro.Rescued)
			if c.counted && (!strings.Contains(text, rescued) || !strings.Contains(text, "made good by stable")) || !strings.Contains(text, c.reason) {
				t.Errorf("it does not tell of it:\n%s", text)
			}
		})
	}
}

func TestTheShieldCoversWhatIsReadAndWhatIsOptedIn(t *testing.T) {
	for _, c := range []struct {
		name, shield, method string
		seen                 bool // by users
	}{
		{"a POST is not done twice", "", http.MethodPost, true},
		{"a POST that is opted in is", "shield: {routes: [POST /hello/echo]}, ", http.MethodPost, false},
		{"one that is opted in elsewhere is not", "shield: {routes: [POST /hello/other]}, ", http.MethodPost, true},
		{"without the shield a GET fails", "shield: {enabled: off}, ", http.MethodGet, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := serving(t, "rollout: {"+c.shield+"strategy: gradual, steps: [20%, 100%], hold: 1h, slow_floor: 5s}\n")
			s.segue("deploy", release("2.0.0-errors"))
			path, body := "/hello/version", ""
			if c.method == http.MethodPost {
				path, body = "/hello/echo", strings.Repeat("a whole body ", 10_000)
			}
			var failures atomic.Int64
			st := s.used(4, func() {
				got, err := s.ask(client, c.method, path, body)
				switch {
				case err != nil:
					t.Error(err)
				case got.status >= 500:
					failures.Add(1)
				case body != "" && got.body != body:
					t.Errorf("%d bytes of %d came back, by %s", len(got.body), len(body), got.release)
				}
			}, "it is taken back", over("2.0.0-errors", "rolled-back"))
			ro := st.Rollout
			if c.seen && (failures.Load() == 0 || ro.Rescued != 0) || !c.seen && (failures.Load() != 0 || ro.Rescued == 0) {
				t.Errorf("%d failures seen by users, %d rescued, %+v", failures.Load(), ro.Rescued, ro.CandidateSample)
			}
		})
	}
}

func TestACandidateThatHangsIsTakenBackWhileItHangs(t *testing.T) {
	s := serving(t, "rollout: {strategy: gradual, steps: [10%, 100%], hold: 1h, slow_floor: 500ms}\n")
	s.segue("deploy", release("2.0.0-stall"))
	st := s.used(12, s.reading(), "it is taken back", over("2.0.0-stall", "rolled-back"))
	ro := st.Rollout
	if ro.CandidateSample.Requests > 10 || ro.CandidateSample.Slow == 0 || !strings.Contains(ro.Reason, "too long") {
		t.Errorf("seen %+v: %s", ro.CandidateSample, ro.Reason)
	}
}
