package interop_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"path/filepath"
	"testing"
	"time"

	"go.uber.org/goleak"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/grpclog"
	"google.golang.org/grpc/interop"
	testgrpc "google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/grpc/orca"

	"github.com/segue-run/segue/proxy"
	"github.com/segue-run/segue/proxy/front"
	"github.com/segue-run/segue/proxy/nethttp"
)

// patience is how long a test waits for what must come.
const patience = 30 * time.Second

func TestMain(m *testing.M) {
	grpclog.SetLoggerV2(fatal{grpclog.NewLoggerV2(discard{}, discard{}, discard{})})
	goleak.VerifyTestMain(m)
}

type discard struct{}

func (discard) Write(p []byte) (int, error) { return len(p), nil }

// fatal turns what ends the interoperability client's process into what ends a test.
type fatal struct{ grpclog.LoggerV2 }

type failure string

func (fatal) Fatal(args ...any)                 { panic(failure(fmt.Sprint(args...))) }
func (fatal) Fatalln(args ...any)               { panic(failure(fmt.Sprintln(args...))) }
func (fatal) Fatalf(format string, args ...any) { panic(failure(fmt.Sprintf(format, args...))) }

// server is gRPC's test server on a unix socket, served by gRPC's own HTTP/2.
func server(t *testing.T) string {
	s := newServer()
	socket, l := listen(t)
	done := make(chan error, 1)
	go func() { done <- s.Serve(l) }()
	t.Cleanup(func() {
		s.Stop()
		<-done
	})
	return socket
}

// handler is the same, served by net/http, as a module's server is.
func handler(t *testing.T) string {
	s := newServer()
	var protocols http.Protocols
	protocols.SetHTTP1(true)
	protocols.SetUnencryptedHTTP2(true)
	module := &http.Server{Handler: s, Protocols: &protocols}
	socket, l := listen(t)
	done := make(chan error, 1)
	go func() { done <- module.Serve(l) }()
	t.Cleanup(func() {
		module.Close()
		<-done
		s.Stop()
	})
	return socket
}

func newServer() *grpc.Server {
	s := grpc.NewServer(orca.CallMetricsServerOption(nil))
	testgrpc.RegisterTestServiceServer(s, interop.NewTestServer())
	return s
}

func listen(t *testing.T) (string, net.Listener) {
	t.Helper()
	socket := filepath.Join(t.TempDir(), "s")
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	return socket, l
}

// target is the server, as the proxy sees it, and who sends all to it.
type target struct{ socket string }

func (target) Labels() proxy.Labels {
	return proxy.Labels{Module: "calls", Version: "1.0.0", Instance: "i1"}
}
func (target) OnRetire(func()) {}

func (t target) Dial(ctx context.Context) (net.Conn, error) {
	var d net.Dialer
	return d.DialContext(ctx, "unix", t.socket)
}

type director struct{ target *target }

func (d director) Direct(_ context.Context, r *proxy.Request) (proxy.Exchange, error) {
	r.Route = &proxy.Route{Module: "calls", Pattern: "/"}
	return exchange{d.target}, nil
}

type exchange struct{ target *target }

func (e exchange) Target() proxy.Target              { return e.target }
func (exchange) Keep() int64                         { return 0 }
func (exchange) OnRecall(func() bool)                {}
func (exchange) Tap() proxy.Tap                      { return nil }
func (exchange) Sent(time.Time)                      {}
func (exchange) Answered(proxy.Answer)               {}
func (exchange) Replay(proxy.Outcome) proxy.Exchange { return nil }
func (exchange) Done(proxy.Outcome)                  {}

// through is a client of a proxy before the server behind the socket.
func through(t *testing.T, socket string, secure bool) *grpc.ClientConn {
	t.Helper()
	engine := nethttp.New(proxy.Config{Director: director{&target{socket}}})
	f := front.New(front.Config{H1: engine, H2: engine})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	options, creds := front.Options{}, insecure.NewCredentials()
	if secure {
		options.TLS = certificate(t)
		creds = credentials.NewTLS(&tls.Config{InsecureSkipVerify: true})
	}
	served := make(chan error, 1)
	go func() { served <- f.ServeWith(l, options) }()
	conn, err := grpc.NewClient(l.Addr().String(), grpc.WithTransportCredentials(creds))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		conn.Close()
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := f.Shutdown(ctx); err != nil {
			t.Errorf("shutdown: %v", err)
		}
		if err := <-served; err != nil {
			t.Errorf("serve: %v", err)
		}
	})
	return conn
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
