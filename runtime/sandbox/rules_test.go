package sandbox_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/segue-run/segue/runtime/module"
	"github.com/segue-run/segue/runtime/sandbox"
	"github.com/segue-run/segue/sdk/manifest"
)

func TestAGrantThatWouldOpenTheHostIsRefusedByItsField(t *testing.T) {
	other := open(t)
	p := probe(t, sandbox.Config{Protected: []string{filepath.Join(other, "run")}})
	if err := os.MkdirAll(filepath.Join(other, "run", "inner"), 0o755); err != nil {
		t.Fatal(err)
	}
	link := filepath.Join(open(t), "link")
	if err := os.Symlink(p.state, link); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ name, path string }{
		{"everything", "/"},
		{"the state directory", p.state},
		{"what is in the state directory", filepath.Join(p.state, "data")},
		{"a folder that has the state directory in it", filepath.Dir(p.state)},
		{"a link to it", link},
		{"a way around", link + "/data/../../" + filepath.Base(p.state)},
		{"what is protected by name", filepath.Join(other, "run")},
		{"what is in that", filepath.Join(other, "run", "inner")},
		{"all processes", "/proc"},
		{"the runtime's environment", "/proc/self/environ"},
		{"cgroups", "/sys/fs/cgroup"},
		{"what has cgroups in it", "/sys"},
	} {
		t.Run(c.name, func(t *testing.T) {
			for field, permissions := range map[string]manifest.Permissions{
				"permissions.read[1]":  {Read: []string{"/etc/hosts", c.path}},
				"permissions.write[0]": {Write: []string{c.path}},
				"permissions.exec[0]":  {Exec: []string{c.path}},
			} {
				req := p.request(t, "alpha")
				req.Permissions = permissions
				cell, err := p.Prepare(req)
				if err == nil {
					cell.Close()
					t.Fatalf("%s was taken", field)
				}
				refused, ok := errors.AsType[*module.Error](err)
				if !ok || refused.Kind != module.Denied || refused.Field != field || refused.Value != c.path || refused.Hint == "" {
					t.Errorf("%s: %v", field, err)
				}
			}
		})
	}
}

func TestAFolderBelowItsOwnIsMadeAndALinkThereIsNotFollowed(t *testing.T) {
	p := probe(t, sandbox.Config{})
	req := p.request(t, "alpha")
	req.Permissions = manifest.Permissions{Write: []string{"{data}/cache/a", "{tmp}"}, Read: []string{"{data}/absent"}}
	in := filepath.Join(req.Data, "cache", "a", "kept")
	cell := p.cell(t, req)
	said, _ := says(t, cell, req, "write="+in, "write="+filepath.Join(req.Data, "kept"))
	if !ok(said["write="+in]) || ok(said["write="+filepath.Join(req.Data, "kept")]) {
		t.Errorf("said %q", said)
	}
	if told := cell.Useless(); len(told) != 1 || !strings.HasPrefix(told[0], "read {data}/absent: is not there") {
		t.Errorf("told %q", told)
	}
	for path, name := range map[string]string{"{data}/leaf": "leaf", "{data}/dir/passwd": "dir"} {
		if err := os.Symlink("/etc", filepath.Join(req.Data, name)); err != nil {
			t.Fatal(err)
		}
		req.Instance, req.Permissions = "alpha-2", manifest.Permissions{Read: []string{path}}
		if c, err := p.Prepare(req); err == nil {
			c.Close()
			t.Errorf("%s was followed", path)
		}
	}
	req.Permissions = manifest.Permissions{Read: []string{"{data}/../../token"}}
	if c, err := p.Prepare(req); err == nil {
		c.Close()
		t.Error("it led out of its folder")
	}
}

func TestWhatIsRefusedLeavesNoGroupBehind(t *testing.T) {
	p := probe(t, sandbox.Config{})
	req := p.request(t, "alpha")
	req.Quotas.Processes = 1 << 30 // more than the kernel's groups can hold
	c, err := p.Prepare(req)
	if grouped := stateOf(p.Layers(), "cgroup-pids") == module.LayerOn; grouped != (err != nil) {
		t.Fatalf("with groups %t: %v", grouped, err)
	}
	if err == nil {
		c.Close()
	}
	req.Quotas.Processes = 64
	p.cell(t, req) // whose group has the same name
}

