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
	c := catalog.New()
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
	c := catalog.New()
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
