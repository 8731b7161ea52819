package sandbox_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"go.uber.org/goleak"
)

// inmate is the path of the built testdata/inmate.
var inmate string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "sandbox")
	if err != nil {
		panic(err)
	}
	inmate = filepath.Join(dir, "inmate")
	// Not with the race detector, whose memory no limit would leave room for.
	build := exec.Command("go", "build", "-o", inmate, "./testdata/inmate")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "build the inmate: %v\n%s", err, out)
		os.Exit(1)
	}
	goleak.VerifyTestMain(cleaned{m, dir})
}

// cleaned removes the built program after the tests: goleak exits by itself.
type cleaned struct {
	m   *testing.M
	dir string
}

func (c cleaned) Run() int {
	defer os.RemoveAll(c.dir)
	return c.m.Run()
}
