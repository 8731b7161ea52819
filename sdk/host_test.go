package sdk_test

import (
	"bytes"
	"context"
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

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/go-plugin"
	"google.golang.org/grpc"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"

	"github.com/segue-run/segue/sdk/wire"
	"github.com/segue-run/segue/sdk/wire/modulev1"
)

// patience is how long a test waits for what must come.
const patience = 30 * time.Second

const nonce = "c0ffee"

// host is the runtime's side of one module, as plain as go-plugin makes it.
type host struct {
	t      *testing.T
	cmd    *exec.Cmd
	client *plugin.Client
	module modulev1.ModuleClient
	health healthpb.HealthClient
	http   *http.Client
	log    *record // what came on the true standard output and error
}

// command is the module of that name, ready to be started, and the client of its
// listener.
func command(t *testing.T, module string) (*exec.Cmd, *http.Client) {
	t.Helper()
	dir, err := os.MkdirTemp("", "sdk")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	socket := filepath.Join(dir, "http")
	listener, err := net.ListenUnix("unix", &net.UnixAddr{Name: socket, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	listener.SetUnlinkOnClose(false)
	inherited, err := listener.File()
	if err != nil {
		t.Fatal(err)
	}
	listener.Close()
	t.Cleanup(func() { inherited.Close() })
	cmd := exec.Command("/proc/self/exe")
	cmd.ExtraFiles = []*os.File{inherited}
	cmd.Env = []string{
		roleEnv + "=" + launcher + module, "LISTEN_FDS=1", "LISTEN_FDNAMES=" + wire.ListenerName,
		wire.EnvNonce + "=" + nonce, plugin.EnvUnixSocketDir + "=" + dir,
		"GORACE=atexit_sleep_ms=0", // else a racing test binary sleeps at each exit
	}
	return cmd, unixClient(t, socket, http1)
}

// start launches the module of that name and shakes hands.
func start(t *testing.T, module string) *host {
	t.Helper()
	cmd, client := command(t, module)
	h := &host{t: t, cmd: cmd, http: client, log: &record{}}
	h.client = plugin.NewClient(&plugin.ClientConfig{
		HandshakeConfig: plugin.HandshakeConfig{ProtocolVersion: wire.ProtocolVersion, MagicCookieKey: wire.CookieKey, MagicCookieValue: wire.CookieValue},
		Plugins:         plugin.PluginSet{wire.PluginName: &connPlugin{}},
		Cmd:             cmd, SkipHostEnv: true, AllowedProtocols: []plugin.Protocol{plugin.ProtocolGRPC},
		Stderr: h.log, Logger: hclog.NewNullLogger(), StartTimeout: patience,
		GRPCDialOptions: knowing,
	})
	t.Cleanup(h.client.Kill)
	protocol, err := h.client.Client()
	if err != nil {
		t.Fatalf("shake hands: %v\n%s", err, h.log)
	}
	conn, err := protocol.Dispense(wire.PluginName)
	if err != nil {
		t.Fatal(err)
	}
	h.connect(conn.(*grpc.ClientConn))
	return h
}

func (h *host) connect(conn *grpc.ClientConn) {
	h.module, h.health = modulev1.NewModuleClient(conn), healthpb.NewHealthClient(conn)
}

// knowing adds the nonce to every call.
var knowing = []grpc.DialOption{
	grpc.WithUnaryInterceptor(func(ctx context.Context, method string, req, reply any, cc *grpc.ClientConn, invoke grpc.UnaryInvoker, opts ...grpc.CallOption) error {
		return invoke(known(ctx), method, req, reply, cc, opts...)
	}),
	grpc.WithStreamInterceptor(func(ctx context.Context, desc *grpc.StreamDesc, cc *grpc.ClientConn, method string, streamer grpc.Streamer, opts ...grpc.CallOption) (grpc.ClientStream, error) {
		return streamer(known(ctx), desc, cc, method, opts...)
	}),
}

// known adds the nonce, unless the caller has put one there.
func known(ctx context.Context) context.Context {
	if md, ok := metadata.FromOutgoingContext(ctx); ok && len(md.Get(wire.NonceHeader)) > 0 {
		return ctx
	}
	return metadata.AppendToOutgoingContext(ctx, wire.NonceHeader, nonce)
}

// connPlugin hands out the connection itself.
type connPlugin struct{ plugin.NetRPCUnsupportedPlugin }

func (*connPlugin) GRPCServer(*plugin.GRPCBroker, *grpc.Server) error { return nil }

func (*connPlugin) GRPCClient(_ context.Context, _ *plugin.GRPCBroker, conn *grpc.ClientConn) (any, error) {
	return conn, nil
}

func http1(p *http.Protocols) { p.SetHTTP1(true) }
func http2(p *http.Protocols) { p.SetUnencryptedHTTP2(true) }

func unixClient(t *testing.T, socket string, set func(*http.Protocols)) *http.Client {
	protocols := new(http.Protocols)
	set(protocols)
	transport := &http.Transport{
		Protocols: protocols,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			var d net.Dialer
			return d.DialContext(ctx, "unix", socket)
		},
	}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport, Timeout: patience}
}

// serve calls Start.
func (h *host) serve() *host {
	h.t.Helper()
	if _, err := h.module.Start(h.t.Context(), &modulev1.StartRequest{}); err != nil {
		h.t.Fatalf("start: %v\n%s", err, h.log)
	}
	return h
}

// get is the answer's body.
func (h *host) get(path string) (string, error) {
	res, err := h.http.Get("http://module" + path)
	if err != nil {
		return "", err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	return string(body), err
}

func (h *host) mustGet(path string) string {
	h.t.Helper()
	body, err := h.get(path)
	if err != nil {
		h.t.Fatalf("GET %s: %v\n%s", path, err, h.log)
	}
	return body
}

// probe is the answer to a health check, with the reason that came with it.
func (h *host) probe(ctx context.Context) (healthpb.HealthCheckResponse_ServingStatus, string, error) {
	var trailer metadata.MD
	res, err := h.health.Check(ctx, &healthpb.HealthCheckRequest{Service: wire.HealthService}, grpc.Trailer(&trailer))
	return res.GetStatus(), strings.Join(trailer.Get(wire.ReasonHeader), "|"), err
}

func (h *host) stop(grace time.Duration) {
	h.t.Helper()
	if _, err := h.module.Stop(h.t.Context(), &modulev1.StopRequest{GraceMs: uint32(grace.Milliseconds())}); err != nil {
		h.t.Fatalf("stop: %v\n%s", err, h.log)
	}
}

// exited waits for the process to end and gives its exit code.
func (h *host) exited() int {
	h.t.Helper()
	wait(h.t, "the process to exit", h.client.Exited)
	return h.cmd.ProcessState.ExitCode()
}

// logged waits for a line of the module's that contains part.
func (h *host) logged(part string) string {
	h.t.Helper()
	var found string
	wait(h.t, "the line "+part, func() bool {
		for line := range strings.Lines(h.log.String()) {
			if strings.Contains(line, part) {
				found = strings.TrimSuffix(line, "\n")
			}
		}
		return found != ""
	})
	return found
}

func (h *host) signal(s syscall.Signal) {
	h.t.Helper()
	if err := h.cmd.Process.Signal(s); err != nil {
		h.t.Fatal(err)
	}
}

func wait(t *testing.T, what string, done func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !done(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain for %s", what)
		}
	}
}

// record is a buffer for several goroutines.
type record struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (r *record) Write(p []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.buf.Write(p)
}

func (r *record) String() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.buf.String()
}
