package sandbox_test

import (
	"errors"
	"os"
	"path/filepath"
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
	said, _ := says(t, p.cell(t, req), req, "write="+in, "write="+filepath.Join(req.Data, "kept"))
	if !ok(said["write="+in]) || ok(said["write="+filepath.Join(req.Data, "kept")]) {
		t.Errorf("said %q", said)
	}
	if p.log.FilterMessage("a path that was granted does not exist").Len() != 1 {
		t.Errorf("nothing tells that {data}/absent does not exist: %v", p.log.All())
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

func TestAGrantThatTheModulesUserCannotUseIsTold(t *testing.T) {
	p := probe(t, sandbox.Config{})
	req := p.request(t, "alpha")
	private := filepath.Join(open(t), "private")
	if err := os.WriteFile(private, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	req.Permissions.Read = []string{private}
	c := p.cell(t, req)
	said, _ := says(t, c, req, "read="+private)
	told := 0
	for _, entry := range p.log.All() {
		if strings.Contains(entry.Message, "closed to the module's user") {
			told++
		}
	}
	if ok(said["read="+private]) != (told == 0) || (told == 0) != (c.Confinement().User == nil) {
		t.Errorf("said %q, told %d times", said, told)
	}
}

func TestAFolderBelowItsOwnThatItMayWriteIsThereAndIsItsUsers(t *testing.T) {
	for name, without := range map[string][]string{"all layers": nil, "no user ids": {"own-user"}, "no Landlock": {"landlock"}} {
		t.Run(name, func(t *testing.T) {
			p := probe(t, sandbox.Config{Without: without})
			defer func() {
				if n := p.log.FilterMessage("a path that was granted does not exist").Len(); n > 0 {
					t.Errorf("told %d times that a path does not exist", n)
				}
			}()
			for _, instance := range []string{"alpha-1", "alpha-2"} { // made, then found
				req := p.request(t, "alpha")
				req.Instance = instance
				req.Permissions = manifest.Permissions{Write: []string{"{data}/keep/deep", "{tmp}/scratch"}, Read: []string{"{data}/keep"}}
				kept, scratch := filepath.Join(req.Data, "keep", "deep", "kept"), filepath.Join(req.Temp, "scratch", "file")
				cell := p.cell(t, req)
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
