package catalog_test

import (
	"strings"
	"testing"

	"github.com/segue-run/segue/runtime/catalog"
	"github.com/segue-run/segue/runtime/module"
	"github.com/segue-run/segue/sdk/manifest"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func release(name, version string) module.Release {
	return module.Release{Module: name, Version: version, Digest: module.Digest(name + version)}
}

func routes(paths ...string) []manifest.Route {
	var list []manifest.Route
	for _, p := range paths {
		list = append(list, manifest.Route{Path: p})
	}
	return list
}

func TestTwoModulesCannotClaimOneRoute(t *testing.T) {
	c := catalog.New(catalog.Config{})
	if err := c.Claim(release("a", "1.0.0"), routes("/x", "/y")); err != nil {
		t.Fatal(err)
	}
	err := c.Claim(release("b", "1.0.0"), routes("/z", "/y"))
	if module.KindOf(err) != module.Conflict || !strings.Contains(err.Error(), "routes[1].path") || !strings.Contains(err.Error(), "module a") {
		t.Errorf("err = %v", err)
	}
	if err := c.Claim(release("c", "1.0.0"), routes("/z")); err != nil {
		t.Errorf("a refused claim holds its other routes: %v", err)
	}
	if err := c.Claim(release("b", "1.0.0"), []manifest.Route{{Host: "b.example", Path: "/x"}, {Path: "/x/below"}}); err != nil {
		t.Errorf("another host, or a longer path, is another route: %v", err)
	}
}

func TestARouteIsFreeOnceNoKeptReleaseNeedsIt(t *testing.T) {
	c := catalog.New(catalog.Config{})
	one, two := release("a", "1.0.0"), release("a", "2.0.0")
	for rel, paths := range map[module.Release][]manifest.Route{one: routes("/x", "/old"), two: routes("/x", "/new")} {
		if err := c.Claim(rel, paths); err != nil {
			t.Fatal(err)
		}
	}
	c.Keep("a", two.Digest)
	if err := c.Claim(release("b", "1.0.0"), routes("/old")); err != nil {
		t.Errorf("the route of a release that is gone: %v", err)
	}
	for _, held := range []string{"/x", "/new"} {
		if err := c.Claim(release("b", "1.0.0"), routes(held)); module.KindOf(err) != module.Conflict {
			t.Errorf("%s was taken from the kept release: %v", held, err)
		}
	}
	c.Keep("a")
	if err := c.Claim(release("b", "1.0.0"), routes("/x", "/new")); err != nil {
		t.Errorf("a module that keeps nothing: %v", err)
	}
}

func TestAPreviewHostIsForPreviewsAlone(t *testing.T) {
	hosts := map[string]string{"a": "p.example", "b": "p.example", "c": "c.example", "d": ""}
	on := func(host, path string) []manifest.Route {
		return []manifest.Route{{Host: host, Path: path}}
	}
	for name, tt := range map[string]struct {
		held    map[string][]manifest.Route // by module
		offered string
		routes  []manifest.Route
		words   []string // of the refusal; none if there is none
	}{
		"its own":                     {offered: "a", routes: append(routes("/free"), on("p.example", "/x")...), words: []string{`rollout.preview_host "p.example"`, "module a serves there"}},
		"another's route, beforehand": {held: map[string][]manifest.Route{"d": on("c.example", "/d")}, offered: "c", routes: routes("/free"), words: []string{`rollout.preview_host "c.example"`, "module d serves there"}},
		"another's preview host":      {held: map[string][]manifest.Route{"c": routes("/c")}, offered: "d", routes: append(routes("/free"), on("c.example", "/d")...), words: []string{`routes[1].host "c.example"`, "candidates of module c"}},
		"one host, one path":          {held: map[string][]manifest.Route{"a": on("a.example", "/x")}, offered: "b", routes: append(routes("/free"), on("b.example", "/x")...), words: []string{`rollout.preview_host "p.example"`, "module a", "/x", "modules.b.rollout.preview_host"}},
		"one host, other paths":       {held: map[string][]manifest.Route{"a": on("", "/x")}, offered: "b", routes: on("", "/x/below")},
		"the next release of it":      {held: map[string][]manifest.Route{"a": on("", "/x")}, offered: "a", routes: on("", "/x")},
		"nothing in common":           {held: map[string][]manifest.Route{"a": on("", "/x")}, offered: "d", routes: on("d.example", "/x")},
	} {
		c := catalog.New(catalog.Config{PreviewHost: func(m string) string { return hosts[m] }})
		for holder, routes := range tt.held {
			if err := c.Claim(release(holder, "1.0.0"), routes); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
		}
		err := c.Claim(release(tt.offered, "2.0.0"), tt.routes)
		if len(tt.words) == 0 && err != nil {
			t.Errorf("%s: %v", name, err)
		}
		for _, word := range tt.words {
			if module.KindOf(err) != module.Conflict || !strings.Contains(err.Error(), word) {
				t.Errorf("%s: got %v, want a conflict with %q", name, err, word)
			}
		}
		if err == nil {
			continue
		}
		if err := c.Claim(release("e", "1.0.0"), tt.routes[:1]); err != nil {
			t.Errorf("%s: the refused claim holds a route: %v", name, err)
		}
	}
}
