package launch_test

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/segue-run/segue/runtime/launch"
)

// cgroups are new groups below this process's own, as many as hierarchies that count
// memory or processes, by their files of that name; where a version has no tasks, by
// cgroup.procs. Only root can have them.
func cgroups(t testing.TB, name string) []*os.File {
	t.Helper()
	raw, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		t.Fatal(err)
	}
	var files []*os.File
	for line := range strings.Lines(string(raw)) {
		part := strings.SplitN(strings.TrimSpace(line), ":", 3)
		parent := filepath.Join("/sys/fs/cgroup", part[1], part[2])
		if controllers := strings.Split(part[1], ","); part[1] != "" &&
			!slices.Contains(controllers, "memory") && !slices.Contains(controllers, "pids") {
			continue
		}
		if _, err := os.Stat(filepath.Join(parent, "cgroup.procs")); err != nil {
			continue // version 2 beside version 1 lies elsewhere
		}
		dir := group(t, parent)
		file, err := os.OpenFile(filepath.Join(dir, name), os.O_WRONLY, 0)
		if errors.Is(err, os.ErrNotExist) {
			file, err = os.OpenFile(filepath.Join(dir, "cgroup.procs"), os.O_WRONLY, 0)
		}
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { file.Close() })
		files = append(files, file)
	}
	if len(files) == 0 {
		t.Fatalf("this test needs cgroups, of which there are none here: %s", raw)
	}
	return files
}

// group is the folder of a new cgroup below parent.
func group(t testing.TB, parent string) string {
	t.Helper()
	dir, err := os.MkdirTemp(parent, "launch-test-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		// A process that was waited for may be counted for a moment more.
		for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(time.Millisecond) {
			err := os.Remove(dir)
			if err == nil {
				return
			}
			if !errors.Is(err, unix.EBUSY) || time.Now().After(deadline) {
				t.Error(err)
				return
			}
		}
	})
	return dir
}

func TestTheProcessIsInItsCgroupsWhoeverItIs(t *testing.T) {
	if !root() {
		// There are no groups that an ordinary user may join: what is written is seen.
		procs, err := os.Create(filepath.Join(t.TempDir(), "cgroup.procs"))
		if err != nil {
			t.Fatal(err)
		}
		defer procs.Close()
		report(t, launch.Spec{Confine: launch.Confinement{Cgroups: []*os.File{procs}}}, nil)
		if raw, err := os.ReadFile(procs.Name()); err != nil || string(raw) != "0" {
			t.Errorf("wrote %q, %v", raw, err)
		}
		return
	}
	shared(t)
	own := &launch.User{UID: someone, GID: someone}
	all := launch.Namespaces{User: true, PID: true, IPC: true, Network: true}
	for name, c := range map[string]launch.Confinement{
		"tasks":                      {Cgroups: cgroups(t, "tasks")},
		"cgroup.procs":               {Cgroups: cgroups(t, "cgroup.procs")},
		"own user":                   {Cgroups: cgroups(t, "tasks"), User: own},
		"namespaces":                 {Cgroups: cgroups(t, "tasks"), User: own, Namespaces: all},
		"cgroup.procs in namespaces": {Cgroups: cgroups(t, "cgroup.procs"), User: own, Namespaces: all},
	} {
		t.Run(name, func(t *testing.T) {
			f := report(t, launch.Spec{Confine: c}, nil)
			var dirs []string
			for _, file := range c.Cgroups {
				dirs = append(dirs, filepath.Dir(file.Name()))
			}
			for _, dir := range dirs {
				if !slices.ContainsFunc(f.Cgroups, func(line string) bool { return strings.HasSuffix(line, filepath.Base(dir)) }) {
					t.Errorf("not in %s: %q", dir, f.Cgroups)
				}
			}
			for fd, target := range f.FDs {
				if strings.Contains(target, "launch-test-") {
					t.Errorf("descriptor %d is %s", fd, target)
				}
			}
		})
	}
}
