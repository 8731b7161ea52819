package e2e_test

import (
	"fmt"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/segue-run/segue/runtime/module"
)

func TestAUserWithACookieMovesOnceInAWholeRollout(t *testing.T) {
	s := serving(t, "rollout: {strategy: gradual, sticky: cookie, steps: [20%, 50%, 80%, 100%], hold: 300ms, limit: 600ms, slow_floor: 5s}\n")
	s.segue("deploy", release("1.1.0"))
	s.awaitStatus("it shifts", weighs("1.1.0", 2000))
	done := make(chan struct{})
	var users sync.WaitGroup
	var mu sync.Mutex
	first := map[string]int{}
	for n := range 30 {
		users.Go(func() {
			jar, _ := cookiejar.New(nil)
			c := &http.Client{Jar: jar, Timeout: patience, Transport: client.Transport}
			last := ""
			for {
				got, err := s.ask(c, http.MethodGet, "/hello/version", "")
				switch {
				case err != nil || got.status != http.StatusOK:
					t.Errorf("user %d: %d, %v", n, got.status, err)
					return
				case last == "":
					mu.Lock()
					first[got.release]++
					mu.Unlock()
				case last == "hello@1.1.0" && got.release != last:
					t.Errorf("user %d went back from %s to %s", n, last, got.release)
				}
				last = got.release
				select {
				case <-done:
					if last != "hello@1.1.0" {
						t.Errorf("user %d is with %s at the end", n, last)
					}
					return
				case <-time.After(10 * time.Millisecond):
				}
			}
		})
	}
	defer users.Wait()
	defer close(done)
	s.awaitStable("1.1.0")
	mu.Lock()
	defer mu.Unlock()
	if first["hello@1.0.0"] == 0 || len(first) > 2 {
		t.Errorf("users began with %v", first)
	}
}

func TestTheModuleNeverSeesTheCookie(t *testing.T) {
	s := serving(t, "rollout: {strategy: gradual, sticky: cookie, steps: [50%, 100%], hold: 1h, slow_floor: 5s}\n")
	s.segue("deploy", chaos("chatty"))
	s.awaitStatus("it shifts", weighs("1.2.0", 5000))
	at, err := url.Parse(s.url("/"))
	must(t, err)
	for range 100 { // users, until one is the candidate's: that one tells what it sees
		jar, _ := cookiejar.New(nil)
		jar.SetCookies(at, []*http.Cookie{{Name: "basket", Value: "7"}})
		c := &http.Client{Jar: jar, Timeout: patience, Transport: client.Transport}
		got, err := s.ask(c, http.MethodGet, "/hello/version", "")
		must(t, err)
		issued := got.header.Get("Set-Cookie")
		if !strings.HasPrefix(issued, "Segue-Client=") || !strings.Contains(issued, "HttpOnly") {
			t.Fatalf("cookie %q", issued)
		}
		if got.release != "hello@1.2.0" {
			continue
		}
		got, err = s.ask(c, http.MethodGet, "/hello/headers", "")
		must(t, err)
		if got.release != "hello@1.2.0" || !strings.Contains(got.body, "Cookie: basket=7\r\n") || strings.Contains(got.body, "Segue-Client") {
			t.Errorf("%s sees\n%s", got.release, got.body)
		}
		return
	}
	t.Error("nobody is the candidate's")
}

func TestAUserWithAHeaderStaysOnOneSide(t *testing.T) {
	s := serving(t, "rollout: {strategy: gradual, sticky: header X-User, steps: [50%, 100%], hold: 1h, slow_floor: 5s}\n")
	s.segue("deploy", release("1.1.0"))
	s.awaitStatus("it shifts", weighs("1.1.0", 5000))
	sides := map[string]int{}
	sideOf := map[string]string{}
	for round := range 5 {
		for n := range 30 {
			user := fmt.Sprintf("user-%d", n)
			by := s.by("X-User", user)
			if round == 0 {
				sides[by]++
				sideOf[user] = by
			} else if by != sideOf[user] {
				t.Errorf("%s was with %s and is with %s", user, sideOf[user], by)
			}
		}
	}
	if len(sides) != 2 {
		t.Errorf("sides %v", sides)
	}
}

func TestOneUserWhoseRequestsAllFailProvesNothing(t *testing.T) {
	s := serving(t, "rollout: {strategy: gradual, sticky: header X-User, steps: [50%, 100%], hold: 1h, slow_floor: 5s}\n")
	s.segue("deploy", release("2.0.0-errors"))
	s.awaitStatus("it shifts", weighs("2.0.0-errors", 5000))
	user := ""
	for n := 0; user == ""; n++ {
		name := fmt.Sprintf("user-%d", n)
		if by := s.by("X-User", name); by != "hello@1.0.0" {
			t.Fatalf("%s got an answer of %s", name, by)
		}
		if st, err := s.status("hello"); err == nil && st.Rollout.CandidateSample.Errors > 0 {
			user = name
		}
	}
	for range 100 {
		s.by("X-User", user)
	}
	st := s.awaitStatus("all are told", func(st module.Status) bool { return st.Rollout.Rescued >= 101 })
	if ro := st.Rollout; ro.Phase != "shifting" || ro.CandidateSample.Errors != 1 {
		t.Errorf("rollout %+v", ro)
	}
	n := 0
	s.awaitManyUsers(&n, over("2.0.0-errors", "rolled-back"))
}

// awaitManyUsers lets ever new users ask until the status is as wanted.
func (s *site) awaitManyUsers(n *int, want func(module.Status) bool) {
	s.t.Helper()
	s.eventually("many users prove it", func() error {
		*n++
		s.by("X-User", fmt.Sprintf("another-%d", *n))
		st, err := s.status("hello")
		if err == nil && !want(st) {
			err = fmt.Errorf("hello is %s", describe(st))
		}
		return err
	})
}
