package e2e_test

import (
	"encoding/json"
	"fmt"
	"html"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/segue-run/segue/runtime/module"
)

// await waits until a request is answered with the status, and gives the answer.
func (s *site) await(status int, path string, headers ...string) (got reply) {
	s.t.Helper()
	s.eventually(fmt.Sprintf("%s is answered %d", path, status), func() (err error) {
		if got, err = s.ask(client, http.MethodGet, path, "", headers...); err == nil && got.status != status {
			err = fmt.Errorf("%d: %s", got.status, got.body)
		}
		return err
	})
	return got
}

func TestTrafficThatIsHeldIsLetThroughWhenTheDoorOpens(t *testing.T) {
	s, ca := speaks(t, atOnce+withTLS)
	for round := range 2 {
		if round == 0 {
			s.segue("hold", "hello", "--for", "10m")
		} else {
			s.reborn() // the door stays as it was
		}
		if st, err := s.status("hello"); err != nil || st.Door == nil || st.Door.State != module.DoorHeld {
			t.Errorf("round %d: %s, %v", round, describe(st), err)
		}
		answers := make(chan error, 2*len(tongues))
		for _, name := range tongues {
			c, base := s.tongue(name, ca)
			for _, method := range []string{http.MethodGet, http.MethodPost} {
				go func() { answers <- held(c, method, base) }()
			}
		}
		s.awaitSeries(`segue_requests_held{module="hello"}`, float64(cap(answers)))
		if out := s.segue("ls"); !strings.Contains(out, "held") {
			t.Errorf("segue ls:\n%s", out)
		}
		if round == 0 { // those that wait when the runtime dies are lost, and no others
			s.kill()
			for range cap(answers) {
				if err := <-answers; err == nil {
					t.Error("it was answered by nobody")
				}
			}
			s.start()
			continue
		}
		s.segue("open", "hello")
		for range cap(answers) {
			if err := <-answers; err != nil {
				t.Error(err)
			}
		}
	}
	if out, code := s.try("open", "hello"); code != 0 || !strings.Contains(out, "open already") {
		t.Errorf("exit %d: %s", code, out)
	}
}

// held is a request that is answered well, sooner or later.
func held(c *http.Client, method, base string) error {
	path := map[string]string{http.MethodGet: "/hello/version", http.MethodPost: "/hello/echo"}[method]
	req, err := http.NewRequest(method, base+path, strings.NewReader("a body"))
	if err != nil {
		return err
	}
	resp, err := c.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%s %s: %s", method, path, resp.Status)
	}
	return nil
}

func TestTrafficInMaintenanceIsToldSoOverARestart(t *testing.T) {
	s, _ := speaks(t, atOnce)
	s.segue("maintenance", "hello", "--message", "Back at <noon>.", "--retry-after", "15m")
	for range 2 {
		got := s.await(http.StatusServiceUnavailable, "/hello/version", "Accept", "application/json")
		var page struct {
			Error, Module, Message, Request string
			Retry                           int `json:"retry_after"`
		}
		must(t, json.Unmarshal([]byte(got.body), &page))
		if page.Error != "maintenance" || page.Module != "hello" || page.Message != "Back at <noon>." || page.Retry != 900 || got.header.Get("Retry-After") != "900" || page.Request != got.header.Get("X-Request-Id") {
			t.Errorf("%s %v", got.body, got.header)
		}
		if out := s.segue("show", "hello"); !strings.Contains(out, "in maintenance") || !strings.Contains(out, "Back at <noon>.") {
			t.Errorf("segue show:\n%s", out)
		}
		s.kill()
		s.start()
	}
	s.segue("open", "hello")
	s.await(http.StatusOK, "/hello/version")
	s.kill()
	s.start()
	s.await(http.StatusOK, "/hello/version")
}

const browser = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8"

func TestTrafficThatFailsIsToldWhichModuleAndWhy(t *testing.T) {
	s, ca := speaks(t, atOnce+withTLS+"modules: {hello: {quotas: {requests: 2}}}\n")
	for _, c := range []struct {
		path, why, module string
		status            int
	}{
		{"/nobody", "no-route", "", http.StatusNotFound},
		{"/hello/broken", "no-answer", "hello", http.StatusBadGateway},
		{"/hello/hasty?for=1m", "timeout", "hello", http.StatusGatewayTimeout},
	} {
		s.page(c.path, c.status, c.why, c.module)
		for _, name := range tongues {
			client, base := s.tongue(name, ca)
			resp, err := client.Get(base + c.path)
			must(t, err)
			resp.Body.Close()
			if resp.StatusCode != c.status {
				t.Errorf("%s, %s: %s", c.path, name, resp.Status)
			}
		}
	}
	for range 2 {
		s.dial().say("GET /hello/slow?for=1m HTTP/1.1\r\nHost: a\r\n\r\n")
	}
	s.awaitSeries(inFlight, 2)
	got := s.await(http.StatusServiceUnavailable, "/hello/version")
	if seconds, err := strconv.Atoi(got.header.Get("Retry-After")); err != nil || seconds < 1 {
		t.Errorf("it is to come again after %q", got.header.Get("Retry-After"))
	}
	s.page("/hello/version", http.StatusServiceUnavailable, "", "hello")
}

// page asks for a page in each of its formats.
func (s *site) page(path string, status int, why, module string) {
	s.t.Helper()
	for accept, kind := range map[string]string{browser: "text/html; charset=utf-8", "application/json": "application/json", "*/*": "text/plain; charset=utf-8"} {
		got := s.got(http.MethodGet, path, "", "Accept", accept)
		id := got.header.Get("X-Request-Id")
		if got.status != status || got.header.Get("Content-Type") != kind || got.header.Get("Cache-Control") != "no-store" || id == "" {
			s.t.Errorf("%s: %d %v", path, got.status, got.header)
		}
		for _, want := range []string{why, module, id} {
			if want = html.EscapeString(want); !strings.Contains(got.body, want) && (want != why || kind[0] == 'a') {
				s.t.Errorf("%s as %s does not say %q: %s", path, kind, want, got.body)
			}
		}
		var doc struct {
			Status                 int
			Error, Module, Message string
		}
		if kind == "application/json" {
			must(s.t, json.Unmarshal([]byte(got.body), &doc))
			if doc.Status != status || why != "" && doc.Error != why || doc.Module != module || doc.Message == "" {
				s.t.Errorf("%s: %s", path, got.body)
			}
		}
	}
}
