package cgroup_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/segue-run/segue/runtime/sandbox/cgroup"
)

// name is no other test process's.
func name() string { return "test-" + strconv.Itoa(os.Getpid()) }

// must is set where groups were made ready for the tests, so that a refusal is a failure.
const must = "CGROUP_TEST_MUST"

// open is a tree of real groups.
func open(t *testing.T) *cgroup.Tree {
	t.Helper()
	tree, err := cgroup.Open(cgroup.Config{Name: name()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := tree.Close(); err != nil {
			t.Error(err)
		}
	})
	return tree
}

// Groups of the kernel's, which not every user may make: who may not is told what to do,
// and what the package does with groups is tested by imitations alone.
func TestGroupsOfTheKernelOrARefusalThatSaysWhatToDo(t *testing.T) {
	tree, err := cgroup.Open(cgroup.Config{Name: name()})
	if err != nil {
		if os.Getenv(must) != "" || os.Geteuid() == 0 && writable("memory") {
			t.Fatalf("there must be groups here: %v", err)
		}
		if !strings.Contains(err.Error(), "segue") {
			t.Errorf("the refusal does not say what to do: %v", err)
		}
		return
	}
	for _, c := range cgroup.Controllers {
		t.Logf("%s: version %d %s", c, tree.Version(c), tree.Why(c))
	}
	if err := tree.Close(); err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]func(*testing.T){
		"a process above its memory is killed and counted":                         aboveItsMemory,
		"forks above the limit are refused and counted, and kill ends the rest":    aboveItsProcesses,
		"a process above its time is slowed, and its usage is seen":                aboveItsTime,
		"what a dead runtime left is ended and removed":                            leftByTheDead,
		"empty groups of dead runtimes are removed, and those of living ones stay": leftEmpty,
		"a name is one tree's at a time":                                           twoOfAName,
		"a controller that is taken not to be there is not":                        withoutMemory,
		"names that could lead elsewhere are refused":                              groupNames,
		"a group whose limits are refused is not left":                             refusedLimits,
	} {
		t.Run(name, test)
	}
}

// writable reports whether a controller of version 1 is mounted for writing.
func writable(controller string) bool {
	raw, _ := os.ReadFile("/proc/self/mounts")
	for line := range strings.Lines(string(raw)) {
		f := strings.Fields(line)
		if len(f) > 3 && f[2] == "cgroup" && strings.HasPrefix(f[3], "rw") && strings.HasSuffix(f[3], controller) {
			return true
		}
	}
	return false
}

func newGroup(t *testing.T, tree *cgroup.Tree, limits cgroup.Limits) *cgroup.Group {
	t.Helper()
	g, err := tree.Make("one", limits)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		g.Kill()
		if err := g.Remove(); err != nil {
			t.Error(err)
		}
	})
	return g
}

func aboveItsMemory(t *testing.T) {
	tree := open(t)
	g := newGroup(t, tree, cgroup.Limits{Memory: 96 << 20})
	err := joins(t, g, "hog").Wait()
	exit, _ := err.(*exec.ExitError)
	if exit == nil || exit.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL {
		t.Errorf("ended with %v", err)
	}
	if e := g.Events(); e.OOMKills == 0 {
		t.Error("the kill is not counted")
	}
}

func aboveItsProcesses(t *testing.T) {
	tree := open(t)
	g := newGroup(t, tree, cgroup.Limits{PIDs: 40})
	cmd := joins(t, g, "become", "/bin/sh", "-c", "for i in $(seq 60); do sleep 60 & done; wait")
	until(t, "a refusal", func() bool { return g.Events().PIDsMax > 0 })
	g.Kill()
	counted := g.Events()
	_ = cmd.Wait()
	if err := g.Remove(); err != nil {
		t.Errorf("the group is not empty: %v", err)
	}
	if g.Events() != counted {
		t.Errorf("counted %+v, after the end %+v", counted, g.Events())
	}
}

