package api_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/segue-run/segue/runtime/api"
	"github.com/segue-run/segue/runtime/api/apitest"
	"github.com/segue-run/segue/runtime/module"
	"github.com/segue-run/segue/sdk/manifest"
)

const digest = module.Digest("0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef")

// shifting is a module in the middle of a rollout.
func shifting() module.Status {
	began := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	return module.Status{
		Name: "hello", State: module.RollingOut, Routes: []manifest.Route{{Path: "/hello"}},
		Stable:    &module.ReleaseStatus{Version: "1.0.0", Digest: digest, Weight: 7500, State: module.Serving, PID: 11, Instance: "a", Since: began, Requests: 900, Errors: 1},
		Candidate: &module.ReleaseStatus{Version: "1.1.0", Digest: digest, Weight: 2500, State: module.Shifting, PID: 12, Instance: "b", Since: began, Requests: 30},
		Rollout: &module.RolloutStatus{
			ID: "r1", Module: "hello", From: "1.0.0", To: "1.1.0", Digest: digest, Strategy: manifest.Gradual, Phase: "shifting", Step: 2,
			Steps: []manifest.Weight{100, 2500, 10000}, Hold: manifest.Duration(10 * time.Second), Verdict: module.Pending,
			Actor: "user:root", Started: began, StepStarted: began.Add(10 * time.Second),
			StableSample: module.Sample{Requests: 90, Errors: 1}, CandidateSample: module.Sample{Requests: 30},
			Phases: []module.PhaseTime{{Name: "stage", Micros: 14000}},
		},
	}
}

func TestAModuleIsShownAsItsStatus(t *testing.T) {
	rt := new(apitest.Runtime)
	rt.Put(shifting())
	got := serve(t, rt, api.Config{}).get(t, "/v1/modules/hello")
	golden, err := os.ReadFile(filepath.Join("testdata", "module.golden.json"))
	if err != nil {
		t.Fatal(err)
	}
	var indented bytes.Buffer
	if err := json.Indent(&indented, []byte(got.body), "", "  "); err != nil {
		t.Fatal(err)
	}
	if got.status != http.StatusOK || indented.String() != string(golden) {
		t.Errorf("status %d, got\n%s\nwant\n%s", got.status, indented.String(), golden)
	}
}

func TestReadsAreTheSameOnBothSides(t *testing.T) {
	rt := &apitest.Runtime{
		About:        api.Info{Version: "1.2.3", PID: 7, ModulesDir: "modules"},
		AuditRecords: []module.AuditRecord{{Seq: 1, Action: "deploy", Target: "hello@1.0.0"}, {Seq: 2, Action: "abort"}},
	}
	rt.Served = []module.RouteStatus{{Module: "hello", Path: "/hello", Methods: []string{"GET"}}, {Module: "hello", Host: "a.b", Path: "/"}}
	rt.Put(shifting())
	rt.Emit(module.Event{Type: module.HostStarted, Message: "up"}, module.Event{Type: module.RolloutStep, Module: "hello", Message: "step"})
	s := serve(t, rt, api.Config{})
	for path, want := range map[string]string{
		"/v1/modules":             `{"modules":[{"name":"hello",`,
		"/v1/modules/hello":       `{"name":"hello",`,
		"/v1/events":              `{"events":[{"seq":1,`,
		"/v1/events?module=hello": `{"events":[{"seq":2,`,
		"/v1/events?after=1":      `{"events":[{"seq":2,`,
		"/v1/events?limit=1":      `{"events":[{"seq":2,`,
		"/v1/events?after=2":      `{"events":[]}`,
		"/v1/audit?limit=1":       `{"records":[{"seq":2,`,
		"/v1/audit?module=hello":  `{"records":[{"seq":1,`,
		"/v1/routes":              `{"routes":[{"module":"hello","path":"/hello","methods":["GET"]},`,
		"/v1/info":                `{"version":"1.2.3",`,
		"/v1/openapi.json":        `{`,
		"/healthz":                `{"status":"ok"}`,
		"/readyz":                 `{"status":"ready"}`,
		"/metrics":                "segue_up 1",
	} {
		for _, local := range []bool{true, false} {
			got := s.over(t, local, http.MethodGet, path, "")
			if got.status != http.StatusOK || !strings.HasPrefix(got.body, want) {
				t.Errorf("local %v %s: %d %s", local, path, got.status, got.body)
			}
			if head := s.over(t, local, http.MethodHead, path, ""); head.status != http.StatusOK || head.body != "" {
				t.Errorf("local %v HEAD %s: %d %q", local, path, head.status, head.body)
			}
		}
	}
}

func TestARuntimeWithoutModulesHasAnEmptyList(t *testing.T) {
	s := serve(t, new(apitest.Runtime), api.Config{})
	for path, want := range map[string]string{"/v1/modules": "{\"modules\":[]}\n", "/v1/routes": "{\"routes\":[]}\n"} {
		if got := s.get(t, path); got.body != want {
			t.Errorf("%s: got %s", path, got.body)
		}
	}
}

func TestARuntimeThatIsNotReadySaysWhy(t *testing.T) {
	rt := &apitest.Runtime{NotReady: errors.New("hello is starting")}
	s := serve(t, rt, api.Config{})
	got := s.over(t, false, http.MethodGet, "/readyz", "")
	if p := got.problem(t); p.Status != http.StatusServiceUnavailable || !strings.Contains(p.Detail, "hello is starting") {
		t.Errorf("got %+v", p)
	}
	if got := s.over(t, false, http.MethodGet, "/healthz", ""); got.status != http.StatusOK {
		t.Errorf("healthz answers %d while not ready", got.status)
	}
}

func TestAWrongParameterIsRefusedByName(t *testing.T) {
	s := serve(t, new(apitest.Runtime), api.Config{})
	for path, field := range map[string]string{
		"/v1/events?after=x":         "after",
		"/v1/events?after=-1":        "after",
		"/v1/events?limit=0":         "limit",
		"/v1/events?limit=10001":     "limit",
		"/v1/events?modul=hello":     "modul",
		"/v1/events?limit=1&limit=2": "limit",
		"/v1/audit?limit=many":       "limit",
		"/v1/routes?module=hello":    "module",
		"/v1/modules?name=hello":     "name",
	} {
		if p := s.get(t, path).problem(t); p.Status != http.StatusBadRequest || p.Field != field || p.Hint == "" {
			t.Errorf("%s: got %+v", path, p)
		}
	}
}
