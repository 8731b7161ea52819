package route_test

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/segue-run/segue/proxy"
	"github.com/segue-run/segue/proxy/route"
)

// check wants each request to be taken by that module, "" for nobody.
func check(t *testing.T, table *route.Table, want [][2]string) {
	t.Helper()
	for _, c := range want {
		if got := module(table, request(c[0])); got != c[1] {
			t.Errorf("%s goes to %q, want %q", c[0], got, c[1])
		}
	}
}

func TestTheLongestPathOfTheHostWins(t *testing.T) {
	table := build(t,
		route.Entry{Path: "/", Module: "site"},
		route.Entry{Path: "/api/", Module: "api"},
		route.Entry{Path: "/api/v2/orders", Module: "orders"},
		route.Entry{Path: "/caf%C3%A9", Module: "cafe"},
		route.Entry{Host: "Shop.Example", Path: "/cart", Module: "cart"},
	)
	check(t, table, [][2]string{
		{"/", "site"}, {"/apix", "site"}, {"/api", "api"}, {"/api/", "api"}, {"/api/v2", "api"}, {"/api/v2/orders", "orders"},
		{"/api/v2/orders/7", "orders"}, {"/api/v2/orders2", "api"}, {"/caf%C3%A9/menu", "cafe"}, {"other.example/api", "api"},
		{"shop.example/cart", "cart"}, {"shop.example/cart/1", "cart"}, {"shop.example/carts", "site"}, {"shop.example/api", "api"},
	})
	six := build(t, route.Entry{Host: "[::1]", Path: "/", Module: "six"})
	if got := module(six, &proxy.Request{Host: "::1", Path: "/api"}); got != "six" {
		t.Errorf("an address of IPv6 goes to %q", got)
	}
}

func TestWhatNobodyTakesDoesNotMatch(t *testing.T) {
	table := build(t, route.Entry{Path: "/a", Module: "a"}, route.Entry{Host: "h", Path: "/b", Module: "b"})
	check(t, table, [][2]string{{"/", ""}, {"/b", ""}, {"x/b", ""}, {"h/c", ""}, {"h/ab", ""}})
	for _, path := range []string{"", "a"} {
		if way := table.Match(&proxy.Request{Path: path}); way != nil {
			t.Errorf("%q goes to %v", path, way)
		}
	}
	if new(route.Table).Match(request("h/")) != nil {
		t.Error("an empty table matched")
	}
}

func TestAnExactHostGoesBeforeAWildcardAndTheLongerWildcardBeforeTheShorter(t *testing.T) {
	table := build(t,
		route.Entry{Path: "/", Module: "any"},
		route.Entry{Host: "*.example.com", Path: "/", Module: "wild"},
		route.Entry{Host: "*.eu.Example.com", Path: "/", Module: "eu"},
		route.Entry{Host: "a.eu.example.com", Path: "/x", Module: "exact"},
		route.Entry{Host: "*.com", Path: "/com", Module: "com"},
		route.Entry{Host: "*.example.com", Path: "/deep/down", Module: "deep"},
	)
	check(t, table, [][2]string{
		{"example.com/", "any"}, {"example.com/com", "com"}, {"a.example.com/", "wild"}, {"a.b.example.com/", "wild"},
		{"aexample.com/", "any"}, {"b.eu.example.com/", "eu"}, {"c.b.eu.example.com/", "eu"}, {"eu.example.com/", "wild"},
		{"a.eu.example.com/x", "exact"}, {"a.eu.example.com/y", "eu"}, {"b.a.eu.example.com/x", "eu"},
		{"a.example.com/deep/down/x", "deep"}, {"b.eu.example.com/deep/down", "eu"}, {"com/com", "any"}, {"x.com/com", "com"},
		{"/com", "any"}, {"1.2.3.4/", "any"},
	})
}

