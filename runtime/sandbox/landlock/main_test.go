package landlock_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"go.uber.org/goleak"
)

// nothing is a static program that ends well.
var nothing string

func TestMain(m *testing.M) {
	if os.Getenv("LANDLOCK_YARD") != "" {
		os.Exit(child(os.Getenv("LANDLOCK_YARD")))
	}
	dir, err := os.MkdirTemp("", "landlock")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	nothing = filepath.Join(dir, "nothing")
	cmd := exec.Command("go", "build", "-o", nothing, "./testdata/nothing")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "%v\n%s", err, out)
		os.Exit(1)
	}
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) {
		os.RemoveAll(dir)
		os.Exit(code)
	}))
}
