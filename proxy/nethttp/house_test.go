package nethttp_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"io"
	"math/big"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/segue-run/segue/proxy"
	"github.com/segue-run/segue/proxy/front"
	"github.com/segue-run/segue/proxy/nethttp"
)

// patience is how long a test waits for what must come.
const patience = 20 * time.Second

// house is an engine on a real port before modules on unix sockets.
type house struct {
	t      testing.TB
	engine *nethttp.Engine
	addr   string
	secure bool
	logged chan proxy.Entry
}

func newHouse(t testing.TB, cfg proxy.Config, secure bool, modules ...*module) *house {
	t.Helper()
	h := &house{t: t, secure: secure, logged: make(chan proxy.Entry, 100)}
	if cfg.Director == nil {
		cfg.Director = byPath(modules)
	}
	cfg.Log = func(e *proxy.Entry) { offer(h.logged, *e) }
	h.engine = nethttp.New(cfg)
	f := front.New(front.Config{H1: h.engine, H2: h.engine})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	h.addr = l.Addr().String()
	options := front.Options{}
	if secure {
		options.TLS = certificate(t)
	}
	served := make(chan error, 1)
	go func() { served <- f.ServeWith(l, options) }()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := f.Shutdown(ctx); err != nil {
			t.Errorf("shutdown: %v", err)
		}
		if err := <-served; err != nil {
			t.Errorf("serve: %v", err)
		}
	})
	return h
}

// certificate is one that nobody has signed.
func certificate(t testing.TB) *tls.Config {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "localhost"}, DNSNames: []string{"localhost"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}
}

// client speaks HTTP/2 over one connection.
func (h *house) client() *http.Client {
	var protocols http.Protocols
	protocols.SetHTTP2(h.secure)
	protocols.SetUnencryptedHTTP2(!h.secure)
	tr := &http.Transport{Protocols: &protocols, DisableCompression: true, TLSClientConfig: &tls.Config{InsecureSkipVerify: true},
		HTTP2: &http.HTTP2Config{StrictMaxConcurrentRequests: true}}
	h.t.Cleanup(tr.CloseIdleConnections)
	return &http.Client{Transport: tr}
}

func (h *house) url(path string) string {
	if h.secure {
		return "https://" + h.addr + path
	}
	return "http://" + h.addr + path
}

// do sends a request and gives the answer with its body. It may be called from any
// goroutine.
func (h *house) do(c *http.Client, req *http.Request) (*http.Response, string) {
	h.t.Helper()
	res, err := c.Do(req)
	if err != nil {
		h.t.Error(err)
		return new(http.Response), ""
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		h.t.Errorf("%v after %.100q", err, body)
	}
	return res, string(body)
}

func (h *house) get(c *http.Client, path string) (*http.Response, string) {
	h.t.Helper()
	return h.do(c, h.request("GET", path, nil))
}

func (h *house) request(method, path string, body io.Reader) *http.Request {
	h.t.Helper()
	req, err := http.NewRequestWithContext(h.t.Context(), method, h.url(path), body)
	if err != nil {
		h.t.Error(err)
	}
	return req
}

// entry is what the log was told next.
func (h *house) entry() proxy.Entry {
	h.t.Helper()
	return receive(h.t, h.logged)
}

func receive[T any](t testing.TB, c <-chan T) T {
	t.Helper()
	select {
	case v := <-c:
		return v
	case <-time.After(patience):
		t.Fatal("it did not come")
		panic("unreachable")
	}
}

// offer lets what there is no room for go.
func offer[T any](c chan<- T, v T) {
	select {
	case c <- v:
	default:
	}
}

// until waits for a condition.
func until(t testing.TB, what string, is func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !is(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("waited in vain: %s", what)
		}
	}
}

// module is a server on a unix socket: HTTP/1.1, and HTTP/2 with prior knowledge. It is a
// proxy.Target.
type module struct {
	name   string
	socket string
	route  proxy.Route
	keep   int64
	server *http.Server
	done   chan proxy.Outcome
	answer chan proxy.Answer

	mu     sync.Mutex
	live   map[*exchange]struct{}
	conns  map[net.Conn]string // open, by protocol
	opened int
	retire []func()
}

