package floor_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/segue-run/segue/bench/floor"
)

// build builds one of the floor's programs.
func build(t *testing.T, name string) string {
	t.Helper()
	program := filepath.Join(t.TempDir(), name)
	if out, err := exec.Command("go", "build", "-o", program, "./"+name).CombinedOutput(); err != nil {
		t.Fatalf("build %s: %v: %s", name, err, out)
	}
	return program
}

func TestEachPartOfTheFloorIsMeasuredOnRealThings(t *testing.T) {
	empty, plugin := build(t, "empty"), build(t, "plugin")
	dir := t.TempDir()
	for name, once := range map[string]func() (time.Duration, error){
		"exec":   func() (time.Duration, error) { return floor.Exec(t.Context(), empty) },
		"plugin": func() (time.Duration, error) { return floor.Plugin(plugin) },
		"hash":   func() (time.Duration, error) { return floor.Hash(plugin) },
		"copy":   func() (time.Duration, error) { return floor.Copy(plugin, filepath.Join(dir, "copy")) },
	} {
		t.Run(name, func(t *testing.T) {
			took, err := once()
			if err != nil {
				t.Fatal(err)
			}
			if took <= 0 {
				t.Errorf("took %s", took)
			}
		})
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 0 {
		t.Errorf("%v left behind: %v", left, err)
	}
}

func TestAProgramThatIsNoPluginIsAnError(t *testing.T) {
	if took, err := floor.Plugin(build(t, "empty")); err == nil {
		t.Errorf("an empty program passed as a plugin within %s", took)
	}
}

func TestAFileThatIsNotThereIsAnError(t *testing.T) {
	missing := filepath.Join(t.TempDir(), "missing")
	if _, err := floor.Hash(missing); err == nil {
		t.Error("hashed a file that is not there")
	}
	if _, err := floor.Copy(missing, missing+"2"); err == nil {
		t.Error("copied a file that is not there")
	}
}