func TestMoreConditionsOnHeadersGoFirstThenNamedMethods(t *testing.T) {
	table := build(t,
		route.Entry{Path: "/a", Module: "plain"},
		route.Entry{Path: "/a", Methods: []string{"GET", "PUT"}, Module: "get"},
		route.Entry{Path: "/a", Methods: []string{"POST"}, Module: "post"},
		route.Entry{Path: "/a", Headers: map[string]string{"x-version": "2"}, Module: "two"},
		route.Entry{Path: "/a", Headers: map[string]string{"x-version": "3"}, Module: "three"},
		route.Entry{Path: "/a", Headers: map[string]string{"X-Version": ""}, Module: "some"},
		route.Entry{Path: "/a", Headers: map[string]string{"x-version": "2", "x-beta": ""}, Module: "beta"},
		route.Entry{Path: "/a", Methods: []string{"DELETE"}, Headers: map[string]string{"x-version": "2"}, Module: "delete"},
		route.Entry{Path: "/a/only", Methods: []string{"PATCH"}, Module: "patch"},
		route.Entry{Host: "h", Path: "/", Headers: map[string]string{"x-h": "1"}, Module: "host"},
	)
	check(t, table, [][2]string{
		{"OPTIONS /a", "plain"}, {"GET /a", "get"}, {"HEAD /a", "get"}, {"PUT /a", "get"}, {"POST /a", "post"},
		{"GET /a x-version=2", "two"}, {"GET /a x-version=3", "three"}, {"POST /a x-version=4", "some"}, {"GET /a x-version=", "get"},
		{"GET /a x-version=2 x-beta=no", "beta"}, {"GET /a x-version=4 x-beta=no", "some"}, {"DELETE /a x-version=2", "delete"},
		{"DELETE /a x-version=2 x-beta=1", "beta"}, {"DELETE /a", "plain"}, {"GET /a x-version=4 x-version=2", "some"},
		{"PATCH /a/only", "patch"}, {"GET /a/only", "get"}, {"OPTIONS /a/only", "plain"}, {"OPTIONS /a/only x-version=2", "two"},
		{"GET h/a x-h=1", "host"}, {"GET h/a x-h=2", "get"}, {"GET h/b x-h=2", ""},
	})
	only := build(t, route.Entry{Path: "/a", Methods: []string{"POST"}, Module: "post"})
	check(t, only, [][2]string{{"POST /a", "post"}, {"GET /a", ""}, {"HEAD /a", ""}})
}

func TestWhatHoldsOnARouteIsInItsWay(t *testing.T) {
	table := build(t, route.Entry{
		Host: "*.Example.com", Path: "/api/v1/", Methods: []string{"PUT", "GET"}, Headers: map[string]string{"x-b": "", "X-A": "1"}, Module: "m",
		Strip: true, Timeouts: proxy.Timeouts{Answer: time.Minute}, MaxBody: 7,
	}, route.Entry{Path: "/", Module: "root"})
	got, want := table.Match(request("a.example.com/api/v1/x x-a=1 x-b=2")), proxy.Route{
		Module: "m", Pattern: "GET,PUT *.example.com/api/v1 (x-a: 1, x-b)", Prefix: "/api/v1", Strip: true,
		Timeouts: proxy.Timeouts{Answer: time.Minute}, MaxBody: 7,
	}
	if got == nil || *got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if forwarded := got.Forwarded("/api/v1/x"); forwarded != "/x" {
		t.Errorf("stripped to %q", forwarded)
	}
	if root := table.Match(request("/")); root == nil || root.Prefix != "" || root.Pattern != "/" {
		t.Errorf("got %+v", root)
	}
}

