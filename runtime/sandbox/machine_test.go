package sandbox_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/segue-run/segue/runtime/module"
	"github.com/segue-run/segue/runtime/sandbox"
)

var names = []string{
	"rlimits", "no-new-privs", "environment", "descriptors", "session", "parent-death", "landlock", "seccomp", "notify",
	"user-namespace", "pid-namespace", "ipc-namespace", "network-namespace", "own-user",
	"cgroup-memory", "cgroup-cpu", "cgroup-pids", "landlock-audit",
}

// honest checks what must be so of every machine.
func honest(t *testing.T, layers []module.Layer) {
	t.Helper()
	var found []string
	for _, l := range layers {
		found = append(found, l.Name)
		if l.Means == "" {
			t.Errorf("%s: nothing says what it means", l.Name)
		}
		if on := l.State == module.LayerOn; on != (l.Why == "") {
			t.Errorf("%s is %s: %q", l.Name, l.State, l.Why)
		}
	}
	if !slices.Equal(found, names) {
		t.Errorf("layers %v", found)
	}
}

func TestAMachineTellsOfEachLayerWhatItIsAndWhyNot(t *testing.T) {
	p := probe(t, sandbox.Config{})
	honest(t, p.Layers())
	if !p.Level().Reaches(module.LevelConfined) {
		t.Errorf("level %s: %+v", p.Level(), p.Layers())
	}
	root := os.Geteuid() == 0
	if own := stateOf(p.Layers(), "own-user") == module.LayerOn; own != root {
		t.Errorf("root %t, own user %t", root, own)
	}
	if p.Level() == module.LevelContained != (root && stateOf(p.Layers(), "cgroup-memory") == module.LayerOn && stateOf(p.Layers(), "user-namespace") == module.LayerOn) {
		t.Errorf("level %s: %+v", p.Level(), p.Layers())
	}
}

func TestAnInmateIsHeldInWhateverTheKernelLacks(t *testing.T) {
	namespaces := []string{"user-namespace", "pid-namespace", "ipc-namespace", "network-namespace"}
	cgroups := []string{"cgroup-memory", "cgroup-cpu", "cgroup-pids"}
	for _, c := range []struct {
		name    string
		without []string
		abi     int
		most    module.Level
	}{
		{"no namespaces", namespaces, 0, module.LevelConfined},
		{"no user namespace", namespaces[:1], 0, module.LevelConfined},
		{"no cgroups", cgroups, 0, module.LevelIsolated},
		{"no user ids", []string{"own-user"}, 0, module.LevelIsolated},
		{"no notification", []string{"notify"}, 0, module.LevelContained},
		{"Landlock 1", nil, 1, module.LevelContained},
		{"Landlock 2", nil, 2, module.LevelContained},
		{"Landlock 6 and nothing that needs root", slices.Concat(cgroups, []string{"own-user"}), 6, module.LevelIsolated},
		{"Landlock 1 and nothing else that can be missing", slices.Concat(cgroups, namespaces, []string{"own-user", "notify"}), 1, module.LevelConfined},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := probe(t, sandbox.Config{Without: c.without, LandlockABI: c.abi})
			honest(t, p.Layers())
			for _, name := range c.without {
				if state := stateOf(p.Layers(), name); state != module.LayerOff {
					t.Errorf("%s is %s", name, state)
				}
			}
			if c.abi > 0 && stateOf(p.Layers(), "landlock") != module.LayerPartly {
				t.Error("Landlock is whole")
			}
			if c.most.Reaches(p.Level()) == false || !p.Level().Reaches(module.LevelConfined) {
				t.Errorf("level %s", p.Level())
			}
			req := p.request(t, "alpha")
			cell := p.cell(t, req)
			if cell.Level() != p.Level() {
				t.Errorf("the cell's level is %s, the machine's %s", cell.Level(), p.Level())
			}
			own := filepath.Join(req.Data, "kept")
			barred := []string{"read=/etc/passwd", "exec=/bin/true", "dial=127.0.0.1:9", "write=" + filepath.Join(p.state, "x")}
			said, _ := says(t, cell, req, append(barred, "write="+own)...)
			for _, did := range barred {
				if said[did] == "" || ok(said[did]) {
					t.Errorf("%s: %s", did, said[did])
				}
			}
			if !ok(said["write="+own]) {
				t.Errorf("write: %s", said["write="+own])
			}
		})
	}
}

func TestWithoutLandlockOrSeccompThereIsNoLevel(t *testing.T) {
	for _, name := range []string{"landlock", "seccomp"} {
		p := probe(t, sandbox.Config{Without: []string{name}})
		honest(t, p.Layers())
		if p.Level() != module.LevelNone {
			t.Errorf("without %s: %s", name, p.Level())
		}
		req := p.request(t, "alpha")
		if said, _ := says(t, p.cell(t, req), req, "uid"); !ok(said["uid"]) {
			t.Errorf("without %s it does not start: %v", name, said)
		}
	}
}

func TestAConfigThatMakesNoSenseIsRefusedByItsField(t *testing.T) {
	for field, cfg := range map[string]sandbox.Config{
		"sandbox.without": {Without: []string{"rlimits"}},
		"sandbox.uids":    {FirstUID: 9, LastUID: 8},
	} {
		m, err := sandbox.Probe(t.Context(), cfg)
		if err == nil {
			m.Close()
			t.Fatalf("%s was taken", field)
		}
		if !strings.HasPrefix(err.Error(), field) || module.KindOf(err) != module.Invalid {
			t.Error(err)
		}
	}
}

func TestALookChangesNothing(t *testing.T) {
	parent := open(t)
	data := filepath.Join(parent, "state", "data")
	m, err := sandbox.Probe(t.Context(), sandbox.Config{DataDir: data, Look: true, Name: "look"})
	if err != nil {
		t.Fatal(err)
	}
	if err := m.Close(); err != nil {
		t.Error(err)
	}
	if entries, err := os.ReadDir(parent); err != nil || len(entries) > 0 {
		t.Errorf("it made %v, %v", entries, err)
	}
}

func TestAStateDirectoryBehindAClosedOneMeansNoUserIDs(t *testing.T) {
	closed := t.TempDir() // whose parent is for its owner alone
	if err := os.Chmod(closed, 0o700); err != nil {
		t.Fatal(err)
	}
	p := probe(t, sandbox.Config{DataDir: filepath.Join(closed, "state", "data")})
	layers := p.Layers()
	own := layers[slices.IndexFunc(layers, func(l module.Layer) bool { return l.Name == "own-user" })]
	if own.State != module.LayerOff || os.Geteuid() == 0 && !strings.Contains(own.Why, "chmod o+x") {
		t.Errorf("own-user is %+v", own)
	}
	req := p.request(t, "alpha")
	said, _ := says(t, p.cell(t, req), req, "write="+filepath.Join(req.Data, "kept"))
	if !ok(said["write="+filepath.Join(req.Data, "kept")]) {
		t.Errorf("said %q", said)
	}
}
