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

// writable is a folder outside of the state directory that every module can be granted.
func writable(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(open(t), "srv")
	if err := os.Mkdir(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(dir, 0o777); err != nil { // whatever the umask
		t.Fatal(err)
	}
	return dir
}

// secret is a folder that is not granted, with a file that everybody may read.
func secret(t *testing.T) string {
	t.Helper()
	dir := open(t)
	if err := os.WriteFile(filepath.Join(dir, "secret"), []byte("secret"), 0o644); err != nil {
		t.Fatal(err)
	}
	return dir
}

// refused checks that a request is refused by a field of its, by the Check as well.
func refused(t *testing.T, p prison, req sandbox.Request, field, path, hint string) {
	t.Helper()
	for what, err := range map[string]error{"Prepare": prepared(p, req), "Check": p.Check(req.Permissions)} {
		e, ok := errors.AsType[*module.Error](err)
		if !ok || e.Kind != module.Denied || e.Field != field || e.Value != path || !strings.Contains(e.Hint, hint) {
			t.Errorf("%s of %s: %v", what, path, err)
		}
	}
}

func prepared(p prison, req sandbox.Request) error {
	c, err := p.Prepare(req)
	if err == nil {
		err = c.Close()
	}
	return err
}

func TestALinkThatAReleaseHasLaidOpensNothingToTheNext(t *testing.T) {
	for name, without := range map[string][]string{"all layers": nil, "no user ids": {"own-user"}} {
		t.Run(name, func(t *testing.T) {
			p := probe(t, sandbox.Config{Without: without})
			dir, secret := writable(t), secret(t)
			first := p.request(t, "alpha")
			first.Permissions.Write = append(first.Permissions.Write, dir)
			traps := []string{"symlink=" + secret + ">" + dir + "/link", "symlink=../../../..>" + dir + "/up", "symlink=link>" + dir + "/twice"}
			said, _ := says(t, p.cell(t, first), first, traps...)
			for _, trap := range traps {
				if !ok(said[trap]) {
					t.Fatalf("the trap is not laid: %q", said)
				}
			}
			second := p.request(t, "alpha")
			second.Instance = "alpha-2"
			for _, way := range []string{"/link", "/link/secret", "/up", "/up/etc/passwd", "/twice", "/twice/secret"} {
				for field, permissions := range map[string]manifest.Permissions{
					"permissions.read[1]":  {Read: []string{dir, dir + way}},
					"permissions.write[0]": {Write: []string{dir + way}},
					"permissions.exec[0]":  {Exec: []string{dir + way}},
				} {
					second.Permissions = permissions
					refused(t, p, second, field, dir+way, "real path")
				}
			}
			// The folder itself is still his, and what a link in it leads to is not.
			second.Permissions = manifest.Permissions{Read: []string{dir}}
			way := "read=" + dir + "/link/secret"
			if said, _ := says(t, p.cell(t, second), second, way); said[way] == "" || ok(said[way]) {
				t.Errorf("said %q", said)
			}
		})
	}
}

// A folder that the module may move, and with it the way of a link that is not its own.
func TestALinkInAFolderThatOthersMayWriteIsNotFollowedWhoeverMadeIt(t *testing.T) {
	p := probe(t, sandbox.Config{})
	dir, secret := writable(t), secret(t)
	below := filepath.Join(dir, "below")
	if err := errors.Join(os.Mkdir(below, 0o755), os.Symlink(secret, filepath.Join(dir, "link")), os.Symlink(secret, filepath.Join(below, "link"))); err != nil {
		t.Fatal(err)
	}
	req := p.request(t, "alpha")
	for _, path := range []string{filepath.Join(dir, "link"), filepath.Join(below, "link")} {
		req.Permissions = manifest.Permissions{Read: []string{path}}
		refused(t, p, req, "permissions.read[0]", path, "real path")
	}
	// The remedy works.
	req.Permissions.Read = []string{secret}
	way := "read=" + filepath.Join(secret, "secret")
	if said, _ := says(t, p.cell(t, req), req, way); !ok(said[way]) {
		t.Errorf("said %q", said)
	}
}

// systemLink is a link of root's in one of root's folders, which no test may make. The
// folder is not the root folder.
func systemLink(t *testing.T) (link, target string) {
	t.Helper()
	for _, link := range []string{"/var/run", "/etc/mtab", "/etc/os-release", "/etc/localtime", "/usr/bin/awk"} {
		if info, err := os.Lstat(link); err != nil || info.Mode()&os.ModeSymlink == 0 {
			continue
		}
		if target, err := filepath.EvalSymlinks(link); err == nil && !strings.HasPrefix(target, "/proc/") {
			return link, target
		}
	}
	t.Fatal("this system has no links that are known")
	return "", ""
}

func TestALinkOfTheSystemIsFollowedWhereModulesAreNotRoot(t *testing.T) {
	link, target := systemLink(t)
	asked := manifest.Permissions{Read: []string{link}}
	p := probe(t, sandbox.Config{})
	if err := p.Check(asked); err != nil {
		t.Error(err)
	}
	req := p.request(t, "alpha")
	req.Permissions = asked
	if err := prepared(p, req); err != nil {
		t.Errorf("%s, which leads to %s: %v", link, target, err)
	}
	p = probe(t, sandbox.Config{Without: []string{"own-user"}})
	req = p.request(t, "alpha")
	req.Permissions = asked
	if os.Geteuid() == 0 {
		refused(t, p, req, "permissions.read[0]", link, "real path")
	} else if err := prepared(p, req); err != nil {
		t.Error(err)
	}
}

func TestALinkInTheRootFolderIsFollowedWhoeverModulesAre(t *testing.T) {
	const path = "/bin/true" // on most systems /bin is a link
	p := probe(t, sandbox.Config{Without: []string{"own-user"}})
	req := p.request(t, "alpha")
	req.Permissions.Read = []string{path}
	if said, _ := says(t, p.cell(t, req), req, "read="+path); !ok(said["read="+path]) {
		t.Errorf("said %q", said)
	}
}

func TestAModuleCannotLinkAFileIntoAFolderThatIsGrantedToIt(t *testing.T) {
	p := probe(t, sandbox.Config{})
	dir, secret := writable(t), secret(t)
	req := p.request(t, "alpha")
	req.Permissions = manifest.Permissions{Write: []string{dir}, Read: []string{secret}}
	foreign, own := "link=/etc/passwd>"+dir+"/hard", "link="+secret+"/secret>"+dir+"/hard"
	said, _ := says(t, p.cell(t, req), req, foreign, own)
	for _, did := range []string{foreign, own} {
		if said[did] == "" || ok(said[did]) {
			t.Errorf("%s: %s", did, said[did])
		}
	}
}
