package host

import (
	"errors"
	"net/http"
	"net/netip"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/segue-run/segue/proxy"
	"github.com/segue-run/segue/runtime/config"
	"github.com/segue-run/segue/runtime/module"
	"github.com/segue-run/segue/runtime/policy"
	"github.com/segue-run/segue/runtime/rollout"
	"github.com/segue-run/segue/sdk/manifest"
	"go.uber.org/zap"
)

// routing is a data plane whose modules serve what they list.
func routing(t *testing.T, terms config.Config, how policy.Policy, modules map[string][]manifest.Route) *traffic {
	t.Helper()
	tr := newTraffic(secretForTest(t), zap.NewNop())
	tr.terms = terms
	for name, routes := range modules {
		target := tr.Target(name+"-1", release(name, "1.0.0"), deaf{}, func(rollout.Observation) {})
		all := []rollout.Share{{Target: target, Weight: manifest.Full, Stable: true}}
		if err := tr.Split(name, rollout.Split{Routes: routes, Shares: all, Policy: how}); err != nil {
			t.Fatal(err)
		}
	}
	return tr
}

func manifestRoutes(t *testing.T, list string) []manifest.Route {
	t.Helper()
	m, err := manifest.Parse([]byte("name: a\nversion: 1.0.0\nroutes: [" + list + "]\n"))
	if err != nil {
		t.Fatal(err)
	}
	return m.Routes
}

// direct asks for a path on a host, from 192.0.2.1.
func direct(t *testing.T, tr *traffic, host, path string, header http.Header) (*proxy.Request, error) {
	t.Helper()
	r := &proxy.Request{Method: "GET", Host: host, Path: path, Header: header, Client: netip.MustParseAddr("192.0.2.1"), Cancel: func(error) {}, GoAway: func() {}}
	x, err := tr.pool.Direct(t.Context(), r)
	if err == nil {
		x.Done(proxy.Outcome{Class: proxy.ClassOK, Status: 200})
	}
	return r, err
}

func TestARouteOfAManifestHoldsWithTheOperatorsTerms(t *testing.T) {
	terms := config.Config{Modules: map[string]config.Module{"a": {Timeouts: proxy.Timeouts{Answer: time.Minute, Idle: -1}, Limits: config.ModuleLimits{Body: 1 << 20}}}}
	tr := routing(t, terms, policy.Policy{}, map[string][]manifest.Route{
		"a": manifestRoutes(t, `{host: "*.example.com", path: /api, headers: {x-version: 2}, strip: true, timeouts: {answer: 1h, total: 2h}, max_body: 5MiB}, {path: /a}`),
		"b": manifestRoutes(t, `{path: /api, methods: [GET, PUT]}`),
	})
	r, err := direct(t, tr, "x.example.com", "/api/v", http.Header{"X-Version": {"2"}})
	want := proxy.Route{Module: "a", Pattern: "*.example.com/api (x-version: 2)", Prefix: "/api", Strip: true, MaxBody: 1 << 20,
		Timeouts: proxy.Timeouts{Answer: time.Minute, Idle: -1, Total: 2 * time.Hour}}
	if err != nil || *r.Route != want {
		t.Errorf("got %+v and %v, want %+v", r.Route, err, want)
	}
	if r, err := direct(t, tr, "x.example.com", "/api/v", nil); err != nil || r.Route.Module != "b" {
		t.Errorf("without the header it goes to %+v (%v)", r.Route, err)
	}
	listed := []module.RouteStatus{
		{Module: "a", Host: "*.example.com", Path: "/api", Headers: map[string]string{"x-version": "2"}, Strip: true, MaxBody: 1 << 20,
			Timeouts: map[string]string{"answer": "1m0s", "idle": "none", "total": "2h0m0s"}},
		{Module: "a", Path: "/a", Headers: map[string]string{}, MaxBody: 1 << 20, Timeouts: map[string]string{"answer": "1m0s", "idle": "none"}},
		{Module: "b", Path: "/api", Methods: []string{"GET", "PUT"}, Headers: map[string]string{}, Timeouts: map[string]string{}},
	}
	if got := tr.routes(true); !reflect.DeepEqual(got, listed) {
		t.Errorf("listed are\n%+v\nwant\n%+v", got, listed)
	}
	tr.Remove("a")
	if got := tr.routes(true); len(got) != 1 || got[0].Module != "b" {
		t.Errorf("after the removal: %+v", got)
	}
}

func TestALimitHoldsAlsoWhenRoutesChange(t *testing.T) {
	terms := config.Config{Modules: map[string]config.Module{"a": {Limits: config.ModuleLimits{Rate: manifest.Rate{Requests: 3, Per: time.Hour}}}}}
	tr := routing(t, terms, policy.Policy{}, map[string][]manifest.Route{
		"a": manifestRoutes(t, "{path: /one, limits: {rate: 1/h}}, {path: /a}"), "b": manifestRoutes(t, "{path: /b}"),
	})
	refused := func(path string) string {
		t.Helper()
		_, err := direct(t, tr, "", path, nil)
		limit, is := errors.AsType[*proxy.LimitError](err)
		if err != nil && !is {
			t.Fatal(err)
		}
		if !is {
			return ""
		}
		return limit.Module + limit.Route
	}
	if got := refused("/one"); got != "" {
		t.Errorf("the first is refused by %s", got)
	}
	tr.Remove("b")
	for path, want := range map[string]string{"/one": "a/one"} {
		if got := refused(path); got != want {
			t.Errorf("%s is refused by %q, want %q", path, got, want)
		}
	}
	var third []string
	for range 3 {
		third = append(third, refused("/a"))
	}
	if !slices.Equal(third, []string{"", "", "a"}) {
		t.Errorf("the module's limit is not three: %q", third)
	}
	if got := tr.pool.Limited("a"); got.Rate != 2 {
		t.Errorf("counted %+v", got)
	}
}

func TestRoutesOfPreviewsAreListedForThoseWhoMaySeeThem(t *testing.T) {
	how := policyWith(func(p *policy.Policy) { p.PreviewHost = "next.example.com" })
	tr := routing(t, config.Config{}, how, map[string][]manifest.Route{"a": manifestRoutes(t, "{path: /a, methods: POST}, {host: x.example.com, path: /a, methods: POST}")})
	patterns := func(previews bool) (list []string) {
		for _, r := range tr.routes(previews) {
			if r.Preview != (r.Host == "next.example.com") {
				t.Errorf("%+v", r)
			}
			list = append(list, r.Host+r.Path)
		}
		return list
	}
	if got, want := patterns(true), []string{"next.example.com/a", "x.example.com/a", "/a"}; !reflect.DeepEqual(got, want) {
		t.Errorf("listed are %q, want %q", got, want)
	}
	if got, want := patterns(false), []string{"x.example.com/a", "/a"}; !reflect.DeepEqual(got, want) {
		t.Errorf("listed are %q, want %q", got, want)
	}
}
