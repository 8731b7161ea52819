package sandbox_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/segue-run/segue/runtime/module"
	"github.com/segue-run/segue/runtime/sandbox"
)

func owner(t *testing.T, path string) uint32 {
	t.Helper()
	info, err := os.Lstat(path)
	if err != nil {
		t.Fatal(err)
	}
	return info.Sys().(*syscall.Stat_t).Uid
}

// ordinary reports whether this user has no user ids to give; then it tests that none
// is given.
func ordinary(t *testing.T) bool {
	t.Helper()
	if os.Geteuid() == 0 {
		return false
	}
	p := probe(t, sandbox.Config{})
	if c := p.cell(t, p.request(t, "alpha")); c.Confinement().User != nil {
		t.Errorf("it runs as %+v", c.Confinement().User)
	}
	return true
}

func TestAModuleKeepsItsUserAndNoOtherGetsHim(t *testing.T) {
	if ordinary(t) {
		return
	}
	data := filepath.Join(open(t), "state", "data")
	seen := map[string]uint32{}
	for round := range 3 {
		p := probe(t, sandbox.Config{DataDir: data, Name: fmt.Sprintf("round-%d-%d", round, os.Getpid())})
		for _, name := range []string{"gamma", "alpha", "beta"}[:round+1] {
			uid := p.cell(t, p.request(t, name)).Confinement().User.UID
			if before, known := seen[name]; known && before != uid {
				t.Errorf("%s was %d and is %d", name, before, uid)
			}
			seen[name] = uid
			if got := owner(t, filepath.Join(data, name)); got != uid {
				t.Errorf("the folder of %s is %d's", name, got)
			}
		}
	}
	if seen["alpha"] == seen["beta"] || seen["beta"] == seen["gamma"] || seen["alpha"] == seen["gamma"] {
		t.Errorf("users %v", seen)
	}
}

func TestAFolderThatWasCopiedWithItsOwnerGetsAnotherUser(t *testing.T) {
	if ordinary(t) {
		return
	}
	p := probe(t, sandbox.Config{})
	first := p.cell(t, p.request(t, "alpha")).Confinement().User.UID
	req := p.request(t, "beta")
	if err := os.Chown(req.Data, int(first), int(first)); err != nil {
		t.Fatal(err)
	}
	if uid := p.cell(t, req).Confinement().User.UID; uid == first {
		t.Errorf("both are %d", uid)
	}
}

func TestUserIDsThatRunOutAreSaidSo(t *testing.T) {
	if ordinary(t) {
		return
	}
	p := probe(t, sandbox.Config{FirstUID: 800000, LastUID: 800000})
	p.cell(t, p.request(t, "alpha"))
	c, err := p.Prepare(p.request(t, "beta"))
	if err == nil {
		c.Close()
		t.Fatal("both have the one user")
	}
	if module.KindOf(err) != module.Quota || !strings.Contains(err.Error(), "800000-800000") {
		t.Error(err)
	}
}

func TestDataOfTheTimeBeforeUserIDsIsHandedOverAndBack(t *testing.T) {
	if ordinary(t) {
		return
	}
	parent := open(t)
	data := filepath.Join(parent, "state", "data")
	outside := filepath.Join(parent, "outside")
	own := filepath.Join(data, "alpha")
	for _, dir := range []string{outside, filepath.Join(own, "a", "b")} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	kept := filepath.Join(own, "a", "b", "kept")
	if err := os.WriteFile(kept, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Link(kept, filepath.Join(own, "twin")); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(outside, filepath.Join(own, "link")); err != nil {
		t.Fatal(err)
	}
	for i, without := range [][]string{nil, {"own-user"}, nil} {
		p := probe(t, sandbox.Config{DataDir: data, Without: without, Name: fmt.Sprintf("turn-%d-%d", i, os.Getpid())})
		req := p.request(t, "alpha")
		c := p.cell(t, req)
		want := uint32(0)
		if without == nil {
			want = c.Confinement().User.UID
		}
		for _, path := range []string{own, filepath.Dir(kept), kept, filepath.Join(own, "link")} {
			if got := owner(t, path); got != want {
				t.Errorf("turn %d: %s is %d's, not %d's", i, path, got, want)
			}
		}
		if got := owner(t, outside); got != 0 {
			t.Fatalf("what a link leads to is %d's", got)
		}
		if said, _ := says(t, c, req, "read="+kept); !ok(said["read="+kept]) {
			t.Errorf("turn %d: %v", i, said)
		}
	}
}

func TestAFileWithANameOutsideOfTheFolderIsNotHandedOver(t *testing.T) {
	if ordinary(t) {
		return
	}
	p := probe(t, sandbox.Config{})
	req := p.request(t, "alpha")
	outside := filepath.Join(p.state, "token")
	if err := os.WriteFile(outside, []byte("secret"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Link(outside, filepath.Join(req.Data, "mine")); err != nil {
		t.Fatal(err)
	}
	c, err := p.Prepare(req)
	if err == nil {
		c.Close()
		t.Fatal("it was taken")
	}
	if !strings.Contains(err.Error(), "name outside") || module.KindOf(err) != module.Invalid {
		t.Error(err)
	}
	if got := owner(t, outside); got != 0 {
		t.Errorf("it is %d's", got)
	}
}

func TestAnExecutableThatNotEverybodyMayExecuteRunsAsTheRuntimesUser(t *testing.T) {
	if ordinary(t) {
		return
	}
	p := probe(t, sandbox.Config{})
	req := p.request(t, "alpha")
	raw, err := os.ReadFile(inmate)
	if err != nil {
		t.Fatal(err)
	}
	private := filepath.Join(t.TempDir(), "private")
	if err := os.WriteFile(private, raw, 0o500); err != nil {
		t.Fatal(err)
	}
	if req.Binary, err = os.Open(private); err != nil {
		t.Fatal(err)
	}
	defer req.Binary.Close()
	c := p.cell(t, req)
	if stateOf(c.Layers(), "own-user") != module.LayerOff || c.Level() == module.LevelContained {
		t.Errorf("level %s", c.Level())
	}
	if said, _ := says(t, c, req, "uid", "write="+filepath.Join(req.Data, "kept")); said["uid"] != "ok 0" || !ok(said["write="+filepath.Join(req.Data, "kept")]) {
		t.Errorf("said %v", said)
	}
}