func TestAGrantThatComesToNothingIsTold(t *testing.T) {
	p := probe(t, sandbox.Config{})
	dir := open(t)
	private, closed, shared, missing := filepath.Join(dir, "private"), filepath.Join(dir, "closed"), filepath.Join(dir, "shared"), filepath.Join(dir, "missing")
	inside := filepath.Join(closed, "inside")
	for _, folder := range []string{closed, shared} {
		if err := os.Mkdir(folder, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for file, mode := range map[string]os.FileMode{private: 0o600, inside: 0o644, filepath.Join(shared, "open"): 0o644} {
		if err := os.WriteFile(file, []byte("x"), mode); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chmod(closed, 0o700); err != nil {
		t.Fatal(err)
	}
	req := p.request(t, "alpha")
	req.Permissions.Read = []string{private, inside, filepath.Join(shared, "open"), missing}
	req.Permissions.Write = append(req.Permissions.Write, shared)
	req.Permissions.Exec = []string{missing}
	c := p.cell(t, req)
	const absent = ": is not there; what is made later counts from the next start"
	want := []string{"read " + missing + absent, "exec " + missing + absent}
	if uid := c.User(); uid != 0 {
		user := fmt.Sprintf("user %d may not ", uid)
		want = []string{
			"write " + shared + ": " + user + "write there (root, mode 0755)", "read " + private + ": " + user + "read it (root, mode 0600)",
			"read " + inside + ": " + user + "pass through " + closed + " (root, mode 0700)", want[0], want[1],
		}
	}
	if got := c.Useless(); !slices.Equal(got, want) {
		t.Errorf("told %q, not %q", got, want)
	}
	said, _ := says(t, c, req, "read="+private, "read="+inside, "write="+filepath.Join(shared, "new"), "read="+filepath.Join(shared, "open"))
	for do, able := range map[string]bool{
		"read=" + private: c.User() == 0, "read=" + inside: c.User() == 0, "write=" + filepath.Join(shared, "new"): c.User() == 0,
		"read=" + filepath.Join(shared, "open"): true,
	} {
		if ok(said[do]) != able {
			t.Errorf("%s: %s", do, said[do])
		}
	}
}

func TestAFolderBelowItsOwnThatItMayWriteIsThereAndIsItsUsers(t *testing.T) {
	for name, without := range map[string][]string{"all layers": nil, "no user ids": {"own-user"}, "no Landlock": {"landlock"}} {
		t.Run(name, func(t *testing.T) {
			p := probe(t, sandbox.Config{Without: without})
			for _, instance := range []string{"alpha-1", "alpha-2"} { // made, then found
				req := p.request(t, "alpha")
				req.Instance = instance
				req.Permissions = manifest.Permissions{Write: []string{"{data}/keep/deep", "{tmp}/scratch"}, Read: []string{"{data}/keep"}}
				kept, scratch := filepath.Join(req.Data, "keep", "deep", "kept"), filepath.Join(req.Temp, "scratch", "file")
				cell := p.cell(t, req)
				if told := cell.Useless(); len(told) > 0 {
					t.Errorf("told %q", told)
				}
				did := []string{"write=" + kept, "read=" + kept, "write=" + scratch}
				said, _ := says(t, cell, req, did...)
				for _, do := range did {
					if !ok(said[do]) {
						t.Errorf("%s: %s: %s", instance, do, said[do])
					}
				}
				uid := uint32(os.Geteuid())
				if user := cell.Confinement().User; user != nil {
					uid = user.UID
				}
				for _, path := range []string{filepath.Dir(kept), filepath.Dir(scratch)} {
					if got := owner(t, path); got != uid {
						t.Errorf("%s is %d's, not %d's", path, got, uid)
					}
				}
			}
		})
	}
}
