package harness_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/segue-run/segue/bench/internal/harness"
	"github.com/segue-run/segue/runtime/module"
	"go.uber.org/goleak"
)

// TestMain is also the runtime of these tests: a process that is ready at once and
// says of every file in its modules folder that version 1.0.0 of it serves.
func TestMain(m *testing.M) {
	if filepath.Base(os.Args[0]) == "segue" {
		os.Exit(pretend())
	}
	goleak.VerifyTestMain(m)
}

func pretend() int {
	flags := flag.NewFlagSet("run", flag.ExitOnError)
	config := flags.String("config", "", "")
	modules := flags.String("modules", "", "")
	flags.String("state", "", "")
	flags.String("listen", "", "")
	admin := flags.String("admin", "", "")
	_ = flags.Parse(os.Args[2:])
	settings, _ := os.ReadFile(*config)
	if strings.Contains(string(settings), "broken") {
		fmt.Fprintln(os.Stderr, "segue.yaml is broken")
		return 1
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /readyz", func(http.ResponseWriter, *http.Request) {})
	mux.HandleFunc("GET /v1/modules/{name}", func(w http.ResponseWriter, r *http.Request) {
		if _, err := os.Stat(filepath.Join(*modules, r.PathValue("name"))); err != nil {
			http.NotFound(w, r)
			return
		}
		fmt.Fprint(w, `{"state":"active","stable":{"version":"1.0.0","weight":10000}}`)
	})
	go func() { _ = http.ListenAndServe(*admin, mux) }()
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM)
	<-stop
	return 0
}

// repository is a folder whose bin/segue is this test.
func repository(t *testing.T) string {
	t.Helper()
	root := t.TempDir()
	t.Setenv("TMPDIR", t.TempDir())
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(root, "bin"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(self, filepath.Join(root, "bin", "segue")); err != nil {
		t.Fatal(err)
	}
	return root
}

func nothingLeft(t *testing.T) {
	t.Helper()
	if left, err := os.ReadDir(os.TempDir()); err != nil || len(left) != 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

func TestAModuleIsDroppedAndShownAndNothingIsLeftBehind(t *testing.T) {
	root := repository(t)
	host, err := harness.Start(t.Context(), harness.Config{Root: root})
	if err != nil {
		t.Fatal(err)
	}
	pid := host.PID()
	if status, err := host.Show(t.Context(), "hello"); err != nil || status != nil {
		t.Errorf("before the drop: %v, %v", status, err)
	}
	file := filepath.Join(root, "hello")
	if err := os.WriteFile(file, []byte("module"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := host.Drop(file); err != nil {
		t.Fatal(err)
	}
	status, err := host.WaitFor(t.Context(), "hello", time.Minute, harness.Serves("1.0.0"))
	if err != nil || status.Stable.Weight != 10000 {
		t.Errorf("after the drop: %v, %v", status, err)
	}
	if err := host.Stop(); err != nil {
		t.Error(err)
	}
	if err := syscall.Kill(pid, 0); !errors.Is(err, syscall.ESRCH) {
		t.Errorf("the runtime is still there: %v", err)
	}
	nothingLeft(t)
}

func TestWaitingForWhatNeverComesEndsAndSaysWhatIsThere(t *testing.T) {
	root := repository(t)
	host, err := harness.Start(t.Context(), harness.Config{Root: root})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := host.Stop(); err != nil {
			t.Error(err)
		}
	}()
	if err := os.WriteFile(filepath.Join(root, "hello"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := host.Drop(filepath.Join(root, "hello")); err != nil {
		t.Fatal(err)
	}
	never := func(*module.Status) bool { return false }
	_, err = host.WaitFor(t.Context(), "hello", 200*time.Millisecond, never)
	if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), `"version":"1.0.0"`) {
		t.Errorf("got %v, want a deadline and the last status", err)
	}
}

func TestARuntimeThatDoesNotStartIsAnErrorWithItsLog(t *testing.T) {
	root := repository(t)
	_, err := harness.Start(t.Context(), harness.Config{Root: root, Settings: "broken"})
	if err == nil || !strings.Contains(err.Error(), "segue.yaml is broken") {
		t.Errorf("got %v, want the runtime's last words", err)
	}
	nothingLeft(t)
}

func TestAMissingBinaryIsNamedWithTheCommandThatBuildsIt(t *testing.T) {
	_, err := harness.Start(t.Context(), harness.Config{Root: t.TempDir()})
	if !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), "make build") {
		t.Errorf("got %v", err)
	}
}