func newModule(t testing.TB, name string, handler http.HandlerFunc) *module {
	t.Helper()
	m := listening(t, name)
	l, err := net.Listen("unix", m.socket)
	if err != nil {
		t.Fatal(err)
	}
	var protocols http.Protocols
	protocols.SetHTTP1(true)
	protocols.SetUnencryptedHTTP2(true)
	m.server = &http.Server{Handler: handler, Protocols: &protocols}
	served := make(chan error, 1)
	go func() { served <- m.server.Serve(&counting{l, m}) }()
	t.Cleanup(func() {
		m.server.Close()
		<-served
	})
	return m
}

// listening is one that somebody else is to serve.
func listening(t testing.TB, name string) *module {
	return &module{name: name, socket: filepath.Join(t.TempDir(), "s"), route: proxy.Route{Module: name, Pattern: "/" + name},
		done: make(chan proxy.Outcome, 100), answer: make(chan proxy.Answer, 100), live: map[*exchange]struct{}{}, conns: map[net.Conn]string{}}
}

// counting counts the connections to a module.
type counting struct {
	net.Listener
	m *module
}

func (c *counting) Accept() (net.Conn, error) {
	conn, err := c.Listener.Accept()
	if err != nil {
		return nil, err
	}
	c.m.mu.Lock()
	defer c.m.mu.Unlock()
	c.m.opened++
	counted := &countedConn{Conn: conn, m: c.m}
	c.m.conns[counted] = ""
	return counted, nil
}

type countedConn struct {
	net.Conn
	m    *module
	once sync.Once
}

func (c *countedConn) Close() error {
	err := c.Conn.Close()
	c.once.Do(func() {
		c.m.mu.Lock()
		defer c.m.mu.Unlock()
		delete(c.m.conns, c)
	})
	return err
}

// connections are how many there were, and are.
func (m *module) connections() (opened, open int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.opened, len(m.conns)
}

func (m *module) Labels() proxy.Labels {
	return proxy.Labels{Module: m.name, Version: "1.0.0", Instance: m.name + "-1"}
}

func (m *module) Dial(ctx context.Context) (net.Conn, error) {
	var d net.Dialer
	return d.DialContext(ctx, "unix", m.socket)
}

func (m *module) OnRetire(f func()) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.retire = append(m.retire, f)
}

// goAway asks all requests of the module to end.
func (m *module) goAway() {
	m.mu.Lock()
	defer m.mu.Unlock()
	for x := range m.live {
		x.request.GoAway()
	}
}

// byPath directs by the first segment, or all to the only one.
type byPath []*module

func (d byPath) Direct(_ context.Context, r *proxy.Request) (proxy.Exchange, error) {
	for _, m := range d {
		if len(d) == 1 || strings.HasPrefix(r.Path, "/"+m.name) {
			r.Route = &m.route
			x := &exchange{module: m, request: r}
			m.mu.Lock()
			defer m.mu.Unlock()
			m.live[x] = struct{}{}
			return x, nil
		}
	}
	return nil, proxy.ErrNoRoute
}

// exchange notes how it ended.
type exchange struct {
	*module
	request *proxy.Request
}

func (x *exchange) Target() proxy.Target              { return x.module }
func (x *exchange) Keep() int64                       { return x.keep }
func (*exchange) OnRecall(func() bool)                {}
func (*exchange) Tap() proxy.Tap                      { return nil }
func (*exchange) Sent(time.Time)                      {}
func (x *exchange) Answered(a proxy.Answer)           { offer(x.answer, a) }
func (*exchange) Replay(proxy.Outcome) proxy.Exchange { return nil }

func (x *exchange) Done(o proxy.Outcome) {
	x.mu.Lock()
	delete(x.live, x)
	x.mu.Unlock()
	offer(x.done, o)
}

// refusing directs nothing.
type refusing struct{ err error }

func (d refusing) Direct(context.Context, *proxy.Request) (proxy.Exchange, error) { return nil, d.err }
