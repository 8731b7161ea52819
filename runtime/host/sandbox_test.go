package host

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/segue-run/segue/runtime/config"
	"github.com/segue-run/segue/runtime/module"
	"github.com/segue-run/segue/runtime/sandbox"
	"github.com/segue-run/segue/sdk/manifest"
	"go.uber.org/zap"
)

func TestARuntimeDoesNotStartWithAGrantOfWhatNoModuleMayHave(t *testing.T) {
	dir := t.TempDir()
	link := filepath.Join(dir, "link")
	if err := os.Symlink(dir, link); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		grants manifest.Permissions
		field  string
	}{
		"nothing":           {},
		"a folder":          {grants: manifest.Permissions{Read: []string{"/srv"}, Write: []string{"{data}", dir}}},
		"the system":        {manifest.Permissions{Read: []string{"/srv", "/sys"}}, "modules.hello.grants.read[1]"},
		"the state":         {manifest.Permissions{Write: []string{filepath.Join(dir, "state")}}, "modules.hello.grants.write[0]"},
		"the modules":       {manifest.Permissions{Read: []string{filepath.Join(dir, "modules", "a")}}, "modules.hello.grants.read[0]"},
		"a link of modules": {grants: manifest.Permissions{Read: []string{link}}}, // they could keep the runtime from starting
	} {
		t.Run(name, func(t *testing.T) {
			cfg := config.Default()
			cfg.StateDir, cfg.ModulesDir = filepath.Join(dir, "state"), filepath.Join(dir, "modules")
			if name == "a folder" {
				cfg.StateDir, cfg.ModulesDir = t.TempDir(), t.TempDir()
			}
			cfg.Modules = map[string]config.Module{"hello": {Grants: c.grants}, "other": {}}
			err := checkGrants(cfg, func(p manifest.Permissions) error { return sandbox.CheckPaths(p, cfg.Protected()...) }, zap.NewNop())
			known, _ := err.(*module.Error)
			if (err == nil) != (c.field == "") || known != nil && (known.Field != c.field || known.Kind != module.Invalid || known.Hint == "") {
				t.Errorf("got %v", err)
			}
		})
	}
}
