package front_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/segue-run/segue/proxy"
	"github.com/segue-run/segue/proxy/front"
)

// patience is how long a test waits for what must come.
const patience = 20 * time.Second

// report is what the engine of the tests answers every request with.
type report struct {
	Engine, Address, Name, Path string
	Trusted, Secure             bool
}

// engine is one that only tells who asks. Its Serve lasts as long as the connection.
type engine struct {
	name  string
	serve func(*proxy.Conn, http.Handler)

	mu     sync.Mutex
	closed bool
	open   map[*proxy.Conn]struct{}
	wg     sync.WaitGroup
}

func (e *engine) Serve(conn *proxy.Conn) {
	e.mu.Lock()
	if e.closed {
		e.mu.Unlock()
		conn.Close()
		return
	}
	e.open[conn] = struct{}{}
	e.wg.Add(1)
	e.mu.Unlock()
	defer e.wg.Done()
	defer func() {
		conn.Close()
		e.mu.Lock()
		delete(e.open, conn)
		e.mu.Unlock()
	}()
	e.serve(conn, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_ = json.NewEncoder(w).Encode(report{Engine: e.name, Address: conn.Peer.Addr.String(), Name: conn.Peer.ServerName,
			Path: r.URL.Path, Trusted: conn.Peer.Trusted, Secure: conn.Peer.Secure})
	}))
}

func (e *engine) Shutdown(context.Context) error {
	e.mu.Lock()
	e.closed = true
	for conn := range e.open {
		conn.Conn.Close()
	}
	e.mu.Unlock()
	e.wg.Wait()
	return nil
}

func (e *engine) Stats() proxy.Stats {
	e.mu.Lock()
	defer e.mu.Unlock()
	return proxy.Stats{Connections: len(e.open)}
}

func serveH1(conn *proxy.Conn, h http.Handler) {
	r := bufio.NewReaderSize(conn, 512)
	for {
		req, err := http.ReadRequest(r)
		if err != nil {
			return
		}
		w := &answer{header: http.Header{}}
		h.ServeHTTP(w, req)
		res := http.Response{StatusCode: 200, ProtoMajor: 1, ProtoMinor: 1, Header: w.header,
			ContentLength: int64(w.body.Len()), Body: io.NopCloser(&w.body)}
		if res.Write(conn) != nil {
			return
		}
	}
}

type answer struct {
	header http.Header
	body   bytes.Buffer
}

func (a *answer) Header() http.Header         { return a.header }
func (a *answer) WriteHeader(int)             {}
func (a *answer) Write(p []byte) (int, error) { return a.body.Write(p) }

func serveH2(conn *proxy.Conn, h http.Handler) {
	protocols := new(http.Protocols)
	protocols.SetUnencryptedHTTP2(true)
	one := &single{conns: make(chan net.Conn, 1), closed: make(chan struct{})}
	one.conns <- conn
	server := &http.Server{Handler: h, Protocols: protocols, ConnState: func(_ net.Conn, s http.ConnState) {
		if s == http.StateClosed {
			one.Close()
		}
	}}
	_ = server.Serve(one)
}

// single is a listener of one connection.
type single struct {
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func (s *single) Accept() (net.Conn, error) {
	select {
	case conn := <-s.conns:
		return conn, nil
	case <-s.closed:
		return nil, net.ErrClosed
	}
}

func (s *single) Close() error   { s.once.Do(func() { close(s.closed) }); return nil }
func (s *single) Addr() net.Addr { return &net.TCPAddr{} }

// house is a front on real ports.
type house struct {
	t testing.TB
	*front.Front
	served sync.WaitGroup
}

func newHouse(t testing.TB, cfg front.Config) *house {
	t.Helper()
	cfg.H1 = &engine{name: "h1", serve: serveH1, open: map[*proxy.Conn]struct{}{}}
	cfg.H2 = &engine{name: "h2", serve: serveH2, open: map[*proxy.Conn]struct{}{}}
	h := &house{t: t, Front: front.New(cfg)}
	t.Cleanup(func() {
		if err := h.Shutdown(context.Background()); err != nil {
			t.Errorf("shutdown: %v", err)
		}
		h.served.Wait()
		if n := h.Counts().Open; n != 0 {
			t.Errorf("%d connections are counted still", n)
		}
	})
	return h
}

// listen has the front serve a port.
func (h *house) listen(o front.Options) string {
	h.t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		h.t.Fatal(err)
	}
	h.served.Go(func() {
		if err := h.ServeWith(l, o); err != nil {
			h.t.Errorf("serve: %v", err)
		}
	})
	return l.Addr().String()
}

