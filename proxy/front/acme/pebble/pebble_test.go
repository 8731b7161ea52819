package pebble_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"
	"go.uber.org/zap/zaptest"
	"golang.org/x/net/dns/dnsmessage"

	"github.com/segue-run/segue/proxy"
	"github.com/segue-run/segue/proxy/front"
	"github.com/segue-run/segue/proxy/front/acme"
)

const patience = 20 * time.Second

// autocert tidies up behind an order in a goroutine that nobody can join.
func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("golang.org/x/crypto/acme/autocert.(*Manager).deactivatePendingAuthz"))
}

// nobody is an engine for connections that only shake hands.
type nobody struct{}

func (nobody) Serve(conn *proxy.Conn)         { conn.Close() }
func (nobody) Shutdown(context.Context) error { return nil }
func (nobody) Stats() proxy.Stats             { return proxy.Stats{} }

func TestPebbleIssuesCertificates(t *testing.T) {
	t.Run("by TLS-ALPN-01", func(t *testing.T) { issue(t, false) })
	t.Run("by HTTP-01", func(t *testing.T) { issue(t, true) })
}

// issue has a certificate issued; over HTTP where the port for TLS is not the one that
// Pebble looks at.
func issue(t *testing.T, overHTTP bool) {
	secure, clear := listen(t), listen(t)
	authority := startPebble(t, port(secure), port(clear), overHTTP)
	m, err := acme.Open(acme.Config{Hosts: []string{"a.example.test"}, Dir: t.TempDir(), Email: "ops@example.test", Directory: authority.directory, Roots: authority.roots, Logger: zaptest.NewLogger(t)})
	if err != nil {
		t.Fatal(err)
	}
	f := front.New(front.Config{H1: nobody{}, H2: nobody{}})
	options := front.Options{TLS: &tls.Config{GetCertificate: m.Get, NextProtos: []string{"h2", "http/1.1", acme.Protocol}}}
	plain := front.Options{Handler: front.Redirect("")}
	if overHTTP {
		plain.Handler = m.Challenges(plain.Handler)
	}
	var wg sync.WaitGroup
	wg.Go(func() { _ = f.ServeWith(secure, options) })
	wg.Go(func() { _ = f.ServeWith(clear, plain) })
	ctx, cancel := context.WithCancel(context.Background())
	wg.Go(func() { _ = m.Run(ctx) })
	t.Cleanup(func() {
		cancel()
		if err := f.Shutdown(context.Background()); err != nil {
			t.Errorf("shutdown: %v", err)
		}
		wg.Wait()
	})
	var state tls.ConnectionState
	eventually(t, "a certificate", func() error {
		conn, err := tls.Dial("tcp", secure.Addr().String(), &tls.Config{RootCAs: authority.issued(t), ServerName: "a.example.test"})
		if err != nil {
			return err
		}
		defer conn.Close()
		state = conn.ConnectionState()
		return nil
	})
	if names := state.PeerCertificates[0].DNSNames; len(names) != 1 || names[0] != "a.example.test" {
		t.Errorf("the certificate is for %v", names)
	}
}

func listen(t *testing.T) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

func port(l net.Listener) int { return l.Addr().(*net.TCPAddr).Port }

func eventually(t *testing.T, what string, try func() error) {
	t.Helper()
	var err error
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(100 * time.Millisecond) {
		if err = try(); err == nil {
			return
		}
	}
	t.Fatalf("never: %s: %v", what, err)
}

// running is a Pebble.
type running struct {
	directory, management string
	roots                 *x509.CertPool // of its own HTTPS
	client                *http.Client
}

