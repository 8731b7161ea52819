package plugins_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"

	"github.com/segue-run/segue/sdk/wire"
	"github.com/segue-run/segue/sdk/wire/modulev1"
)

// patience is how long a test waits for what must come.
const patience = 60 * time.Second

// process is a module that runs, driven as the runtime drives it, but without
// go-plugin: by its handshake line and the control contract.
type process struct {
	t              *testing.T
	cmd            *exec.Cmd
	exited         chan struct{}
	stdout, stderr *record
	module         modulev1.ModuleClient
	health         healthpb.HealthClient
	http           *http.Client
}

// launch starts the executable with a listener. When the test ends it is killed,
// with everything that it started.
func launch(t *testing.T, file string) *process {
	t.Helper()
	dir, err := os.MkdirTemp("", "module")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	socket := filepath.Join(dir, "http")
	listener, err := net.ListenUnix("unix", &net.UnixAddr{Name: socket, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	listener.SetUnlinkOnClose(false)
	inherited, err := listener.File()
	if err != nil {
		t.Fatal(err)
	}
	defer inherited.Close()

	p := &process{t: t, exited: make(chan struct{}), stdout: &record{}, stderr: &record{}}
	p.cmd = exec.Command("/bin/sh", "-c", `export LISTEN_PID=$$; exec "$0"`, file)
	p.cmd.ExtraFiles = []*os.File{inherited}
	p.cmd.Stdout, p.cmd.Stderr = p.stdout, p.stderr
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	p.cmd.Env = []string{
		wire.CookieKey + "=" + wire.CookieValue, wire.EnvNonce + "=n", "LISTEN_FDS=1", "PLUGIN_UNIX_SOCKET_DIR=" + dir,
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { defer close(p.exited); p.cmd.Wait() }()
	t.Cleanup(func() { syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL); <-p.exited })
	transport := &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			var d net.Dialer
			return d.DialContext(ctx, "unix", socket)
		},
	}
	p.http = &http.Client{Transport: transport, Timeout: patience}
	return p
}

// start launches the executable, shakes hands and lets it serve.
func start(t *testing.T, file string) *process {
	t.Helper()
	p := launch(t, file)
	p.wait("the handshake", func() bool { return strings.Contains(p.stdout.String(), "\n") })
	line, _, _ := strings.Cut(p.stdout.String(), "\n")
	fields := strings.Split(line, "|")
	if len(fields) < 5 {
		t.Fatalf("the handshake is %q", line)
	}
	conn, err := grpc.NewClient("unix:"+fields[3], grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	p.module, p.health = modulev1.NewModuleClient(conn), healthpb.NewHealthClient(conn)
	if _, err := p.module.Start(p.ctx(), &modulev1.StartRequest{}); err != nil {
		t.Fatalf("start: %v\n%s", err, p.stderr)
	}
	return p
}

func (p *process) ctx() context.Context {
	return metadata.AppendToOutgoingContext(p.t.Context(), wire.NonceHeader, "n")
}

func (p *process) serving() bool {
	p.t.Helper()
	res, err := p.health.Check(p.ctx(), &healthpb.HealthCheckRequest{Service: wire.HealthService})
	if err != nil {
		p.t.Fatalf("probe: %v\n%s", err, p.stderr)
	}
	return res.GetStatus() == healthpb.HealthCheckResponse_SERVING
}

// ask sends a request and gives the answer's status and body.
func (p *process) ask(method, path, body string) (int, string, error) {
	req, err := http.NewRequestWithContext(p.t.Context(), method, "http://module"+path, strings.NewReader(body))
	if err != nil {
		return 0, "", err
	}
	res, err := p.http.Do(req)
	if err != nil {
		return 0, "", err
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(res.Body)
	return res.StatusCode, string(answer), err
}

// get is the body of a GET that must be answered with 200.
func (p *process) get(path string) string {
	p.t.Helper()
	code, body, err := p.ask(http.MethodGet, path, "")
	if err != nil || code != http.StatusOK {
		p.t.Fatalf("GET %s: %d, %q and %v\n%s", path, code, body, err, p.stderr)
	}
	return body
}

func (p *process) stop(grace time.Duration) {
	p.t.Helper()
	if _, err := p.module.Stop(p.ctx(), &modulev1.StopRequest{GraceMs: uint32(grace.Milliseconds())}); err != nil {
		p.t.Fatalf("stop: %v\n%s", err, p.stderr)
	}
}

// exit waits for the end and gives the exit code.
func (p *process) exit() int {
	p.t.Helper()
	select {
	case <-p.exited:
	case <-time.After(patience):
		p.t.Fatalf("it does not exit\n%s", p.stderr)
	}
	return p.cmd.ProcessState.ExitCode()
}

func (p *process) running() bool {
	select {
	case <-p.exited:
		return false
	default:
		return true
	}
}

func (p *process) wait(what string, done func() bool) {
	p.t.Helper()
	for deadline := time.Now().Add(patience); !done(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) || !p.running() {
			p.t.Fatalf("waited in vain for %s\n%s", what, p.stderr)
		}
	}
}

// alive reports whether there is a process of that pid.
func alive(pid int) bool { return !errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) }

// record is the first part of what was written to it.
type record struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

// Write implements io.Writer.
func (r *record) Write(p []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.buf.Write(p[:min(len(p), max(0, 4<<20-r.buf.Len()))])
	return len(p), nil
}

// String is all that is kept.
func (r *record) String() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.buf.String()
}
