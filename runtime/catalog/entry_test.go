package catalog_test

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/segue-run/segue/proxy"
	"github.com/segue-run/segue/proxy/limit"
	"github.com/segue-run/segue/proxy/route"
	"github.com/segue-run/segue/runtime/catalog"
	"github.com/segue-run/segue/runtime/module"
	"github.com/segue-run/segue/sdk/manifest"
)

// listed are the routes of a manifest that lists them so.
func listed(t *testing.T, list string) []manifest.Route {
	t.Helper()
	m, err := manifest.Parse([]byte("name: a\nversion: 1.0.0\nroutes: [" + list + "]\n"))
	if err != nil {
		t.Fatal(err)
	}
	return m.Routes
}

func TestARouteIsTheSameInTheProxysWords(t *testing.T) {
	r := listed(t, `{host: "*.example.com", path: /api/, methods: [PUT, GET], headers: {X-A: "*", x-a-b: 1}, strip: true, timeouts: {connect: 1s, answer: 2s, idle: 3s, total: 4s}, max_body: 1KiB, limits: {rate: 120/m, concurrent: 5}}`)[0]
	got, want := catalog.EntryOf("m", r), route.Entry{
		Module: "m", Host: "*.example.com", Path: "/api", Methods: []string{"GET", "PUT"}, Headers: map[string]string{"x-a": "", "x-a-b": "1"}, Strip: true,
		Timeouts: proxy.Timeouts{Connect: time.Second, Answer: 2 * time.Second, Idle: 3 * time.Second, Total: 4 * time.Second}, MaxBody: 1024,
		Limits: limit.Limits{Pace: limit.Pace{Every: 500 * time.Millisecond, Burst: 120}, Concurrent: 5},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got\n%+v\nwant\n%+v", got, want)
	}
	if clean, err := route.Clean(got); err != nil || clean.String() != r.String() || got.String() != r.String() {
		t.Errorf("it is called %q, %q and %q (%v)", r, got, clean, err)
	}
	if got := catalog.EntryOf("m", manifest.Route{Path: "/"}); !reflect.DeepEqual(got, route.Entry{Module: "m", Path: "/"}) {
		t.Errorf("got %+v", got)
	}
}

func TestARouteThatCouldTakeAnothersRequestsIsRefused(t *testing.T) {
	for name, tt := range map[string]struct {
		held, offered string
		words         []string // of the refusal; none if there is none
	}{
		"two headers":           {"{path: /x, headers: {x-a: 1}}", "{path: /y}, {path: /x, headers: {x-b: 1}}", []string{`routes[1] "/x (x-b: 1)"`, "module held has the route /x (x-a: 1), and a request can be for both", "segue rm held"}},
		"two values":            {"{path: /x, headers: {x-a: 1}}", "{path: /x, headers: {x-a: 2}}", nil},
		"a method in common":    {"{path: /x, methods: [GET, PUT]}", "{path: /x, methods: PUT}", []string{`routes[0] "PUT /x"`, "the route GET,PUT /x"}},
		"other methods":         {"{path: /x, methods: GET}", "{path: /x, methods: PUT}", nil},
		"the rest of a path":    {"{path: /x, methods: GET}", "{path: /x}", nil},
		"the same wildcard":     {`{host: "*.a.b", path: /x}`, `{host: "*.a.b", path: /x, max_body: 1}`, []string{`routes[0].path "*.a.b/x"`, "module held has this route already"}},
		"a host in a wildcard":  {`{host: "*.a.b", path: /x}`, "{host: c.a.b, path: /x}", nil},
		"another strip":         {"{path: /x, strip: true}", "{path: /x}", []string{"module held has this route already"}},
		"what two others have":  {"{path: /x, methods: [GET, PUT]}", "{path: /x, methods: [PUT, POST]}", []string{"module held has the route GET,PUT /x"}},
		"a header and a method": {"{path: /x, headers: {x-a: 1}}", "{path: /x, methods: PUT}", nil},
	} {
		c := catalog.New(catalog.Config{})
		if err := c.Claim(release("held", "1.0.0"), listed(t, tt.held)); err != nil {
			t.Fatal(err)
		}
		if err := c.Claim(release("zzz", "1.0.0"), listed(t, "{path: /x, methods: POST, headers: {x-zzz: 1}}")); err != nil {
			t.Fatal(err)
		}
		err := c.Claim(release("offered", "1.0.0"), listed(t, tt.offered))
		if len(tt.words) == 0 && err != nil {
			t.Errorf("%s: %v", name, err)
		}
		for _, word := range tt.words {
			if module.KindOf(err) != module.Conflict || !strings.Contains(err.Error(), word) {
				t.Errorf("%s: got %v, want a conflict with %q", name, err, word)
			}
		}
		var entries []route.Entry
		for module, list := range map[string]string{"held": tt.held, "offered": tt.offered} {
			for _, r := range listed(t, list) {
				entries = append(entries, catalog.EntryOf(module, r))
			}
		}
		if _, refused := route.Build(entries); (refused != nil) != (err != nil) {
			t.Errorf("%s: a claim gives %v, and a table %v", name, err, refused)
		}
		if err := c.Claim(release("held", "2.0.0"), listed(t, tt.offered)); len(tt.words) > 0 && err != nil {
			t.Errorf("%s: its own next release: %v", name, err)
		}
	}
}

func TestAManifestAndATableAgreeOnHeaders(t *testing.T) {
	for _, name := range []string{"connection", "proxy-connection", "keep-alive", "proxy-authenticate", "proxy-authorization", "te", "trailer", "transfer-encoding", "upgrade",
		"http2-settings", "forwarded", "x-forwarded-for", "x-forwarded-anything", "x_forwarded_for", "x-real-ip", "x-client-ip", "x-cluster-client-ip", "client-ip", "true-client-ip",
		"cf-connecting-ip", "x-original-url", "x-original-host", "x-rewrite-url", "x-host", "proxy", "content-length", "host", "segue-user", "segue_preview", "a b", "ä",
		"x-version", "accept", "cookie", "x-segue", "content-type", "user-agent", "x_version"} {
		_, inManifest := manifest.ParseHeaders(map[string]string{name: "1"})
		_, inTable := route.Clean(route.Entry{Module: "m", Path: "/", Headers: map[string]string{name: "1"}})
		if (inManifest != nil) != (inTable != nil) {
			t.Errorf("%s: %v, and %v", name, inManifest, inTable)
		}
	}
}

func TestARouteThatATableCannotHaveIsNotClaimed(t *testing.T) {
	err := catalog.New(catalog.Config{}).Claim(release("a", "1.0.0"), []manifest.Route{{Path: "/ok"}, {Path: "/a%2fb"}})
	if module.KindOf(err) != module.Invalid || !strings.Contains(err.Error(), "routes[1]") {
		t.Errorf("got %v", err)
	}
}
