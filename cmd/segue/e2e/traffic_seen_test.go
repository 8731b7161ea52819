package e2e_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/segue-run/segue/runtime/module"
)

// accessLog is what the access log tells so far.
func (s *site) accessLog() []map[string]any {
	s.t.Helper()
	text, err := os.ReadFile(filepath.Join(s.dir, "access.log"))
	must(s.t, err)
	var all []map[string]any
	for line := range bytes.Lines(text) {
		var one map[string]any
		if err := json.Unmarshal(line, &one); err != nil {
			s.t.Fatalf("%s: %v", line, err)
		}
		all = append(all, one)
	}
	return all
}

// awaitLines waits until the access log has so many lines.
func (s *site) awaitLines(n int) []map[string]any {
	s.t.Helper()
	s.eventually(fmt.Sprintf("%d lines are there", n), func() error {
		if all := s.accessLog(); len(all) < n {
			return fmt.Errorf("there are %d", len(all))
		}
		return nil
	})
	return s.accessLog()
}

func TestTrafficIsALineEachInTheAccessLog(t *testing.T) {
	s, ca := speaks(t, atOnce+"proxy: {access_log: {path: access.log}, "+secured+"}\n")
	ids := map[string]reply{}
	for _, c := range []struct{ method, path, body string }{
		{http.MethodGet, "/hello/headers?token=secret", ""}, {http.MethodPost, "/hello/echo", "12345"}, {http.MethodGet, "/nobody", ""}, {http.MethodGet, "/hello/broken", ""},
	} {
		got := s.got(c.method, c.path, c.body, "Traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")
		ids[got.header.Get("X-Request-Id")] = got
		if c.path == "/hello/headers?token=secret" && seen(t, got).Get("X-Request-Id") != got.header.Get("X-Request-Id") {
			t.Errorf("the module got another id: %s", got.body)
		}
	}
	c, base := s.tongue("HTTP/2 over TLS", ca)
	resp, err := c.Get(base + "/hello/version")
	must(t, err)
	resp.Body.Close()
	s.dial().say("GET /hello HTTP/1.1\r\nHost : a\r\n\r\n").answered()
	lines := s.awaitLines(6)
	for _, line := range lines {
		text, _ := json.Marshal(line)
		got, known := ids[fmt.Sprint(line["id"])]
		if known && line["status"] != float64(got.status) || line["time"] == nil || bytes.Contains(text, []byte("secret")) {
			t.Errorf("%s, of %d", text, got.status)
		}
		for name, want := range map[string]any{"/hello/headers": "ok", "/nobody": "no-route", "/hello/broken": "transport-error", "/hello/version": "HTTP/2.0"} {
			if line["path"] == name && !slices.Contains([]any{line["class"], line["refused"], line["protocol"]}, want) {
				t.Errorf("%s has no %q", text, want)
			}
		}
		if line["path"] == "/hello/echo" && (line["bytes_in"] != 5.0 || line["bytes_out"] != 5.0 || line["release"] != "hello@3.0.0" || line["client"] != "127.0.0.1" ||
			line["trace"] != "4bf92f3577b34da6a3ce929d0e0e4736" || line["route"] != "/hello") {
			t.Errorf("%s", text)
		}
		delete(ids, fmt.Sprint(line["id"]))
	}
	if len(lines) != 6 || len(ids) != 0 {
		t.Errorf("%d lines, none of %v", len(lines), ids)
	}
	must(t, os.Rename(filepath.Join(s.dir, "access.log"), filepath.Join(s.dir, "access.old")))
	s.eventually("the log is opened anew", func() error {
		must(t, s.get(s.url("/hello/version"), nil))
		_, err := os.Stat(filepath.Join(s.dir, "access.log"))
		return err
	})
}

func TestTrafficThatFailsIsLoggedWhateverIsSampled(t *testing.T) {
	s, _ := speaks(t, atOnce+"proxy: {access_log: {path: access.log, sample: none}}\n")
	for range 20 {
		must(t, s.get(s.url("/hello/version"), nil))
		s.got(http.MethodGet, "/hello/broken", "")
		s.got(http.MethodGet, "/nobody", "")
	}
	lines := s.awaitLines(40)
	for _, line := range lines {
		if line["status"] == float64(http.StatusOK) {
			t.Errorf("%v", line)
		}
	}
	s.awaitSeries(`segue_access_log_requests_total{outcome="sampled"}`, 20)
	if n, err := s.series(`segue_access_log_requests_total{outcome="written"}`); err != nil || n != 40 || len(lines) != 40 {
		t.Errorf("%v, %v, %d lines", n, err, len(lines))
	}
}