// startPebble builds and starts one, which finds every host on loopback.
func startPebble(t *testing.T, tlsPort, httpPort int, overHTTP bool) *running {
	t.Helper()
	dir := t.TempDir()
	binary := filepath.Join(dir, "pebble")
	if out, err := exec.Command("go", "build", "-o", binary, "github.com/letsencrypt/pebble/v2/cmd/pebble").CombinedOutput(); err != nil {
		t.Fatalf("build pebble: %v\n%s", err, out)
	}
	own, management := listen(t), listen(t)
	r := &running{directory: fmt.Sprintf("https://127.0.0.1:%d/dir", port(own)), management: fmt.Sprintf("https://127.0.0.1:%d", port(management)), roots: x509.NewCertPool()}
	r.certify(t, dir)
	r.client = &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: r.roots}, DisableKeepAlives: true}, Timeout: 5 * time.Second}
	if overHTTP {
		tlsPort = 1 // nobody is there
	}
	config, err := json.Marshal(map[string]any{"pebble": map[string]any{
		"listenAddress": own.Addr().String(), "managementListenAddress": management.Addr().String(),
		"certificate": filepath.Join(dir, "cert.pem"), "privateKey": filepath.Join(dir, "key.pem"),
		"httpPort": httpPort, "tlsPort": tlsPort, "retryAfter": map[string]int{"authz": 1, "order": 1},
		"profiles": map[string]any{"default": map[string]any{"description": "default", "validityPeriod": 86400}},
	}})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "config.json"), config, 0o600); err != nil {
		t.Fatal(err)
	}
	own.Close()
	management.Close()
	cmd := exec.Command(binary, "-config", filepath.Join(dir, "config.json"), "-dnsserver", serveDNS(t))
	cmd.Env = append(os.Environ(), "PEBBLE_VA_NOSLEEP=1")
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	var log bytes.Buffer
	cmd.Stdout, cmd.Stderr = &log, &log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		if t.Failed() {
			t.Logf("pebble: %s", log.String())
		}
	})
	eventually(t, "pebble answers", func() error {
		res, err := r.client.Get(r.directory)
		if err == nil {
			res.Body.Close()
		}
		return err
	})
	return r
}

// certify makes the certificate that Pebble's own HTTPS has.
func (r *running) certify(t *testing.T, dir string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	for name, block := range map[string]*pem.Block{"cert.pem": {Type: "CERTIFICATE", Bytes: der}, "key.pem": {Type: "PRIVATE KEY", Bytes: private}} {
		if err := os.WriteFile(filepath.Join(dir, name), pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if !r.roots.AppendCertsFromPEM(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})) {
		t.Fatal("the certificate is none")
	}
}

// issued trusts what Pebble signs.
func (r *running) issued(t *testing.T) *x509.CertPool {
	t.Helper()
	res, err := r.client.Get(r.management + "/roots/0")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	root, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(root)
	return pool
}

// serveDNS answers, over TCP, that every host is on loopback.
func serveDNS(t *testing.T) string {
	t.Helper()
	l := listen(t)
	var wg sync.WaitGroup
	t.Cleanup(func() {
		l.Close()
		wg.Wait()
	})
	wg.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			wg.Go(func() {
				defer conn.Close()
				_ = conn.SetDeadline(time.Now().Add(patience))
				for answerDNS(conn) == nil {
				}
			})
		}
	})
	return l.Addr().String()
}

func answerDNS(conn net.Conn) error {
	var size [2]byte
	if _, err := io.ReadFull(conn, size[:]); err != nil {
		return err
	}
	asked := make([]byte, binary.BigEndian.Uint16(size[:]))
	if _, err := io.ReadFull(conn, asked); err != nil {
		return err
	}
	var m dnsmessage.Message
	if err := m.Unpack(asked); err != nil {
		return err
	}
	q := m.Questions[0]
	m.Response, m.RecursionAvailable, m.Additionals = true, true, nil
	if q.Type == dnsmessage.TypeA {
		m.Answers = []dnsmessage.Resource{{Header: dnsmessage.ResourceHeader{Name: q.Name, Type: q.Type, Class: q.Class, TTL: 1}, Body: &dnsmessage.AResource{A: [4]byte{127, 0, 0, 1}}}}
	}
	out, err := m.AppendPack(make([]byte, 2, 512))
	if err != nil {
		return err
	}
	binary.BigEndian.PutUint16(out, uint16(len(out)-2))
	_, err = conn.Write(out)
	return err
}
