package e2e_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/segue-run/segue/runtime/module"
)

func TestADroppedModuleServes(t *testing.T) {
	s := started(t, instantly)
	if status, _, _ := s.served("/hello/version"); status != http.StatusNotFound {
		t.Errorf("before the drop: %d", status)
	}
	s.drop(release("1.0.0"), "hello-1.0.0")
	st := s.awaitStable("1.0.0")
	status, by, body := s.served("/hello/version")
	if status != 200 || by != "hello@1.0.0" || strings.TrimSpace(body) != `{"module":"hello","version":"1.0.0"}` {
		t.Errorf("%d by %s: %s", status, by, body)
	}
	if st.Stable.Weight != 10000 || st.Stable.PID == 0 || len(st.Stable.Digest) != 64 || st.Rollout.Phase != "promoted" || st.Rollout.Verdict == module.Fail {
		t.Errorf("status %s", describe(st))
	}
}

func TestAGradualRolloutGivesTheCandidateExactlyItsShare(t *testing.T) {
	s := started(t, "rollout: {strategy: gradual, steps: [25%, 100%], hold: 1h, slow_floor: 5s}\n")
	s.drop(release("1.0.0"), "hello-1.0.0")
	s.awaitStable("1.0.0")
	s.drop(release("1.1.0"), "hello-1.1.0")
	s.awaitStatus("the candidate has 25 %", func(st module.Status) bool {
		return st.Candidate != nil && st.Candidate.Weight == 2500 && st.Stable.Weight == 7500
	})
	for round := range 5 {
		counts := map[string]int{}
		for range 100 {
			_, by, _ := s.served("/hello/version")
			counts[by]++
		}
		if n := counts["hello@1.1.0"]; n < 24 || n > 26 || counts["hello@1.0.0"] != 100-n {
			t.Errorf("round %d: %v", round, counts)
		}
	}
	s.segue("promote", "hello")
	s.awaitStable("1.1.0")
	s.segue("rollback", "hello")
	s.awaitStable("1.0.0")
}

func TestABadReleaseIsTakenBack(t *testing.T) {
	for _, c := range []struct{ version, phase, reason string }{
		{"2.0.0-errors", "rolled-back", "requests failed"},
		{"2.0.0-crash", "rolled-back", "crashed"},
		{"2.0.0-slow", "rolled-back", "took too long"},
		{"2.0.0-unready", "failed", "this release is never ready"},
	} {
		t.Run(c.version, func(t *testing.T) {
			t.Parallel()
			s := started(t, "rollout: {strategy: gradual, steps: [50%, 100%], hold: 1h}\nmodules: {hello: {rollout: {}}}\n")
			s.drop(release("1.0.0"), "hello-1.0.0")
			s.awaitStable("1.0.0")
			for range 100 { // stable's latency is known
				s.served("/hello/version")
			}
			s.drop(release(c.version), "hello-2.0.0")
			s.eventually("it is taken back", func() error {
				_, _, _ = s.served("/hello/version")
				st, err := s.status("hello")
				if err == nil && (st.Rollout == nil || st.Rollout.Phase != c.phase) {
					err = fmt.Errorf("hello is %s", describe(st))
				}
				return err
			})
			st := s.awaitStable("1.0.0")
			if st.Rollout.Verdict != module.Fail || !strings.Contains(st.Rollout.Reason, c.reason) {
				t.Errorf("rollout %+v", st.Rollout)
			}
			s.awaitEvent(module.ReleaseQuarantine, "", c.reason)
			for range 20 {
				if status, by, _ := s.served("/hello/version"); status != 200 || by != "hello@1.0.0" {
					t.Errorf("after the rollback: %d by %s", status, by)
				}
			}
		})
	}
}

func TestAReleaseThatIgnoresStopIsKilledAfterItsGrace(t *testing.T) {
	s := started(t, "rollout: {strategy: instant, hold: 0s}\nrollback_window: 0s\nmodules: {hello: {stop_grace: 500ms}}\n")
	s.drop(release("2.0.0-hang"), "hello-hang")
	s.awaitStable("2.0.0-hang")
	s.drop(release("1.1.0"), "hello-1.1.0")
	s.awaitStable("1.1.0")
	s.awaitEvent(module.InstanceStopped, "", "killed after the grace")
}

func TestNoRequestFailsWhileReleasesAreExchanged(t *testing.T) {
	s := started(t, "rollout: {strategy: instant, hold: 0s}\nrollback_window: 0s\n")
	s.drop(release("1.0.0"), "hello")
	s.awaitStable("1.0.0")
	done := make(chan struct{})
	var load sync.WaitGroup
	var served atomic.Int64
	for worker := range 4 {
		load.Go(func() {
			transport := &http.Transport{DisableKeepAlives: worker%2 == 0}
			defer transport.CloseIdleConnections()
			c := &http.Client{Transport: transport, Timeout: patience}
			for n := 0; ; n++ {
				select {
				case <-done:
					return
				default:
				}
				if err := exchange(c, s, n); err != nil {
					t.Error(err)
					return
				}
				served.Add(1)
			}
		})
	}
	for i := range 10 {
		version := []string{"1.1.0", "1.0.0"}[i%2]
		s.drop(release(version), "hello")
		s.awaitStable(version)
	}
	close(done)
	load.Wait()
	if served.Load() < 100 {
		t.Errorf("only %d requests were sent", served.Load())
	}
}

// exchange sends one request, a GET or a POST whose body must come back.
func exchange(c *http.Client, s *site, n int) error {
	if n%2 == 0 {
		resp, err := c.Get(s.url("/hello/version"))
		return answered(resp, err, `"module":"hello"`)
	}
	body := strings.Repeat(fmt.Sprintf("request %d ", n), 500)
	resp, err := c.Post(s.url("/hello/echo"), "text/plain", strings.NewReader(body))
	return answered(resp, err, body)
}

func answered(resp *http.Response, err error, want string) error {
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	got, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK || !strings.Contains(string(got), want) {
		return fmt.Errorf("%s by %s: %.80s", resp.Status, resp.Header.Get("Segue-Release"), got)
	}
	return nil
}