func TestTwoModulesThatCouldTakeOneRequestAreRefusedByName(t *testing.T) {
	a := func(methods []string, pairs ...string) route.Entry {
		e := route.Entry{Host: "example.com", Path: "/a", Methods: methods}
		for i := 0; i < len(pairs); i += 2 {
			if e.Headers == nil {
				e.Headers = map[string]string{}
			}
			e.Headers[pairs[i]] = pairs[i+1]
		}
		return e
	}
	for name, c := range map[string]struct {
		one, other route.Entry
		want       string // of the error; empty for none
	}{
		"the same":                   {route.Entry{Host: "EXAMPLE.com", Path: "/a/%62/"}, route.Entry{Host: "example.com.", Path: "/a/b"}, "route example.com/a/b is claimed by modules one and other"},
		"the same wildcard":          {route.Entry{Host: "*.a.b", Path: "/"}, route.Entry{Host: "*.A.b", Path: "/"}, "route *.a.b/ is claimed by modules one and other"},
		"a wildcard and a host":      {route.Entry{Host: "*.a.b", Path: "/"}, route.Entry{Host: "a.b", Path: "/"}, ""},
		"two headers":                {a(nil, "x-a", "1"), a(nil, "x-b", "1"), "route example.com/a (x-a: 1) of module one and route example.com/a (x-b: 1) of module other take the same requests"},
		"two values":                 {a(nil, "x-a", "1"), a(nil, "X-A", "2"), ""},
		"a value and any":            {a(nil, "x-a", "1"), a(nil, "x-a", ""), ""},
		"any of two":                 {a(nil, "x-a", ""), a(nil, "x-b", ""), "take the same"},
		"two of three":               {a(nil, "x-a", "1", "x-b", "1"), a(nil, "x-a", "1", "x-c", "1"), "take the same"},
		"two of three, apart":        {a(nil, "x-a", "1", "x-b", "1"), a(nil, "x-a", "2", "x-c", "1"), ""},
		"more headers":               {a(nil, "x-a", "1", "x-b", "1"), a(nil, "x-c", "1"), ""},
		"a method and all":           {a([]string{"GET"}), a(nil), ""},
		"two methods":                {a([]string{"GET"}), a([]string{"POST"}), ""},
		"methods in common":          {a([]string{"GET", "PUT"}), a([]string{"PUT", "POST"}), "route GET,PUT example.com/a of module one and route POST,PUT example.com/a of module other take the same requests"},
		"GET and HEAD":               {a([]string{"HEAD"}), a([]string{"GET"}), "take the same"},
		"a method and other headers": {a([]string{"GET"}, "x-a", "1"), a([]string{"GET"}, "x-b", "1"), "take the same"},
		"methods apart":              {a([]string{"GET"}, "x-a", "1"), a([]string{"PUT"}, "x-b", "1"), ""},
		"a header against a method":  {a(nil, "x-a", "1"), a([]string{"GET"}), ""},
	} {
		c.one.Module, c.other.Module = "one", "other"
		for _, entries := range [][]route.Entry{{c.one, {Path: "/z", Module: "fine"}, c.other}, {c.other, c.one}} {
			_, err := route.Build(entries)
			conflict, ok := errors.AsType[*route.ConflictError](err)
			if ok != (c.want != "") || ok && (!strings.Contains(err.Error(), c.want) || conflict.A.Module != "one" || conflict.B.Module != "other") {
				t.Errorf("%s: got %v, want %q", name, err, c.want)
			}
		}
		one, _ := route.Clean(c.one)
		other, _ := route.Clean(c.other)
		if route.Conflict(one, other) != (c.want != "") || route.Conflict(other, one) != (c.want != "") {
			t.Errorf("%s: Conflict and Build disagree", name)
		}
	}
}

func TestOfOneModuleTheFirstRouteDecides(t *testing.T) {
	table := build(t,
		route.Entry{Path: "/a", Module: "a", Headers: map[string]string{"x-a": ""}, MaxBody: 1},
		route.Entry{Path: "/a", Module: "a", Headers: map[string]string{"x-b": ""}, MaxBody: 2},
		route.Entry{Path: "/a/", Module: "a", Headers: map[string]string{"X-A": ""}, MaxBody: 3},
		route.Entry{Path: "/a", Module: "a"},
	)
	if n := len(table.Entries()); n != 3 {
		t.Errorf("%d entries: %v", n, table.Entries())
	}
	for text, want := range map[string]int64{"/a x-a=1 x-b=1": 1, "/a x-b=1": 2, "/a": 0} {
		if way := table.Match(request(text)); way == nil || way.MaxBody != want {
			t.Errorf("%s: %+v", text, way)
		}
	}
}

