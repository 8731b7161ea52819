package route_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/segue-run/segue/proxy"
	"github.com/segue-run/segue/proxy/route"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func build(t testing.TB, entries ...route.Entry) *route.Table {
	t.Helper()
	table, err := route.Build(entries)
	if err != nil {
		t.Fatal(err)
	}
	return table
}

func TestTheLongestPathOfTheHostWins(t *testing.T) {
	table := build(t,
		route.Entry{Path: "/", Module: "site"},
		route.Entry{Path: "/api/", Module: "api"},
		route.Entry{Path: "/api/v2/orders", Module: "orders"},
		route.Entry{Path: "/caf%C3%A9", Module: "cafe"},
		route.Entry{Host: "Shop.Example", Path: "/cart", Module: "cart"},
		route.Entry{Host: "[::1]", Path: "/", Module: "six"},
	)
	for _, c := range []struct{ host, path, module string }{
		{"", "/", "site"},
		{"", "/apix", "site"},
		{"", "/api", "api"},
		{"", "/api/", "api"},
		{"", "/api/v2", "api"},
		{"", "/api/v2/orders", "orders"},
		{"", "/api/v2/orders/7", "orders"},
		{"", "/api/v2/orders2", "api"},
		{"", "/caf%C3%A9/menu", "cafe"},
		{"other.example", "/api", "api"},
		{"shop.example", "/cart", "cart"},
		{"shop.example", "/cart/1", "cart"},
		{"shop.example", "/carts", "site"},
		{"shop.example", "/api", "api"},
		{"::1", "/api", "six"},
	} {
		if module, ok := table.Match(c.host, c.path); !ok || module != c.module {
			t.Errorf("Match(%q, %q) = %q, %v; want %q", c.host, c.path, module, ok, c.module)
		}
	}
}

func TestWhatNobodyTakesDoesNotMatch(t *testing.T) {
	table := build(t, route.Entry{Path: "/a", Module: "a"}, route.Entry{Host: "h", Path: "/b", Module: "b"})
	for _, c := range []struct{ host, path string }{{"", "/"}, {"", "/b"}, {"x", "/b"}, {"h", "/c"}, {"h", "/ab"}, {"", ""}, {"", "a"}} {
		if module, ok := table.Match(c.host, c.path); ok {
			t.Errorf("Match(%q, %q) = %q", c.host, c.path, module)
		}
	}
	if _, ok := new(route.Table).Match("h", "/"); ok {
		t.Error("an empty table matched")
	}
}

func TestTwoModulesOnOneAddressAreRefusedByName(t *testing.T) {
	_, err := route.Build([]route.Entry{
		{Path: "/z", Module: "fine"},
		{Host: "EXAMPLE.com", Path: "/a/%62/", Module: "second"},
		{Host: "example.com.", Path: "/a/b", Module: "first"},
	})
	conflict, ok := errors.AsType[*route.ConflictError](err)
	if !ok {
		t.Fatalf("got %v", err)
	}
	if conflict.Host != "example.com" || conflict.Path != "/a/b" || !slices.Equal(conflict.Modules, []string{"first", "second"}) {
		t.Errorf("got %+v", conflict)
	}
	if want := "route example.com/a/b is claimed by modules first and second"; err.Error() != want {
		t.Errorf("got %q, want %q", err, want)
	}
}

func TestTheSameEntryTwiceIsOne(t *testing.T) {
	table := build(t, route.Entry{Path: "/a", Module: "a"}, route.Entry{Path: "/a/", Module: "a"})
	if got := table.Entries(); !slices.Equal(got, []route.Entry{{Path: "/a", Module: "a"}}) {
		t.Errorf("got %v", got)
	}
}

func TestAnEntryWithoutAOneWayReadingIsRefused(t *testing.T) {
	for _, e := range []route.Entry{
		{Path: "", Module: "a"}, {Path: "a", Module: "a"}, {Path: "/a%2fb", Module: "a"}, {Path: "/../a", Module: "a"},
		{Host: "a b", Path: "/", Module: "a"}, {Host: "a:80", Path: "/", Module: "a"}, {Host: "[::1]:80", Path: "/", Module: "a"},
		{Host: "::1", Path: "/", Module: "a"}, {Path: "/"},
	} {
		if _, err := route.Build([]route.Entry{e}); err == nil {
			t.Errorf("%+v was accepted", e)
		}
	}
}

func TestAMatchAllocatesNothing(t *testing.T) {
	table := build(t, route.Entry{Path: "/", Module: "site"}, route.Entry{Host: "h", Path: "/a/b/c", Module: "c"})
	if n := testing.AllocsPerRun(100, func() { table.Match("h", "/a/b/x/y") }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// naive is the contract of Match, said another way.
func naive(entries []route.Entry, host, path string) string {
	for _, h := range []string{host, ""} {
		best, module := -1, ""
		for _, e := range entries {
			under := e.Path == "/" || path == e.Path || strings.HasPrefix(path, e.Path+"/")
			if e.Host == h && under && len(e.Path) > best {
				best, module = len(e.Path), e.Module
			}
		}
		if module != "" {
			return module
		}
	}
	return ""
}

func FuzzMatchAgreesWithTheContract(f *testing.F) {
	f.Add("/a /a/b h/ h/a/b/c", "h:80", "/a//b/./c")
	f.Add("/ /a/ /%61b", "H", "/ab/%2e%2e/a")
	f.Fuzz(func(t *testing.T, spec, host, path string) {
		var entries []route.Entry
		for i, word := range strings.Fields(spec) {
			host, path, _ := strings.Cut(word, "/")
			entries = append(entries, route.Entry{Host: host, Path: "/" + path, Module: fmt.Sprint("m", i)})
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
		got, ok := table.Match(host, path)
		if want := naive(table.Entries(), host, path); got != want || ok != (want != "") {
			t.Fatalf("Match(%q, %q) = %q, %v; want %q in %v", host, path, got, ok, want, table.Entries())
		}
	})
}

func BenchmarkMatch(b *testing.B) {
	entries := []route.Entry{{Path: "/", Module: "site"}}
	for i := range 50 {
		entries = append(entries, route.Entry{Path: fmt.Sprintf("/api/m%d/v1", i), Module: fmt.Sprint("m", i)})
	}
	table := build(b, entries...)
	b.ReportAllocs()
	for b.Loop() {
		table.Match("example.com", "/api/m17/v1/orders/4711")
	}
}
