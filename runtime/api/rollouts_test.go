package api_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/segue-run/segue/runtime/api"
	"github.com/segue-run/segue/runtime/api/apitest"
	"github.com/segue-run/segue/runtime/module"
)

// rolling is a runtime with a rollout under way and two that are over.
func rolling() *apitest.Runtime {
	rt := new(apitest.Runtime)
	m := shifting()
	m.Rollout.Preview = &module.Preview{Host: "preview.example", Header: "Segue-Preview: secret"}
	m.Rollout.Mirror = &module.Comparison{Requests: 3, Different: 1, Examples: []module.Difference{{Request: "GET /hello", What: "$.name", Stable: "secret", Candidate: "other"}}}
	rt.Put(m)
	rt.Put(module.Status{Name: "billing"})
	for i := range 2 {
		rt.Past = append(rt.Past, module.RolloutStatus{
			ID: fmt.Sprint("p", i), Module: "hello", To: "1.0.0", Ended: m.Rollout.Started,
			Preview: &module.Preview{Header: "Segue-Preview: secret"},
		})
	}
	return rt
}

func TestTheRolloutsOfAModuleAreListedNewestFirst(t *testing.T) {
	s := serve(t, rolling(), api.Config{})
	for path, want := range map[string][]string{
		"/v1/modules/hello/rollouts":         {"r1", "p0", "p1"},
		"/v1/modules/hello/rollouts?limit=2": {"r1", "p0"},
		"/v1/modules/hello/rollouts/p1":      {"p1"},
		"/v1/modules/hello/rollouts/r1":      {"r1"},
	} {
		for _, local := range []bool{true, false} {
			got := s.over(t, local, http.MethodGet, path, "")
			var ids []string
			for _, part := range strings.Split(got.body, `"id":"`)[1:] {
				id, _, _ := strings.Cut(part, `"`)
				ids = append(ids, id)
			}
			if got.status != http.StatusOK || fmt.Sprint(ids) != fmt.Sprint(want) {
				t.Errorf("local %v %s: %d %v, want %v", local, path, got.status, ids, want)
			}
		}
	}
	if got := s.get(t, "/v1/modules/billing/rollouts"); got.body != "{\"rollouts\":[]}\n" {
		t.Errorf("without rollouts: %s", got.body)
	}
	for path, field := range map[string]string{"/v1/modules/hello/rollouts/p9": "rollout", "/v1/modules/nobody/rollouts": "module", "/v1/modules/nobody/rollouts/p1": "module"} {
		if p := s.get(t, path).problem(t); p.Status != http.StatusNotFound || p.Field != field || p.Hint == "" {
			t.Errorf("%s: got %+v", path, p)
		}
	}
	for path, field := range map[string]string{"rollouts?limit=0": "limit", "rollouts?after=1": "after", "rollouts/p1?limit=1": "limit"} {
		if p := s.get(t, "/v1/modules/hello/"+path).problem(t); p.Status != http.StatusBadRequest || p.Field != field {
			t.Errorf("%s: got %+v", path, p)
		}
	}
}

func TestWhatOpensAPreviewAndWhatUsersGotAreNotToldOverTCP(t *testing.T) {
	s := serve(t, rolling(), api.Config{})
	for _, path := range []string{"/v1/modules", "/v1/modules/hello", "/v1/modules/hello/rollouts", "/v1/modules/hello/rollouts/r1"} {
		for _, local := range []bool{false, true} {
			got := s.over(t, local, http.MethodGet, path, "")
			if !strings.Contains(got.body, "preview.example") || strings.Contains(got.body, "secret") != local {
				t.Errorf("local %v %s: %s", local, path, got.body)
			}
		}
	}
}

func TestAnOrderForARolloutThatIsNotUnderWayIsAConflictThatSaysWhich(t *testing.T) {
	rt := rolling()
	over := shifting()
	over.Name, over.Rollout.Module, over.Rollout.Phase = "billing", "billing", "promoted"
	over.Rollout.Ended = time.Date(2026, 1, 2, 4, 0, 0, 0, time.UTC)
	rt.Put(over)
	rt.Put(module.Status{Name: "idle"})
	s := serve(t, rt, api.Config{})
	for _, verb := range []string{"promote", "abort", "pause", "resume", "approve"} {
		for path, want := range map[string]string{
			"hello/" + verb + "?rollout=p0":   "r1, to 1.1.0, begun by user:root at 2026-01-02T03:04:05Z",
			"billing/" + verb + "?rollout=r1": "to 1.1.0 by user:root, is promoted since 2026-01-02T04:00:00Z",
			"billing/" + verb + "?rollout=r0": "no other one is since 2026-01-02T04:00:00Z",
			"idle/" + verb + "?rollout=r0":    "no rollout is under way",
		} {
			p := s.over(t, true, http.MethodPost, "/v1/modules/"+path, "").problem(t)
			if p.Status != http.StatusConflict || p.Field != "rollout" || p.Hint == "" || !strings.Contains(p.Detail, want) {
				t.Errorf("%s: got %+v", path, p)
			}
		}
	}
}

func TestAWrongOrderIsRefusedBeforeTheRuntimeHearsOfIt(t *testing.T) {
	rt := rolling()
	rt.OnVerb = func(string, api.Order) error { t.Error("reached the runtime"); return nil }
	s := serve(t, rt, api.Config{})
	for path, field := range map[string]string{
		"pause?why=x":                              "why",
		"pause?reason=a%0ab":                       "reason",
		"pause?reason=%1b[2J":                      "reason",
		"pause?reason=%ff":                         "reason",
		"pause?reason=" + strings.Repeat("a", 501): "reason",
		"pause?rollout=":                           "rollout",
		"promote?reason=x":                         "reason",
		"promote?rollout=r1&rollout=r2":            "rollout",
		"rollback?rollout=r1":                      "rollout",
		"rollback?stepped=slowly":                  "stepped",
	} {
		if p := s.over(t, true, http.MethodPost, "/v1/modules/hello/"+path, "").problem(t); p.Status != http.StatusBadRequest || p.Field != field || p.Hint == "" {
			t.Errorf("%s: got %+v", path, p)
		}
	}
}
