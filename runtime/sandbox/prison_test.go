package sandbox_test

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/segue-run/segue/runtime/launch"
	"github.com/segue-run/segue/runtime/module"
	"github.com/segue-run/segue/runtime/sandbox"
	"github.com/segue-run/segue/sdk/manifest"
)

// quotas are complete and leave an inmate room.
var quotas = manifest.Quotas{Memory: 256 << 20, OpenFiles: 256, Processes: 128, FileSize: 64 << 20, LogLines: 100, Requests: 10}

// prison is a machine with a state directory to which everybody is let through.
type prison struct {
	*sandbox.Machine
	state string
	log   *observer.ObservedLogs
}

// probe looks at this machine.
func probe(t *testing.T, cfg sandbox.Config) prison {
	t.Helper()
	if cfg.DataDir == "" {
		cfg.DataDir = filepath.Join(open(t), "state", "data")
	}
	core, log := observer.New(zap.DebugLevel)
	cfg.Logger = zap.New(core)
	if cfg.Name == "" {
		cfg.Name = "test-" + strconv.Itoa(os.Getpid())
	}
	m, err := sandbox.Probe(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := m.Close(); err != nil {
			t.Error(err)
		}
	})
	if err := os.MkdirAll(cfg.DataDir, 0o711); err != nil {
		t.Fatal(err)
	}
	return prison{m, filepath.Dir(cfg.DataDir), log}
}

// open is a temporary folder that everybody may pass through.
func open(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.Chmod(filepath.Dir(dir), 0o711); err != nil {
		t.Fatal(err)
	}
	return dir
}

// request is for an inmate that asks for its own data folder and has it.
func (p prison) request(t *testing.T, name string) sandbox.Request {
	t.Helper()
	own := filepath.Join(p.state, "data", name)
	temp := filepath.Join(p.state, "run", name, "tmp")
	for _, dir := range []string{own, temp} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	binary, err := os.Open(inmate)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { binary.Close() })
	return sandbox.Request{
		Module: name, Instance: name + "-1", Quotas: quotas, Binary: binary, Data: own, Temp: temp,
		Permissions: manifest.Permissions{Write: []string{manifest.DataFolder, manifest.TempFolder}},
	}
}

func (p prison) cell(t *testing.T, req sandbox.Request) *sandbox.Cell {
	t.Helper()
	c, err := p.Prepare(req)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	return c
}

// command is an inmate in a cell, not started.
func command(c *sandbox.Cell, req sandbox.Request, files []*os.File, args ...string) *exec.Cmd {
	return launch.Command(launch.Spec{
		Binary: req.Binary, Args: append([]string{"inmate"}, args...), Env: c.Env(), Dir: req.Data,
		Limits: c.Limits(), Confine: c.Confinement(), Files: files,
	})
}

// says runs an inmate to its end; what it says of each thing that it did is found by
// what it was told to do.
func says(t *testing.T, c *sandbox.Cell, req sandbox.Request, args ...string) (map[string]string, *os.ProcessState) {
	t.Helper()
	spawner := launch.NewSpawner()
	defer spawner.Close()
	cmd := command(c, req, nil, args...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := spawner.Start(cmd); err != nil {
		t.Fatal(err)
	}
	var exit *exec.ExitError
	if err := cmd.Wait(); err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	if cmd.ProcessState.ExitCode() == launch.FailureCode {
		t.Fatalf("the launcher: %s", errs.String())
	}
	said := map[string]string{}
	for line := range strings.Lines(out.String()) {
		did, outcome, _ := strings.Cut(strings.TrimSpace(line), ": ")
		said[did] = outcome
	}
	if errs.Len() > 0 {
		t.Logf("the inmate: %s", errs.String())
	}
	return said, cmd.ProcessState
}

func ok(outcome string) bool { return strings.HasPrefix(outcome, "ok") }

func stateOf(layers []module.Layer, name string) module.LayerState {
	for _, l := range layers {
		if l.Name == name {
			return l.State
		}
	}
	return ""
}
