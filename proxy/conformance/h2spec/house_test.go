package h2spec_test

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
	"testing"
	"time"

	"github.com/segue-run/segue/proxy"
	"github.com/segue-run/segue/proxy/front"
	"github.com/segue-run/segue/proxy/nethttp"
)

// patience is how long a test waits for what must come.
const patience = 30 * time.Second

// module is a web server on a unix socket, and who sends all to it.
type module struct{ socket string }

func newModule(t *testing.T) *module {
	t.Helper()
	m := &module{filepath.Join(t.TempDir(), "s")}
	l, err := net.Listen("unix", m.socket)
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		_, _ = io.WriteString(w, strings.Repeat("answer ", 200))
	})}
	done := make(chan error, 1)
	go func() { done <- server.Serve(l) }()
	t.Cleanup(func() {
		server.Close()
		<-done
	})
	return m
}

func (*module) Labels() proxy.Labels {
	return proxy.Labels{Module: "hello", Version: "1.0.0", Instance: "i1"}
}
func (*module) OnRetire(func()) {}

func (m *module) Dial(ctx context.Context) (net.Conn, error) {
	var d net.Dialer
	return d.DialContext(ctx, "unix", m.socket)
}

func (m *module) Direct(_ context.Context, r *proxy.Request) (proxy.Exchange, error) {
	r.Route = &proxy.Route{Module: "hello", Pattern: "/"}
	return exchange{m}, nil
}

type exchange struct{ *module }

func (e exchange) Target() proxy.Target              { return e.module }
func (exchange) Keep() int64                         { return 0 }
func (exchange) OnRecall(func() bool)                {}
func (exchange) Tap() proxy.Tap                      { return nil }
func (exchange) Sent(time.Time)                      {}
func (exchange) Answered(proxy.Answer)               {}
func (exchange) Replay(proxy.Outcome) proxy.Exchange { return nil }
func (exchange) Done(proxy.Outcome)                  {}

// proxied is the address of a proxy before a module.
func proxied(t *testing.T, secure bool) string {
	t.Helper()
	engine := nethttp.New(proxy.Config{Director: newModule(t)})
	f := front.New(front.Config{H1: engine, H2: engine})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
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
	return l.Addr().String()
}

// certificate is one that nobody has signed.
func certificate(t *testing.T) *tls.Config {
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
