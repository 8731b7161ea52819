package instance_test

import (
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/segue-run/segue/runtime/instance"
	"github.com/segue-run/segue/runtime/module"
	"github.com/segue-run/segue/sdk/manifest"
)

// plugin builds one of the repository's modules and reads its manifest from the
// bytes, as the runtime does.
func plugin(t *testing.T, dir string) instance.Spec {
	t.Helper()
	path := filepath.Join(t.TempDir(), filepath.Base(dir))
	build := exec.Command("go", "build", "-o", path, "../../plugins/"+dir)
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build %s: %v\n%s", dir, err, out)
	}
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	var s manifest.Scanner
	if _, err := io.Copy(&s, f); err != nil {
		t.Fatal(err)
	}
	text, err := s.Manifest()
	if err != nil {
		t.Fatal(err)
	}
	m, err := manifest.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return instance.Spec{
		ID: filepath.Base(dir), Release: module.Release{Module: m.Name, Version: m.Version}, ManifestText: text, Binary: f,
	}
}

func TestTheExampleModuleServes(t *testing.T) {
	b := newBench(t, nil)
	i, err := b.starter.Start(t.Context(), plugin(t, "hello"))
	if err != nil {
		t.Fatal(err)
	}
	if err := i.Probe(t.Context()); err != nil {
		t.Errorf("probe: %v", err)
	}
	if code, body := get(t, i, "/hello/version"); code != 200 || !strings.Contains(body, `"module":"hello"`) {
		t.Errorf("it answers %d %s", code, body)
	}
	if r := i.Stop(t.Context(), 0); r.Killed {
		t.Error("it had to be killed")
	}
}

func TestAModuleThatFloodsItsLogStaysWellAndStops(t *testing.T) {
	b := newBench(t, nil)
	i, err := b.starter.Start(t.Context(), plugin(t, "chaos/flood"))
	if err != nil {
		t.Fatal(err)
	}
	b.logged("a module writes too much; lines were dropped")
	waitFor(t, "a probe that passes", func() bool { return i.Probe(t.Context()) == nil })
	i.Stop(t.Context(), 0)
	b.empty()
}

func TestAModuleThatLeavesAChildBehindLosesIt(t *testing.T) {
	b := newBench(t, nil)
	i, err := b.starter.Start(t.Context(), plugin(t, "chaos/fork"))
	if err != nil {
		t.Fatal(err)
	}
	_, body := get(t, i, "/hello/child")
	child, err := strconv.Atoi(strings.TrimSpace(body))
	if err != nil || !alive(child) {
		t.Fatalf("the child is %q", body)
	}
	i.Stop(t.Context(), 0)
	waitFor(t, "the child's end", func() bool { return !alive(child) })
}

func TestAModuleThatHangsIsKilled(t *testing.T) {
	b := newBench(t, nil)
	i, err := b.starter.Start(t.Context(), plugin(t, "chaos/hang"))
	if err != nil {
		t.Fatal(err)
	}
	if r := i.Stop(t.Context(), 300*time.Millisecond); !r.Killed {
		t.Errorf("stopped with %+v", r)
	}
}

func TestAModuleThatDescribesItselfOtherwiseIsRefused(t *testing.T) {
	b := newBench(t, nil)
	_, err := b.starter.Start(t.Context(), plugin(t, "chaos/liar"))
	if err == nil || module.KindOf(err) != module.Invalid || !strings.Contains(err.Error(), "hello@9.9.9") {
		t.Errorf("%v", err)
	}
	b.empty()
}
