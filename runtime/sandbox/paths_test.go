package sandbox_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/segue-run/segue/runtime/module"
	"github.com/segue-run/segue/runtime/sandbox"
	"github.com/segue-run/segue/sdk/manifest"
)

func TestAPathIsJudgedWithoutLookingAtTheMachine(t *testing.T) {
	dir := t.TempDir()
	state, link := filepath.Join(dir, "state"), filepath.Join(dir, "link")
	if err := os.Symlink("/etc", link); err != nil {
		t.Fatal(err)
	}
	t.Chdir(dir)
	for path, want := range map[string]string{
		"/etc/hosts": "", "/srv": "", filepath.Join(dir, "statements"): "", "{data}/a": "",
		"/": "refused", "/sys": "refused", "/proc/self": "refused", dir: "refused", state: "refused",
		filepath.Join(state, "data"): "refused", filepath.Join(state, "not", "yet"): "refused", link: "link",
	} {
		for kind, p := range map[string]manifest.Permissions{"read": {Read: []string{"/etc/hosts", path}}, "write": {Write: []string{"/etc/hosts", path}}, "exec": {Exec: []string{"/etc/hosts", path}}} {
			err := sandbox.CheckPaths(p, "state")
			e, refused := errors.AsType[*module.Error](err)
			if refused != (want != "") || errors.Is(err, sandbox.ErrLink) != (want == "link") {
				t.Errorf("%s: got %v", path, err)
			}
			if refused && (e.Kind != module.Denied || e.Field != "permissions."+kind+"[1]" || e.Value != path || e.Hint == "") {
				t.Errorf("%s: got %+v", path, e)
			}
		}
	}
}
