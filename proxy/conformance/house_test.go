package conformance_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/segue-run/segue/proxy"
	"github.com/segue-run/segue/proxy/balance"
	"github.com/segue-run/segue/proxy/front"
	"github.com/segue-run/segue/proxy/route"
)

// patience is how long a test waits for what must come.
const patience = 20 * time.Second

// house is an engine on a real port before modules on unix sockets.
type house struct {
	t      testing.TB
	trusts []netip.Prefix // peers
	pool   *balance.Pool
	engine *front.Front
	addr   string
	client *http.Client
}

func newHouse(t testing.TB, cfg proxy.Config, groups ...*balance.Group) *house {
	t.Helper()
	h := &house{t: t}
	h.settle(cfg, groups...)
	return h
}

// newTrustingHouse is one that believes what this machine says of clients.
func newTrustingHouse(t testing.TB, cfg proxy.Config, groups ...*balance.Group) *house {
	t.Helper()
	h := &house{t: t, trusts: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}}
	h.settle(cfg, groups...)
	return h
}

// settle opens a house before modules.
func (h *house) settle(cfg proxy.Config, groups ...*balance.Group) {
	t := h.t
	t.Helper()
	h.pool = new(balance.Pool)
	var entries []route.Entry
	for _, g := range groups {
		path := "/" + g.Module()
		if len(groups) == 1 {
			path = "/"
		}
		entries = append(entries, route.Entry{Path: path, Module: g.Module()})
	}
	table, err := route.Build(entries)
	if err != nil {
		t.Fatal(err)
	}
	if err := h.pool.Set(table, groups...); err != nil {
		t.Fatal(err)
	}
	cfg.Director = h.pool
	h.open(cfg)
}

// newDirected is a house with a director of the test's own, and nothing behind.
func newDirected(t testing.TB, cfg proxy.Config) *house {
	t.Helper()
	h := &house{t: t}
	h.open(cfg)
	return h
}

// open starts the engine, and ends it with the test.
func (h *house) open(cfg proxy.Config) {
	t := h.t
	t.Helper()
	h.engine = newFront(cfg, h.trusts...)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	h.addr = l.Addr().String()
	served := make(chan error, 1)
	go func() { served <- h.engine.Serve(l) }()
	transport := &http.Transport{MaxIdleConnsPerHost: 64, DisableCompression: true}
	h.client = &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	t.Cleanup(func() {
		transport.CloseIdleConnections()
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := h.engine.Shutdown(ctx); err != nil {
			t.Errorf("shutdown: %v", err)
		}
		if err := <-served; err != nil {
			t.Errorf("serve: %v", err)
		}
	})
}

func (h *house) url(path string) string { return "http://" + h.addr + path }

func (h *house) get(path string) (*http.Response, string) {
	h.t.Helper()
	res, err := h.client.Get(h.url(path))
	if err != nil {
		h.t.Fatal(err)
	}
	return res, read(h.t, res)
}

func read(t testing.TB, res *http.Response) string {
	t.Helper()
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

// raw opens a connection to the engine that fails the test rather than hang.
func (h *house) raw() (net.Conn, *bufio.Reader) {
	h.t.Helper()
	conn, err := net.Dial("tcp", h.addr)
	if err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(func() { conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(patience))
	return conn, bufio.NewReader(conn)
}

// exchange sends a request as it stands and gives the answer.
func (h *house) exchange(request string) *http.Response {
	h.t.Helper()
	conn, r := h.raw()
	if _, err := io.WriteString(conn, request); err != nil {
		h.t.Fatal(err)
	}
	res, err := http.ReadResponse(r, nil)
	if err != nil {
		h.t.Fatal(err)
	}
	return res
}

// module is a running instance: a real HTTP server on a unix socket.
type module struct {
	*balance.Release
	server *httptest.Server
	socket string
	seen   chan balance.Observation
	opened atomic.Int64 // connections, ever
	open   atomic.Int64 // and now
}

var instances atomic.Int64

func newModule(t testing.TB, version string, handler http.Handler) *module {
	t.Helper()
	m := &module{seen: make(chan balance.Observation, 1000)}
	m.socket = filepath.Join(t.TempDir(), "s")
	l, err := net.Listen("unix", m.socket)
	if err != nil {
		t.Fatal(err)
	}
	m.server = &httptest.Server{Listener: l, Config: &http.Server{Handler: probed(handler), ConnState: func(_ net.Conn, s http.ConnState) {
		switch s {
		case http.StateNew:
			m.opened.Add(1)
			m.open.Add(1)
		case http.StateClosed, http.StateHijacked:
			m.open.Add(-1)
		}
	}}}
	m.server.Start()
	t.Cleanup(m.server.Close)
	m.Release = newTarget(version, m.socket, func(o balance.Observation) {
		select {
		case m.seen <- o:
		default:
		}
	})
	return m
}

// single is a release of the module "hello" with one instance.
func single(version string, observe func(balance.Observation), only balance.TargetConfig) *balance.Release {
	only.Instance = fmt.Sprint("i", instances.Add(1))
	r := balance.NewRelease(balance.ReleaseConfig{Labels: proxy.Labels{Module: "hello", Version: version}, Observe: observe})
	r.Add(only)
	return r
}

// probed is a handler that answers a request for /probe as a module should.
func probed(handler http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/probe" {
			io.WriteString(w, "probe")
			return
		}
		handler.ServeHTTP(w, r)
	})
}

// newTarget is an instance of the module "hello" behind a socket.
func newTarget(version, socket string, observe func(balance.Observation)) *balance.Release {
	var dialer net.Dialer
	return single(version, observe, balance.TargetConfig{
		Dial: func(ctx context.Context) (net.Conn, error) { return dialer.DialContext(ctx, "unix", socket) },
	})
}

// soleOf is the release's one instance.
func soleOf(r *balance.Release) *balance.Target { return r.Targets()[0] }

// outcome is the next one that the module's observer was told.
func (m *module) outcome(t testing.TB) balance.Observation {
	t.Helper()
	select {
	case o := <-m.seen:
		return o
	case <-time.After(patience):
		t.Fatal("no outcome")
		return balance.Observation{}
	}
}

func stable(t testing.TB, targets ...*balance.Release) *balance.Group {
	t.Helper()
	g := balance.NewGroup(balance.GroupConfig{Module: "hello", MaxWait: 100 * time.Millisecond})
	if len(targets) > 0 {
		apply(t, g, balance.Share{Release: targets[0], Weight: balance.Full, Stable: true})
	}
	return g
}

func apply(t testing.TB, g *balance.Group, shares ...balance.Share) {
	t.Helper()
	if err := g.Apply(balance.Split{Shares: shares}); err != nil {
		t.Fatal(err)
	}
}

// usual is the usual case: one module, all requests.
func usual(t testing.TB, handler http.HandlerFunc) (*house, *module) {
	t.Helper()
	m := newModule(t, "1.0.0", handler)
	return newHouse(t, proxy.Config{}, stable(t, m.Release)), m
}