func TestTrafficIsCounted(t *testing.T) {
	s, _ := speaks(t, atOnce)
	for range 5 {
		s.got(http.MethodPost, "/hello/echo", "12345")
		s.got(http.MethodGet, "/hello/rare", "")
		s.got(http.MethodGet, "/nobody", "")
		s.got(http.MethodGet, "/hello/broken", "")
	}
	ws, err := s.dial().websocket("")
	must(t, err)
	const release = `module="hello",version="3.0.0"`
	for name, least := range map[string]float64{
		`segue_requests_total{class="ok",` + release + `}`:              7,
		`segue_requests_total{class="transport-error",` + release + `}`: 5,
		`segue_request_duration_seconds_count{` + release + `}`:         12,
		`segue_body_bytes_total{direction="in",` + release + `}`:        25,
		`segue_body_bytes_total{direction="out",` + release + `}`:       25,
		`segue_requests_in_flight{` + release + `}`:                     1,
		`segue_targets{module="hello",state="trusted",version="3.0.0"}`: 1,
		`segue_module_weight{` + release + `}`:                          10000,
		`segue_module_door{door="open",module="hello"}`:                 1,
		`segue_requests_limited_total{limit="rate",module="hello"}`:     3,
		`segue_own_answers_total{status="404"}`:                         5,
		`segue_own_answers_total{status="429"}`:                         3,
		`segue_own_answers_total{status="502"}`:                         5,
		`segue_requests_upgraded`:                                       1,
		`segue_requests_begun_total`:                                    21,
		`segue_requests_open`:                                           1,
		`segue_connections`:                                             1,
		`segue_connections_accepted_total`:                              21,
		`segue_connections_rejected_total{reason="over-limit"}`:         0,
	} {
		s.awaitSeries(name, least)
	}
	must(t, ws.send(closing, []byte{3, 0xe8}))
	if first, _, err := ws.receive(); err != nil || first != closing {
		t.Errorf("%#x, %v", first, err)
	}
	must(t, ws.Close())
	s.eventually("it is over", func() error {
		n, err := s.series(`segue_requests_upgraded`)
		if err == nil && n != 0 {
			err = fmt.Errorf("there are %v", n)
		}
		return err
	})
	var routes []module.RouteStatus
	must(t, json.Unmarshal([]byte(s.segue("routes", "-o", "json")), &routes))
	if len(routes) != 7 || !slices.ContainsFunc(routes, func(r module.RouteStatus) bool {
		return r.Module == "hello" && r.Path == "/hello/stripped" && r.Strip && slices.Equal(r.Methods, []string{"GET"}) && r.Headers["x-tongue"] == "any"
	}) {
		t.Errorf("%+v", routes)
	}
	out := s.segue("routes")
	for _, want := range []string{"/hello/hasty", "answer 200ms", "1 request at a time", "strip", "x-tongue: any", "/grpc.testing.TestService"} {
		if !strings.Contains(out, want) {
			t.Errorf("it does not say %q:\n%s", want, out)
		}
	}
}

func TestTrafficIsSharedByTheProcessesOfARelease(t *testing.T) {
	s, _ := speaks(t, atOnce+"modules: {hello: {replicas: 3, slow_start: none, retry: {enabled: on, budget: 100%}}}\n")
	pids := s.awaitMembers("3.0.0", 3)
	var mu sync.Mutex
	by := map[string]int{}
	work := func() {
		got, err := s.ask(client, http.MethodGet, "/hello/self", "")
		if err != nil || got.status != http.StatusOK {
			t.Errorf("a user saw it: %d %s %v", got.status, got.body, err)
			return
		}
		mu.Lock()
		defer mu.Unlock()
		by[got.body]++
	}
	// busy is how many processes have answered many requests.
	busy := func() (n int) {
		mu.Lock()
		defer mu.Unlock()
		for _, answered := range by {
			if answered >= 20 {
				n++
			}
		}
		return n
	}
	s.used(6, work, "three share", func(module.Status) bool { return busy() == 3 })
	must(t, syscall.Kill(pids[0], syscall.SIGKILL))
	s.used(6, work, "a fourth takes the place of one", func(module.Status) bool { return busy() == 4 })
	s.awaitMembers("3.0.0", 3)
	if out := s.segue("show", "hello"); !strings.Contains(out, "3 of 3 processes") || !strings.Contains(out, "1 restart") {
		t.Errorf("segue show:\n%s", out)
	}
}
