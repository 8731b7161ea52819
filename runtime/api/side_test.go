package api_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/segue-run/segue/runtime/api"
	"github.com/segue-run/segue/runtime/api/apitest"
	"github.com/segue-run/segue/runtime/module"
)

// routes are all routes with a module's name filled in.
func routes(t *testing.T) []api.Route {
	t.Helper()
	s, err := api.New(api.Config{
		Runtime: new(apitest.Runtime), Socket: "x", Metrics: http.NotFoundHandler(),
		Actor: func(*http.Request) (module.Actor, error) { return apitest.Root, nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	all := s.Routes()
	for i := range all {
		all[i].Path = strings.NewReplacer("{name}", "hello", "{id}", "r1").Replace(all[i].Path)
	}
	return all
}

func TestNoChangeIsTakenOverTCP(t *testing.T) {
	rt := &apitest.Runtime{
		OnDeploy: func(apitest.Offer) (module.RolloutStatus, error) {
			t.Error("a deploy over TCP reached the runtime")
			return module.RolloutStatus{}, nil
		},
		OnVerb: func(verb string, _ api.Order) error {
			t.Errorf("%s over TCP reached the runtime", verb)
			return nil
		},
		OnDoor: func(o api.DoorOrder) error {
			t.Errorf("%s over TCP reached the runtime", o.State)
			return nil
		},
	}
	rt.Put(shifting())
	s := serve(t, rt, api.Config{})
	changes := 0
	for _, route := range routes(t) {
		if !route.Change {
			if route.Method != http.MethodGet {
				t.Errorf("%s %s is not a change", route.Method, route.Path)
			}
			continue
		}
		changes++
		p := s.over(t, false, route.Method, route.Path, "some bytes").problem(t)
		if p.Status != http.StatusForbidden || p.Kind != module.Denied || !strings.Contains(p.Hint, s.Socket) {
			t.Errorf("%s %s: got %+v", route.Method, route.Path, p)
		}
	}
	if changes != 12 {
		t.Errorf("%d changes, want 12", changes)
	}
}

func TestAChangeIsTheActorsOfTheSocket(t *testing.T) {
	var asked []string
	rt := &apitest.Runtime{OnVerb: func(verb string, o api.Order) error {
		asked = append(asked, strings.TrimSpace(fmt.Sprintln(o.Actor, verb, o.Module, o.Rollout, o.Point+o.Reason, o.Stepped)))
		return nil
	}}
	rt.Put(shifting())
	s := serve(t, rt, api.Config{})
	for _, change := range [][2]string{
		{"POST", "/promote"}, {"POST", "/abort?rollout=r1"}, {"POST", "/pause?rollout=r1&reason=it+is+Friday"}, {"POST", "/resume"},
		{"POST", "/approve?rollout=r1"}, {"POST", "/approve?point=freeze"}, {"POST", "/revoke"}, {"POST", "/rollback"}, {"POST", "/rollback?stepped=true"}, {"DELETE", ""},
	} {
		if got := s.over(t, true, change[0], "/v1/modules/hello"+change[1], ""); got.status != http.StatusNoContent {
			t.Errorf("%s: %d %s", change, got.status, got.body)
		}
	}
	want := []string{
		"user:root promote hello   false", "user:root abort hello r1  false", "user:root pause hello r1 it is Friday false", "user:root resume hello   false",
		"user:root approve hello r1  false", "user:root approve hello  freeze false", "user:root revoke hello   false", "user:root rollback hello   false", "user:root rollback hello   true", "user:root remove hello   false",
	}
	if fmt.Sprint(asked) != fmt.Sprint(want) {
		t.Errorf("got %q, want %q", asked, want)
	}
}

func TestAnActorWhoMayNotChangeMayStillRead(t *testing.T) {
	rt := &apitest.Runtime{OnVerb: func(string, api.Order) error { t.Error("reached the runtime"); return nil }}
	rt.Put(shifting())
	s := serve(t, rt, api.Config{Actor: func(*http.Request) (module.Actor, error) {
		return module.Actor{}, &module.Error{Kind: module.Denied, Msg: "nobody may not", Hint: "ask root"}
	}})
	if p := s.over(t, true, http.MethodPost, "/v1/modules/hello/abort", "").problem(t); p.Status != http.StatusForbidden || p.Detail != "nobody may not" || p.Hint != "ask root" {
		t.Errorf("got %+v", p)
	}
	if got := s.get(t, "/v1/modules"); got.status != http.StatusOK {
		t.Errorf("a read answers %d", got.status)
	}
}

func TestUnknownPathsAndMethodsAreProblemsToo(t *testing.T) {
	s := serve(t, new(apitest.Runtime), api.Config{})
	for _, c := range []struct {
		method, path, allow string
		status              int
	}{
		{"GET", "/", "", 404},
		{"GET", "/v1", "", 404},
		{"GET", "/v1/modules/", "", 404},
		{"GET", "/v1//modules", "", 404},
		{"GET", "/v1/modules/../modules", "", 404},
		{"GET", "/v1/modules/..%2f..%2fetc", "", 404},
		{"GET", "/v1/modules/hello/promote/x", "", 404},
		{"GET", "/debug/pprof/", "", 404},
		{"GET", "/v1/deploy", "POST", 405},
		{"PUT", "/v1/modules/hello", "DELETE, GET, HEAD", 405},
		{"GET", "/v1/modules/hello/abort", "POST", 405},
		{"OPTIONS", "/v1/modules", "GET, HEAD", 405},
		{"TRACE", "/healthz", "GET, HEAD", 405},
	} {
		for _, local := range []bool{true, false} {
			got := s.over(t, local, c.method, c.path, "")
			got.problem(t)
			if got.status != c.status || got.header.Get("Allow") != c.allow {
				t.Errorf("%s %s: %d, Allow %q", c.method, c.path, got.status, got.header.Get("Allow"))
			}
		}
	}
}

func TestTheTCPSideAnswersOnlyToNamesOfItsOwn(t *testing.T) {
	rt := new(apitest.Runtime)
	s := serve(t, rt, api.Config{})
	for host, ok := range map[string]bool{
		"127.0.0.1": true, "127.0.0.1:8081": true, "[::1]:8081": true, "[::1]": true, "localhost": true, "LOCALHOST:8081": true, "10.1.2.3:80": true,
		"evil.example": false, "evil.example:8081": false, "localhost.evil.example": false, "127.0.0.1.evil.example": false, "segue": false,
	} {
		got := s.over(t, false, http.MethodGet, "/v1/modules", "", "Host", host)
		if (got.status == http.StatusOK) != ok {
			t.Errorf("Host %q: %d %s", host, got.status, got.body)
		}
		if !ok {
			if p := got.problem(t); p.Status != http.StatusForbidden || p.Field != "Host" {
				t.Errorf("Host %q: got %+v", host, p)
			}
		}
	}
	if got := s.over(t, true, http.MethodGet, "/v1/modules", "", "Host", "evil.example"); got.status != http.StatusOK {
		t.Errorf("the local side minds the Host: %d", got.status)
	}
}

func TestTheConfiguredNameIsOneOfItsOwn(t *testing.T) {
	s, err := api.New(api.Config{
		Runtime: new(apitest.Runtime), Socket: "x", Metrics: http.NotFoundHandler(), Address: "Admin.internal:8081",
		Actor: func(*http.Request) (module.Actor, error) { return apitest.Root, nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	for host, want := range map[string]int{"admin.internal:8081": 200, "admin.internal": 200, "other.internal": 403, "": 403} {
		if got := direct(s.Public(), host); got != want {
			t.Errorf("Host %q: %d, want %d", host, got, want)
		}
	}
}

func TestAServerNeedsItsParts(t *testing.T) {
	if _, err := api.New(api.Config{}); err == nil {
		t.Error("a server without a runtime was made")
	}
}
