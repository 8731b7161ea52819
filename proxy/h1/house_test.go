package h1_test

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/segue-run/segue/proxy"
	"github.com/segue-run/segue/proxy/h1"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience is how long a test waits for what must come.
const patience = 20 * time.Second

// module is a process behind a unix socket that says what its test wants.
type module struct {
	socket string
	dials  atomic.Int64
	wrap   func(net.Conn) net.Conn // of the engine's ends; nil for none
	mu     sync.Mutex
	retire []func()
}

func (m *module) Labels() proxy.Labels { return proxy.Labels{Module: "hello", Version: "1.0.0"} }

func (m *module) Dial(ctx context.Context) (net.Conn, error) {
	m.dials.Add(1)
	conn, err := new(net.Dialer).DialContext(ctx, "unix", m.socket)
	if err == nil && m.wrap != nil {
		conn = m.wrap(conn)
	}
	return conn, err
}

func (m *module) OnRetire(f func()) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.retire = append(m.retire, f)
}

// newModule has each connection served by serve, which closes it at its end.
func newModule(t testing.TB, serve func(net.Conn, *bufio.Reader)) *module {
	t.Helper()
	m := &module{socket: filepath.Join(t.TempDir(), "s")}
	l, err := net.Listen("unix", m.socket)
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			_ = conn.SetDeadline(time.Now().Add(patience))
			wg.Go(func() {
				defer conn.Close()
				serve(conn, bufio.NewReader(conn))
			})
		}
	})
	t.Cleanup(func() { l.Close(); wg.Wait() })
	return m
}

// speaking is a module of net/http's.
func speaking(t testing.TB, handler http.HandlerFunc) *module {
	t.Helper()
	m := &module{socket: filepath.Join(t.TempDir(), "s")}
	l, err := net.Listen("unix", m.socket)
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: handler}
	served := make(chan error, 1)
	go func() { served <- server.Serve(l) }()
	t.Cleanup(func() { server.Close(); <-served })
	return m
}

// head reads one request and gives its target; "" at the end.
func head(r *bufio.Reader) string {
	req, err := http.ReadRequest(r)
	if err != nil {
		return ""
	}
	_, _ = io.Copy(io.Discard, req.Body)
	return req.RequestURI
}

const answerOK = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

// always answers every request so.
func always(answer string) func(net.Conn, *bufio.Reader) {
	return func(conn net.Conn, r *bufio.Reader) {
		for head(r) != "" {
			io.WriteString(conn, answer)
		}
	}
}

// house is an engine on a real port, before one module.
type house struct {
	t        testing.TB
	engine   *h1.Engine
	addr     string
	module   *module
	route    proxy.Route
	tap      proxy.Tap // nil for none
	done     func(*proxy.Request)
	outcomes chan proxy.Outcome
	requests chan *proxy.Request // of those whose answer has come
	serving  sync.WaitGroup
}

func (h *house) Direct(_ context.Context, r *proxy.Request) (proxy.Exchange, error) {
	r.Route = &h.route
	return &exchange{house: h, request: r}, nil
}

type exchange struct {
	house   *house
	request *proxy.Request
}

func (x *exchange) Target() proxy.Target                { return x.house.module }
func (x *exchange) Keep() int64                         { return 0 }
func (x *exchange) OnRecall(func() bool)                {}
func (x *exchange) Tap() proxy.Tap                      { return x.house.tap }
func (x *exchange) Sent(time.Time)                      {}
func (x *exchange) Answered(proxy.Answer)               { x.house.requests <- x.request }
func (x *exchange) Replay(proxy.Outcome) proxy.Exchange { return nil }

func (x *exchange) Done(o proxy.Outcome) {
	if x.house.done != nil {
		x.house.done(x.request)
	}
	x.house.outcomes <- o
}

func newHouse(t testing.TB, cfg proxy.Config, m *module, route proxy.Route) *house {
	t.Helper()
	h := &house{t: t, module: m, route: route, outcomes: make(chan proxy.Outcome, 1000), requests: make(chan *proxy.Request, 1000)}
	cfg.Director = h
	h.engine = h1.New(cfg)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	h.addr = l.Addr().String()
	h.serving.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			h.serve(conn, proxy.Peer{Addr: conn.RemoteAddr().(*net.TCPAddr).AddrPort()})
		}
	})
	t.Cleanup(func() {
		l.Close()
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := h.engine.Shutdown(ctx); err != nil {
			t.Errorf("shutdown: %v", err)
		}
		h.serving.Wait()
	})
	return h
}

func (h *house) serve(conn net.Conn, peer proxy.Peer) {
	h.serving.Go(func() { h.engine.Serve(proxy.NewConn(conn, peer, nil, nil)) })
}

// client is a connection to the engine that fails its test rather than hang.
type client struct {
	net.Conn
	*bufio.Reader
	t testing.TB
}

func (c *client) Read(p []byte) (int, error) { return c.Reader.Read(p) }

func (h *house) dial() *client {
	h.t.Helper()
	conn, err := net.Dial("tcp", h.addr)
	if err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(func() { conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(patience))
	return &client{conn, bufio.NewReader(conn), h.t}
}

// wrapped opens a connection whose other end the engine gets as wrap makes it.
func (h *house) wrapped(wrap func(net.Conn) net.Conn) *client {
	h.t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		h.t.Fatal(err)
	}
	defer l.Close()
	conn, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(func() { conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(patience))
	other, err := l.Accept()
	if err != nil {
		h.t.Fatal(err)
	}
	h.serve(wrap(other), proxy.Peer{Addr: other.RemoteAddr().(*net.TCPAddr).AddrPort()})
	return &client{conn, bufio.NewReader(conn), h.t}
}

func (c *client) send(s string) {
	c.t.Helper()
	if _, err := io.WriteString(c.Conn, s); err != nil {
		c.t.Fatal(err)
	}
}

// answer reads one answer to a request of that method.
func (c *client) answer(method string) (*http.Response, string) {
	c.t.Helper()
	res, err := http.ReadResponse(c.Reader, &http.Request{Method: method})
	if err != nil {
		c.t.Fatal(err)
	}
	body, err := io.ReadAll(res.Body)
	if err != nil {
		c.t.Fatalf("after %q: %v", body, err)
	}
	return res, string(body)
}

// ended checks that nothing more comes.
func (c *client) ended() {
	c.t.Helper()
	if rest, err := io.ReadAll(c.Reader); err != nil || len(rest) > 0 {
		c.t.Errorf("got %q, %v", rest, err)
	}
}

func (h *house) outcome() proxy.Outcome { return receive(h.t, h.outcomes) }

func receive[T any](t testing.TB, from <-chan T) T {
	t.Helper()
	select {
	case got := <-from:
		return got
	case <-time.After(patience):
		t.Fatal("nothing came")
		panic("unreachable")
	}
}

func until(t testing.TB, what string, done func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !done(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal(what)
		}
	}
}

const get = "GET / HTTP/1.1\r\nHost: x\r\n\r\n"

func lines(all ...string) string { return strings.Join(all, "\r\n") + "\r\n\r\n" }
