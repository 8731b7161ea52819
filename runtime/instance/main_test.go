package instance_test

import (
	"bufio"
	"context"
	_ "embed"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"github.com/segue-run/segue/runtime/instance"
	"github.com/segue-run/segue/runtime/module"
	"github.com/segue-run/segue/runtime/sandbox"
	"github.com/segue-run/segue/sdk/manifest"
)

// patience is how long a test waits for what must come.
const patience = 30 * time.Second

//go:embed testdata/module/module.yaml
var manifestText []byte

// modulePath is the path of the built testdata/module.
var modulePath string

var release = module.Release{Module: "tested", Version: "1.0.0"}

func TestMain(m *testing.M) {
	if os.Getenv(hostRole) != "" {
		playHost()
		return
	}
	dir, err := os.MkdirTemp("", "instance")
	if err != nil {
		panic(err)
	}
	modulePath = filepath.Join(dir, "module")
	build := exec.Command("go", "build", "-o", modulePath, "./testdata/module")
	build.Env = append(os.Environ(), "CGO_ENABLED=0") // as modules are built
	if out, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "build the module: %v\n%s", err, out)
		os.Exit(1)
	}
	goleak.VerifyTestMain(cleaned{m, dir})
}

// cleaned removes the built module after the tests: goleak exits by itself.
type cleaned struct {
	m   *testing.M
	dir string
}

func (c cleaned) Run() int {
	defer os.RemoveAll(c.dir)
	return c.m.Run()
}

// bench is a Starter with what a test looks at.
type bench struct {
	t       testing.TB
	dir     string
	starter *instance.Starter
	logs    *observer.ObservedLogs
	binary  *os.File
	quotas  manifest.Quotas // of each spec

	mu   sync.Mutex
	next int
}

// newBench makes a Starter that lives as long as the test. change may be nil.
func newBench(t testing.TB, change func(*instance.Config)) *bench {
	t.Helper()
	core, logs := observer.New(zapcore.DebugLevel)
	cfg := instance.Config{RunDir: filepath.Join(t.TempDir(), "run"), Logger: zap.New(core)}
	if change != nil {
		change(&cfg)
	}
	s, err := instance.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	f, err := os.Open(modulePath)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return &bench{t: t, dir: cfg.RunDir, starter: s, logs: logs, binary: f}
}

func (b *bench) spec(mode string, env ...string) instance.Spec {
	b.t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	b.next++
	return instance.Spec{
		ID: "i" + strconv.Itoa(b.next), Release: release, ManifestText: manifestText, Binary: b.binary,
		Env: append(env, "MODE="+mode), Quotas: b.quotas,
	}
}

// start starts a module that must come up.
func (b *bench) start(mode string, env ...string) *instance.Instance {
	b.t.Helper()
	i, err := b.starter.Start(context.Background(), b.spec(mode, env...))
	if err != nil {
		b.t.Fatalf("start: %v", err)
	}
	return i
}

// refused starts a module that must not come up, and checks that nothing is left.
func (b *bench) refused(ctx context.Context, mode string, env ...string) error {
	b.t.Helper()
	i, err := b.starter.Start(ctx, b.spec(mode, env...))
	if err == nil {
		b.t.Fatalf("it came up as process %d", i.PID())
	}
	b.empty()
	return err
}

// dirOf is the directory of an instance.
func (b *bench) dirOf(i *instance.Instance) string {
	b.t.Helper()
	found, err := filepath.Glob(filepath.Join(b.dir, i.ID()+"-*"))
	if err != nil || len(found) != 1 {
		b.t.Fatalf("directories of %s: %v, %v", i.ID(), found, err)
	}
	return found[0]
}

// empty checks that the run directory is empty.
func (b *bench) empty() {
	b.t.Helper()
	left, err := os.ReadDir(b.dir)
	if err != nil {
		b.t.Fatal(err)
	}
	for _, e := range left {
		b.t.Errorf("left behind: %s", e.Name())
	}
}

