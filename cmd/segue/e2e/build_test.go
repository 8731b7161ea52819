package e2e_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// built is where the binaries are: segue, modules/hello-1.0.0, chaos/mute, …
var built string

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	if built = os.Getenv("SEGUE_E2E_BUILD"); built == "" {
		dir, err := os.MkdirTemp("", "segue-e2e-")
		if err == nil {
			defer os.RemoveAll(dir)
			built = dir
			err = build(dir)
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, "build what the tests run:", err)
			return 1
		}
	}
	code := m.Run()
	if err := goleak.Find(); err != nil && code == 0 {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return code
}

// build makes all binaries with the same script that `make e2e-build` uses.
func build(dir string) error {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute)
	defer cancel()
	root, err := filepath.Abs("../../..")
	if err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, filepath.Join(root, "scripts", "e2e-build.sh"), dir)
	cmd.Dir = root
	cmd.Stdout, cmd.Stderr = os.Stderr, os.Stderr
	return cmd.Run()
}

// release is the path of a built hello release, such as "1.0.0" or "2.0.0-crash".
func release(version string) string { return filepath.Join(built, "modules", "hello-"+version) }

// chaos is the path of a built misbehaving module.
func chaos(name string) string { return filepath.Join(built, "chaos", name) }
