package e2e_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/segue-run/segue/runtime/module"
)

// serving makes an installation on which 1.0.0 is stable and known to be fast.
func serving(t *testing.T, yaml string) *site {
	t.Helper()
	s := started(t, yaml)
	s.segue("deploy", release("1.0.0"), "--wait")
	s.awaitStable("1.0.0")
	for range 50 {
		s.served("/hello/version")
	}
	return s
}

// reply is what a user got.
type reply struct {
	status  int
	release string
	body    string
	header  http.Header
}

// ask sends one request as a user; the headers are names and values in turn.
func (s *site) ask(c *http.Client, method, path, body string, headers ...string) (reply, error) {
	req, err := http.NewRequest(method, s.url(path), strings.NewReader(body))
	if err != nil {
		return reply{}, err
	}
	for i := 0; i < len(headers); i += 2 {
		if headers[i] == "Host" {
			req.Host = headers[i+1]
		}
		req.Header.Set(headers[i], headers[i+1])
	}
	resp, err := c.Do(req)
	if err != nil {
		return reply{}, err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	return reply{resp.StatusCode, resp.Header.Get("Segue-Release"), string(text), resp.Header}, err
}

// by is the release that answers a GET with these headers; anything but 200 fails the test.
func (s *site) by(headers ...string) string {
	s.t.Helper()
	got, err := s.ask(client, http.MethodGet, "/hello/version", "", headers...)
	must(s.t, err)
	if got.status != http.StatusOK {
		s.t.Errorf("%d by %s: %s", got.status, got.release, got.body)
	}
	return got.release
}

// used has so many users at work until the module's status is as wanted. What work
// finds wrong it tells with Error.
func (s *site) used(users int, work func(), what string, want func(module.Status) bool) module.Status {
	s.t.Helper()
	done := make(chan struct{})
	var working sync.WaitGroup
	for range users {
		working.Go(func() {
			for {
				select {
				case <-done:
					return
				case <-time.After(time.Millisecond):
					work()
				}
			}
		})
	}
	defer working.Wait()
	defer close(done)
	return s.awaitStatus(what, want)
}

// reading is a user whose every GET must be answered well.
func (s *site) reading() func() {
	return func() {
		got, err := s.ask(client, http.MethodGet, "/hello/version", "")
		if err == nil && got.status != http.StatusOK {
			err = fmt.Errorf("%d by %s: %s", got.status, got.release, got.body)
		}
		if err != nil {
			s.t.Errorf("a user saw it: %v", err)
		}
	}
}

// over reports whether the rollout to the version has ended in the phase.
func over(version, phase string) func(module.Status) bool {
	return func(st module.Status) bool {
		return st.Rollout != nil && st.Rollout.To == version && st.Rollout.Phase == phase && st.Candidate == nil
	}
}

// waits reports whether the rollout waits for that, at that point.
func waits(kind, point string) func(module.Status) bool {
	return func(st module.Status) bool {
		return st.Rollout != nil && st.Rollout.Waiting != nil && st.Rollout.Waiting.For == kind && st.Rollout.Waiting.Point == point
	}
}

// weighs reports whether the version has that share, in basis points.
func weighs(version string, weight int) func(module.Status) bool {
	return func(st module.Status) bool {
		return st.Candidate != nil && st.Candidate.Version == version && int(st.Candidate.Weight) == weight
	}
}
