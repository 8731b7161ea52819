package launch_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"go.uber.org/goleak"
)

// probe is the path of the built testdata/probe.
var probe string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "launch")
	if err != nil {
		panic(err)
	}
	probe = filepath.Join(dir, "probe")
	// Not with the race detector, whose memory no limit would leave room for.
	build := exec.Command("go", "build", "-o", probe, "./testdata/probe")
	if out, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "build the probe: %v\n%s", err, out)
		os.Exit(1)
	}
	goleak.VerifyTestMain(cleaned{m, dir})
}

// cleaned removes the built probe after the tests: goleak exits by itself.
type cleaned struct {
	m   *testing.M
	dir string
}

func (c cleaned) Run() int {
	defer os.RemoveAll(c.dir)
	return c.m.Run()
}