func aboveItsTime(t *testing.T) {
	tree := open(t)
	g := newGroup(t, tree, cgroup.Limits{CPUQuota: 200, Memory: 1 << 30})
	joins(t, g, "spin")
	procs, err := g.Procs()
	if err != nil {
		t.Fatal(err)
	}
	var stat string
	for _, f := range procs {
		if path := filepath.Join(filepath.Dir(f.Name()), "cpu.stat"); exists(path) {
			stat = path
		}
		f.Close()
	}
	until(t, "throttling", func() bool {
		raw, _ := os.ReadFile(stat)
		return bytes.Contains(raw, []byte("nr_throttled")) && !bytes.Contains(raw, []byte("nr_throttled 0\n"))
	})
	usage, known := g.Usage()
	if !known || usage.CPU <= 0 || usage.Memory <= 0 || usage.Peak < usage.Memory {
		t.Errorf("usage %+v, known %t", usage, known)
	}
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

func leftByTheDead(t *testing.T) {
	// In version 2 the dead one must find the host moved, for it is in its group.
	open(t)
	other := name() + "-dead"
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dead := exec.Command(self, other)
	dead.Env = append(os.Environ(), act+"=leave")
	dead.Stderr = os.Stderr
	said, err := dead.Output()
	if err != nil {
		t.Fatal(err)
	}
	sleeper := "/proc/" + strings.TrimSpace(string(said)) + "/cgroup"
	if raw, err := os.ReadFile(sleeper); err != nil || !strings.Contains(string(raw), other) {
		t.Fatalf("nothing was left: %q, %v", raw, err)
	}
	tree, err := cgroup.Open(cgroup.Config{Name: other})
	if err != nil {
		t.Fatal(err)
	}
	if raw, err := os.ReadFile(sleeper); err == nil && strings.Contains(string(raw), other+"/left") {
		t.Errorf("the process lives on in %s", raw)
	}
	if _, err := tree.Make("left", cgroup.Limits{}); err != nil {
		t.Errorf("the group is still there: %v", err)
	}
	if err := tree.Close(); err != nil {
		t.Error(err)
	}
}

func leftEmpty(t *testing.T) {
	tree := open(t)
	g := newGroup(t, tree, cgroup.Limits{})
	files, err := g.Procs()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		f.Close()
	}
	living := filepath.Dir(filepath.Dir(files[0].Name()))
	dead := filepath.Join(filepath.Dir(living), "segue-"+name()+"-gone")
	if err := os.MkdirAll(filepath.Join(dead, "instance"), 0o755); err != nil {
		t.Fatal(err)
	}
	other, err := cgroup.Open(cgroup.Config{Name: name() + "-other"})
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	if exists(dead) {
		t.Errorf("%s is still there", dead)
	}
	if !exists(filepath.Join(living, "one")) {
		t.Errorf("%s was removed", living)
	}
}

func twoOfAName(t *testing.T) {
	open(t)
	second, err := cgroup.Open(cgroup.Config{Name: name()})
	if err == nil {
		second.Close()
		t.Fatal("a second one was opened")
	}
	if !strings.Contains(err.Error(), "a runtime of the same name runs") {
		t.Error(err)
	}
}

func TestWithoutAnyControllerThereAreNoGroups(t *testing.T) {
	tree, err := cgroup.Open(cgroup.Config{Name: name(), Without: cgroup.Controllers})
	if err == nil {
		tree.Close()
		t.Fatal("opened without any controller")
	}
}

func withoutMemory(t *testing.T) {
	tree, err := cgroup.Open(cgroup.Config{Name: name() + "-less", Without: []string{cgroup.Memory}})
	if err != nil {
		t.Fatal(err)
	}
	defer tree.Close()
	if tree.Version(cgroup.Memory) != 0 || tree.Why(cgroup.Memory) == "" || len(tree.Controllers()) == 0 {
		t.Errorf("has %v, memory is missing because %q", tree.Controllers(), tree.Why(cgroup.Memory))
	}
}

func TestNamesThatCouldLeadElsewhereAreRefused(t *testing.T) {
	for _, bad := range []string{"", ".", "..", "a/b", "a b", strings.Repeat("x", 129)} {
		if tree, err := cgroup.Open(cgroup.Config{Name: bad}); err == nil {
			tree.Close()
			t.Errorf("opened %q", bad)
		}
	}
}

func groupNames(t *testing.T) {
	tree := open(t)
	for _, bad := range []string{"", "..", "a/b"} {
		if _, err := tree.Make(bad, cgroup.Limits{}); err == nil {
			t.Errorf("made %q", bad)
		}
	}
}

func refusedLimits(t *testing.T) {
	tree := open(t)
	g, err := tree.Make("one", cgroup.Limits{PIDs: 1 << 30}) // the kernel has no more than 1 << 22
	if counted := tree.Version(cgroup.PIDs) > 0; counted != (err != nil) {
		t.Fatalf("processes are counted %t: %v", counted, err)
	}
	if err == nil {
		if err := g.Remove(); err != nil {
			t.Fatal(err)
		}
	}
	newGroup(t, tree, cgroup.Limits{}) // of the same name
}
