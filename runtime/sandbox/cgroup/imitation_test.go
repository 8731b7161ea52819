package cgroup_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/segue-run/segue/runtime/sandbox/cgroup"
)

// imitation is a folder tree with the files of version 2. The kernel is not in it: it
// shows what is written where and how what is read is understood, and nothing of whether
// it holds.
type imitation struct{ proc, own string }

// files are those that the kernel makes in a group of version 2.
var files = map[string]string{
	"cgroup.procs": "", "cgroup.kill": "", "cgroup.type": "domain\n", "cgroup.subtree_control": "",
	"cgroup.controllers": "cpu memory pids\n",
	"memory.max":         "max\n", "memory.swap.max": "max\n", "memory.oom.group": "0\n", "memory.current": "50000\n",
	"memory.events": "low 0\nhigh 0\nmax 12\noom 3\noom_kill 2\noom_group_kill 1\n",
	"memory.stat":   "anon 40000\ninactive_file 8000\nactive_file 9\n",
	"cpu.max":       "max 100000\n", "cpu.stat": "usage_usec 1500\nuser_usec 1000\n",
	"pids.max": "max\n", "pids.events": "max 7\n",
}

func imitate(t *testing.T, procs, controllers string) (imitation, cgroup.Config) {
	t.Helper()
	root := t.TempDir()
	im := imitation{proc: filepath.Join(root, "proc"), own: filepath.Join(root, "groups", "segue.service")}
	if err := os.MkdirAll(filepath.Dir(im.own), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := im.mkdir(im.own); err != nil {
		t.Fatal(err)
	}
	put := func(path, text string) {
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, []byte(text), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	put(filepath.Join(im.proc, "cgroup"), "0::/segue.service\n")
	put(filepath.Join(im.proc, "mountinfo"), "30 23 0:26 / "+filepath.Dir(im.own)+" rw - cgroup2 cgroup2 rw\n")
	put(filepath.Join(im.own, "cgroup.procs"), procs)
	put(filepath.Join(im.own, "cgroup.controllers"), controllers)
	return im, cgroup.Imitating(cgroup.Config{Name: "x", Proc: im.proc}, im.mkdir, os.RemoveAll)
}

func (im imitation) mkdir(dir string) error {
	if err := os.Mkdir(dir, 0o700); err != nil {
		return err
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			return err
		}
	}
	return nil
}

func (im imitation) reads(t *testing.T, want map[string]string) {
	t.Helper()
	for file, text := range want {
		raw, err := os.ReadFile(filepath.Join(im.own, file))
		// A kernel's file does not keep the tail of what was longer before.
		if err != nil || !strings.HasPrefix(string(raw), text) {
			t.Errorf("%s is %q (%v), not %q", file, raw, err, text)
		}
	}
}

func self() string { return strconv.Itoa(os.Getpid()) }

func TestADelegatedGroupIsDividedAfterTheHostMovedToALeaf(t *testing.T) {
	im, cfg := imitate(t, self(), "cpuset cpu memory pids\n")
	tree, err := cgroup.Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range cgroup.Controllers {
		if tree.Version(c) != 2 {
			t.Errorf("%s: version %d, %s", c, tree.Version(c), tree.Why(c))
		}
	}
	g, err := tree.Make("i-1", cgroup.Limits{Memory: 64 << 20, CPUQuota: 1500, PIDs: 99})
	if err != nil {
		t.Fatal(err)
	}
	im.reads(t, map[string]string{
		"host/cgroup.procs":              self(),
		"cgroup.subtree_control":         "+memory +cpu +pids",
		"segue-x/cgroup.subtree_control": "+memory +cpu +pids",
		"segue-x/i-1/memory.max":         "67108864",
		"segue-x/i-1/memory.swap.max":    "0",
		"segue-x/i-1/memory.oom.group":   "1",
		"segue-x/i-1/cpu.max":            "150000 100000",
		"segue-x/i-1/pids.max":           "99",
	})
	if e := g.Events(); e != (cgroup.Events{OOMKills: 2, PIDsMax: 7}) {
		t.Errorf("events %+v", e)
	}
	if u, ok := g.Usage(); !ok || u != (cgroup.Usage{Memory: 42000, Peak: 42000, CPU: 1500 * time.Microsecond}) {
		t.Errorf("usage %+v, %t", u, ok)
	}
	g.Kill()
	im.reads(t, map[string]string{"segue-x/i-1/cgroup.kill": "1"})
	if err := errors.Join(g.Remove(), tree.Close()); err != nil {
		t.Error(err)
	}
	im.reads(t, map[string]string{"cgroup.procs": self(), "cgroup.subtree_control": "-pids"})
	for _, gone := range []string{"host", "segue-x"} {
		if exists(filepath.Join(im.own, gone)) {
			t.Errorf("%s is left", gone)
		}
	}
}

func TestAGroupOfVersion2ThatCannotBeDividedSaysWhatToDo(t *testing.T) {
	for _, c := range []struct{ name, procs, controllers, why string }{
		{"others are in it", fmt.Sprintf("1\n%s\n", self()), "cpu memory pids", "not alone in its cgroup"},
		{"nothing is delegated", self(), "cpuset io", "Delegate=yes"},
	} {
		t.Run(c.name, func(t *testing.T) {
			im, cfg := imitate(t, c.procs, c.controllers)
			tree, err := cgroup.Open(cfg)
			if err == nil {
				tree.Close()
				t.Fatal("opened")
			}
			if !strings.Contains(err.Error(), c.why) {
				t.Error(err)
			}
			if exists(filepath.Join(im.own, "host")) {
				t.Error("the leaf is left")
			}
		})
	}
}

func TestAControllerThatIsNotDelegatedIsNamed(t *testing.T) {
	_, cfg := imitate(t, self(), "memory pids")
	tree, err := cgroup.Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer tree.Close()
	if tree.Version(cgroup.CPU) != 0 || !strings.Contains(tree.Why(cgroup.CPU), "Delegate=") {
		t.Errorf("cpu: version %d, %q", tree.Version(cgroup.CPU), tree.Why(cgroup.CPU))
	}
	if tree.Version(cgroup.Memory) != 2 || tree.Why(cgroup.Memory) != "" {
		t.Errorf("memory: version %d, %q", tree.Version(cgroup.Memory), tree.Why(cgroup.Memory))
	}
}