// dial connects, from a loopback address where one is given.
func dial(t testing.TB, addr string, from ...string) net.Conn {
	t.Helper()
	var d net.Dialer
	if len(from) > 0 {
		d.LocalAddr = &net.TCPAddr{IP: net.ParseIP(from[0])}
	}
	conn, err := d.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(patience))
	return conn
}

// ask sends a request over a connection in HTTP/1.1.
func ask(conn net.Conn, path string) (report, error) {
	if _, err := io.WriteString(conn, "GET "+path+" HTTP/1.1\r\nHost: a\r\n\r\n"); err != nil {
		return report{}, err
	}
	return read(conn)
}

func read(conn net.Conn) (r report, err error) {
	res, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		return r, err
	}
	defer res.Body.Close()
	return r, json.NewDecoder(res.Body).Decode(&r)
}

func mustAsk(t testing.TB, conn net.Conn, path string) report {
	t.Helper()
	r, err := ask(conn, path)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// closed waits until the other side has closed the connection, without a byte.
func closed(t testing.TB, conn net.Conn) {
	t.Helper()
	n, err := conn.Read(make([]byte, 1))
	if timeout, ok := err.(net.Error); n != 0 || err == nil || ok && timeout.Timeout() {
		t.Fatalf("the connection is not closed: %d bytes, %v", n, err)
	}
}

// eventually waits until ok says so.
func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("never: %s", what)
		}
	}
}

// authority signs certificates.
type authority struct {
	t    testing.TB
	key  *ecdsa.PrivateKey
	cert *x509.Certificate
	pool *x509.CertPool
	next int64
}

func newAuthority(t testing.TB) *authority {
	t.Helper()
	a := &authority{t: t, pool: x509.NewCertPool(), next: 1}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	a.key = key
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test"}, NotBefore: time.Now().Add(-time.Hour),
		NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	if a.cert, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	a.pool.AddCert(a.cert)
	return a
}

// issue makes a certificate for hosts.
func (a *authority) issue(hosts ...string) tls.Certificate {
	a.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		a.t.Fatal(err)
	}
	a.next++
	template := &x509.Certificate{SerialNumber: big.NewInt(a.next), Subject: pkix.Name{CommonName: hosts[0]}, NotBefore: time.Now().Add(-time.Hour),
		NotAfter: time.Now().Add(time.Hour), DNSNames: hosts, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, key.Public(), a.key)
	if err != nil {
		a.t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

func decode(t testing.TB, from io.Reader) (r report) {
	t.Helper()
	if err := json.NewDecoder(from).Decode(&r); err != nil {
		t.Fatal(err)
	}
	return r
}

var loopback = prefix("127.0.0.0/8")

func prefix(s string) netip.Prefix { return netip.MustParsePrefix(s) }

// fetch is a request over a connection, and its answer's body.
func fetch(t testing.TB, conn net.Conn, path string) string {
	t.Helper()
	if _, err := io.WriteString(conn, "GET "+path+" HTTP/1.1\r\nHost: a\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	res, err := http.ReadResponse(bufio.NewReaderSize(conn, 512), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

// serverTLS is a port's configuration with a certificate for a.test.
func serverTLS(a *authority) *tls.Config {
	return &tls.Config{Certificates: []tls.Certificate{a.issue("a.test")}}
}