// logged waits for a line of the module's that contains text.
func (b *bench) logged(text string) observer.LoggedEntry {
	b.t.Helper()
	var found observer.LoggedEntry
	waitFor(b.t, "the log line "+strconv.Quote(text), func() bool {
		for _, e := range b.logs.All() {
			if strings.Contains(e.Message, text) {
				found = e
				return true
			}
		}
		return false
	})
	return found
}

func waitFor(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain for %s", what)
		}
	}
}

// client speaks to the module over its own listener.
func client(i *instance.Instance) *http.Client {
	return &http.Client{Timeout: patience, Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext:       func(ctx context.Context, _, _ string) (net.Conn, error) { return i.Dial(ctx) },
	}}
}

// say makes the module write text on its standard output.
func say(t testing.TB, i *instance.Instance, text string) {
	t.Helper()
	resp, err := client(i).Post("http://module/say", "text/plain", strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
}

func get(t testing.TB, i *instance.Instance, path string) (int, string) {
	t.Helper()
	resp, err := client(i).Get("http://module" + path)
	if err != nil {
		t.Fatalf("GET %s: %v", path, err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(body)
}

// alive reports whether a process is there and no zombie.
func alive(pid int) bool { return !strings.Contains("ZX", state(pid)) }

// state is the letter by which the kernel tells a process's state; "X" for none.
func state(pid int) string {
	raw, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return "X"
	}
	_, rest, _ := strings.Cut(string(raw), ") ")
	return rest[:1]
}

// freeze stops a process by SIGSTOP, which does not act at once.
func freeze(t testing.TB, pid int) {
	t.Helper()
	if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	waitFor(t, "the process to stop", func() bool { return state(pid) == "T" })
}

// hostRole makes the test binary a host that starts one module a mode, prints their
// pids and waits to be killed.
const hostRole = "INSTANCE_TEST_HOST"

// hostData, if set, makes its modules run in sandboxes, with data folders there, and
// allows them to start themselves again.
const (
	hostData = "INSTANCE_TEST_DATA"
	hostName = "instance-test-host"
)

func playHost() {
	modulePath = os.Getenv("INSTANCE_TEST_MODULE")
	cfg, spec := instance.Config{RunDir: os.Getenv(hostRole)}, instance.Spec{Release: release, ManifestText: manifestText}
	if data := os.Getenv(hostData); data != "" {
		m, err := sandbox.Probe(context.Background(), sandbox.Config{DataDir: data, Name: hostName})
		if err != nil {
			panic(err)
		}
		cfg.Machine, spec.Quotas, spec.Permissions.Exec = m, roomy, []string{modulePath}
	}
	starter, err := instance.New(cfg)
	if err != nil {
		panic(err)
	}
	f, err := os.Open(modulePath)
	if err != nil {
		panic(err)
	}
	for n, mode := range strings.Split(os.Getenv("INSTANCE_TEST_MODES"), ",") {
		spec.ID, spec.Binary, spec.Env = "h"+strconv.Itoa(n), f, []string{"MODE=" + mode}
		i, err := starter.Start(context.Background(), spec)
		if err != nil {
			panic(err)
		}
		fmt.Println(i.PID())
	}
	fmt.Println("ready")
	_, _ = io.Copy(io.Discard, os.Stdin)
}

// host starts the test binary as a host; the pids are those of its modules.
func host(t *testing.T, runDir, modes string, env ...string) (cmd *exec.Cmd, pids []int) {
	t.Helper()
	cmd = exec.Command("/proc/self/exe")
	cmd.Env = append(os.Environ(), hostRole+"="+runDir, "INSTANCE_TEST_MODULE="+modulePath, "INSTANCE_TEST_MODES="+modes)
	cmd.Env = append(cmd.Env, env...)
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		stdin.Close()
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	lines := bufio.NewScanner(out)
	for lines.Scan() && lines.Text() != "ready" {
		pid, err := strconv.Atoi(lines.Text())
		if err != nil {
			t.Fatalf("the host says %q", lines.Text())
		}
		pids = append(pids, pid)
	}
	if lines.Text() != "ready" {
		t.Fatal("the host did not come up")
	}
	return cmd, pids
}
