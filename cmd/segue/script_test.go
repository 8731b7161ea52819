package main

import (
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/segue-run/segue/runtime/api"
	"github.com/segue-run/segue/runtime/api/apitest"
	"github.com/segue-run/segue/runtime/executable/executabletest"
)

// TestSessions plays testdata/*.txtar: sessions of a user at a shell, with a
// runtime that remembers what it is asked.
func TestSessions(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata",
		Setup: func(env *testscript.Env) error {
			env.Setenv("TZ", "UTC")
			env.Values[served{}] = new(*apitest.Served)
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"runtime": startRuntime,
			"exits":   exits,
			"until":   until,
			"gone":    stopRuntime,
			"left":    leaveSocket,
			"builds":  buildExecutable,
		},
		RequireUniqueNames: true,
	})
}

// startRuntime serves a scenario at .segue: "runtime shifting".
func startRuntime(ts *testscript.TestScript, _ bool, args []string) {
	make, ok := scenarios[strings.Join(args, " ")]
	if !ok {
		ts.Fatalf("no such scenario: %q", args)
	}
	rt := new(apitest.Runtime)
	make(rt)
	srv, err := apitest.Serve(rt, filepath.Join(ts.MkAbs(".segue"), "run", "admin.sock"), api.Config{})
	ts.Check(err)
	ts.Defer(srv.Stop)
	*ts.Value(served{}).(**apitest.Served) = srv
}

// served is where a session keeps its runtime.
type served struct{}

// stopRuntime stops the session's runtime: "gone".
func stopRuntime(ts *testscript.TestScript, _ bool, _ []string) {
	(*ts.Value(served{}).(**apitest.Served)).Stop()
}

// leaveSocket leaves a state directory as a runtime that was killed does: "left dir".
func leaveSocket(ts *testscript.TestScript, _ bool, args []string) {
	socket := filepath.Join(ts.MkAbs(args[0]), "run", "admin.sock")
	ts.Check(os.MkdirAll(filepath.Dir(socket), 0o700))
	ln, err := net.ListenUnix("unix", &net.UnixAddr{Name: socket, Net: "unix"})
	ts.Check(err)
	ln.SetUnlinkOnClose(false)
	ts.Check(ln.Close())
}

// buildExecutable writes a file that is an executable, and no more: "builds hello".
func buildExecutable(ts *testscript.TestScript, _ bool, args []string) {
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), executabletest.File{}.Bytes(), 0o700))
}

// exits runs a command that must end with a code: "exits 2 segue ls --nonsense".
func exits(ts *testscript.TestScript, _ bool, args []string) {
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	code := 0
	err = ts.Exec(args[1], args[2:]...)
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		code = exit.ExitCode()
	} else {
		ts.Check(err)
	}
	if code != want {
		ts.Fatalf("%s exited %d, want %d", strings.Join(args[1:], " "), code, want)
	}
}

// until waits until a file holds a text: "until out.txt promoted".
func until(ts *testscript.TestScript, _ bool, args []string) {
	for deadline := time.Now().Add(30 * time.Second); !strings.Contains(ts.ReadFile(args[0]), args[1]); {
		if time.Now().After(deadline) {
			ts.Fatalf("%s never holds %q; it is %q", args[0], args[1], ts.ReadFile(args[0]))
		}
		time.Sleep(5 * time.Millisecond)
	}
}

func TestEveryCommandHelpsWithAnExample(t *testing.T) {
	for _, cmd := range newRoot().Commands() {
		if cmd.Short == "" || !strings.Contains(cmd.Example, "segue "+cmd.Name()) {
			t.Errorf("%s: short %q, example %q", cmd.Name(), cmd.Short, cmd.Example)
		}
		var out, errs strings.Builder
		if code := execute([]string{cmd.Name(), "--help"}, &out, &errs); code != 0 || !strings.Contains(out.String(), "Usage:\n  segue "+cmd.Name()) || errs.Len() > 0 {
			t.Errorf("segue %s --help exits %d and prints %q, %q", cmd.Name(), code, out.String(), errs.String())
		}
	}
}