func TestEntriesAreListedAsTheyAreAsked(t *testing.T) {
	table := build(t,
		route.Entry{Path: "/b", Module: "m"}, route.Entry{Path: "/a", Module: "m"}, route.Entry{Host: "*.b", Path: "/", Module: "m"},
		route.Entry{Host: "*.a.b", Path: "/", Module: "m"}, route.Entry{Host: "b", Path: "/", Module: "m"}, route.Entry{Host: "a", Path: "/", Module: "m"},
		route.Entry{Path: "/a", Methods: []string{"GET"}, Module: "g"}, route.Entry{Path: "/a", Headers: map[string]string{"X": ""}, Module: "h"},
	)
	var got []string
	for way, e := range table.All() {
		if way.Pattern != e.String() || way.Module != e.Module {
			t.Errorf("%+v is the way of %v", way, e)
		}
		got = append(got, e.String())
	}
	if want := []string{"a/", "b/", "*.a.b/", "*.b/", "/a (x)", "GET /a", "/a", "/b"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestAnEntryWithoutAOneWayReadingIsRefused(t *testing.T) {
	for _, e := range []route.Entry{
		{Path: "", Module: "a"}, {Path: "a", Module: "a"}, {Path: "/a%2fb", Module: "a"}, {Path: "/../a", Module: "a"},
		{Host: "a b", Path: "/", Module: "a"}, {Host: "a:80", Path: "/", Module: "a"}, {Host: "[::1]:80", Path: "/", Module: "a"},
		{Host: "::1", Path: "/", Module: "a"}, {Path: "/"},
		{Host: "*", Path: "/", Module: "a"}, {Host: "*.", Path: "/", Module: "a"}, {Host: "*.*.a", Path: "/", Module: "a"}, {Host: "a.*.b", Path: "/", Module: "a"},
		{Host: "*a.b", Path: "/", Module: "a"}, {Host: "*.0.1", Path: "/", Module: "a"}, {Host: "*.[::1]", Path: "/", Module: "a"}, {Host: "*.a:80", Path: "/", Module: "a"},
		{Path: "/", Module: "a", Methods: []string{""}}, {Path: "/", Module: "a", Methods: []string{"GET", "G T"}},
		{Path: "/", Module: "a", Headers: map[string]string{"": "x"}}, {Path: "/", Module: "a", Headers: map[string]string{"a b": "x"}},
		{Path: "/", Module: "a", Headers: map[string]string{"x-a": "1", "X-A": "2"}}, {Path: "/", Module: "a", Headers: map[string]string{"x-a": "1\n"}},
		{Path: "/", Module: "a", Headers: map[string]string{"x-a": " 1"}},
		{Path: "/", Module: "a", Headers: map[string]string{"segue-preview": ""}}, {Path: "/", Module: "a", Headers: map[string]string{"Segue_Preview": ""}},
		{Path: "/", Module: "a", Headers: map[string]string{"te": ""}}, {Path: "/", Module: "a", Headers: map[string]string{"X-Forwarded-For": ""}},
		{Path: "/", Module: "a", Headers: map[string]string{"forwarded": ""}}, {Path: "/", Module: "a", Headers: map[string]string{"host": "a"}},
	} {
		if _, err := route.Build([]route.Entry{e}); err == nil {
			t.Errorf("%+v was accepted", e)
		}
		if _, err := route.Clean(e); err == nil {
			t.Errorf("%+v is clean", e)
		}
	}
}

func TestAMatchAllocatesNothing(t *testing.T) {
	table := build(t, route.Entry{Path: "/", Module: "site"}, route.Entry{Host: "h.example.com", Path: "/a/b/c", Module: "c"},
		route.Entry{Host: "*.example.com", Path: "/a", Methods: []string{"PUT"}, Module: "w"},
		route.Entry{Path: "/a/b", Headers: map[string]string{"x-version": "2"}, Module: "v"})
	r := request("POST h.example.com/a/b/x/y x-version=3")
	if n := testing.AllocsPerRun(100, func() { table.Match(r) }); n != 0 || module(table, r) != "site" {
		t.Errorf("%v allocations, to %s", n, module(table, r))
	}
}

// better reports whether a goes before b for r, which both take: the contract of Match,
// said another way.
func better(a, b route.Entry) bool {
	score := func(e route.Entry) []int {
		host := len(e.Host)
		if e.Host != "" && !strings.HasPrefix(e.Host, "*.") {
			host = 1000
		}
		named := slices.DeleteFunc(slices.Collect(maps.Values(e.Headers)), func(v string) bool { return v == "" })
		return []int{host, len(strings.TrimSuffix(e.Path, "/")), len(e.Headers), len(named), min(1, len(e.Methods))}
	}
	return slices.Compare(score(a), score(b)) > 0
}

func covers(e route.Entry, r *proxy.Request) bool {
	host := e.Host == "" || e.Host == r.Host || strings.HasPrefix(e.Host, "*.") && strings.HasSuffix(r.Host, e.Host[1:]) && len(r.Host) > len(e.Host)-1
	path := e.Path == "/" || r.Path == e.Path || strings.HasPrefix(r.Path, e.Path+"/")
	method := len(e.Methods) == 0 || slices.Contains(e.Methods, r.Method) || r.Method == "HEAD" && slices.Contains(e.Methods, "GET")
	for name, value := range e.Headers {
		if got := r.Header.Get(name); got == "" || value != "" && got != value {
			return false
		}
	}
	return host && path && method
}

func FuzzMatchAgreesWithTheContract(f *testing.F) {
	f.Add("/a /a/b h/ h/a/b/c", "GET", "h:80", "/a//b/./c", "")
	f.Add("/ /a/ /%61b", "PUT", "H", "/ab/%2e%2e/a", "1")
	f.Add("*.b/ *.a.b/;GET *.a.b/;PUT,GET a.a.b/x;;X=1 /x;;X= /x;;Y= /;;X=2;Y=2", "HEAD", "a.a.b", "/x", "1")
	f.Fuzz(func(t *testing.T, spec, method, host, path, value string) {
		var entries []route.Entry
		for i, word := range strings.Fields(spec) {
			parts := strings.Split(word, ";")
			host, path, _ := strings.Cut(parts[0], "/")
			e := route.Entry{Host: host, Path: "/" + path, Module: fmt.Sprint("m", i)}
			if len(parts) > 1 && parts[1] != "" {
				e.Methods = strings.Split(parts[1], ",")
			}
			for _, pair := range parts[min(2, len(parts)):] {
				if e.Headers == nil {
					e.Headers = map[string]string{}
				}
				name, value, _ := strings.Cut(pair, "=")
				e.Headers[name] = value
			}
			entries = append(entries, e)
		}
		table, err := route.Build(entries)
		if err != nil {
			return
		}
		if host, err = proxy.CleanHost(host); err != nil {
			return
		}
		if path, err = proxy.CleanPath(path); err != nil {
			return
		}
		r := &proxy.Request{Method: method, Host: host, Path: path, Header: http.Header{"X": {value}, "Y": {"2"}}}
		want := ""
		var best route.Entry
		for _, e := range table.Entries() {
			if !covers(e, r) {
				continue
			}
			if want != "" && !better(e, best) && !better(best, e) && e.Module != best.Module {
				t.Fatalf("%v and %v both take %+v", e, best, r)
			}
			if want == "" || better(e, best) {
				want, best = e.Module, e
			}
		}
		if got := module(table, r); got != want {
			t.Fatalf("%+v goes to %q; want %q in %v", r, got, want, table.Entries())
		}
	})
}

func BenchmarkMatch(b *testing.B) {
	entries := []route.Entry{{Path: "/", Module: "site"}}
	for i := range 50 {
		entries = append(entries, route.Entry{Path: fmt.Sprintf("/api/m%d/v1", i), Module: fmt.Sprint("m", i)})
	}
	table := build(b, entries...)
	r := request("example.com/api/m17/v1/orders/4711")
	b.ReportAllocs()
	for b.Loop() {
		table.Match(r)
	}
}
