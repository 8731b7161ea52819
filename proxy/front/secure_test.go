package front_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/segue-run/segue/proxy/front"
	"github.com/segue-run/segue/proxy/front/certificate"
)

func TestProtocolIsChosenInTheHandshake(t *testing.T) {
	h := newHouse(t, front.Config{})
	authority := newAuthority(t)
	addr := h.listen(front.Options{TLS: serverTLS(authority)})
	for _, c := range []struct {
		offered      []string
		chosen, want string
	}{{[]string{"h2", "http/1.1"}, "h2", "h2"}, {[]string{"http/1.1"}, "http/1.1", "h1"}, {nil, "", "h1"}} {
		var protocols http.Protocols
		protocols.SetHTTP1(c.want == "h1")
		protocols.SetHTTP2(c.want == "h2")
		transport := &http.Transport{Protocols: &protocols, TLSClientConfig: &tls.Config{RootCAs: authority.pool, NextProtos: c.offered},
			DialContext: func(context.Context, string, string) (net.Conn, error) { return net.Dial("tcp", addr) }}
		r, _ := get(t, transport, "https://a.test/x")
		if r.Engine != c.want || !r.Secure || r.Name != "a.test" {
			t.Errorf("%v: %+v", c.offered, r)
		}
		transport.CloseIdleConnections()
		conn, err := tls.Dial("tcp", addr, &tls.Config{RootCAs: authority.pool, ServerName: "a.test", NextProtos: c.offered})
		if err != nil {
			t.Fatal(err)
		}
		if got := conn.ConnectionState().NegotiatedProtocol; got != c.chosen {
			t.Errorf("%v: chosen %q", c.offered, got)
		}
		conn.Close()
	}
}

func TestWhoChoosesHTTP2AndSpeaksAnotherIsTakenAtItsFirstBytes(t *testing.T) {
	h := newHouse(t, front.Config{})
	authority := newAuthority(t)
	addr := h.listen(front.Options{TLS: serverTLS(authority)})
	for _, parts := range [][]string{{"GET /x HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n"}, {"P", "OST /x HTTP/1.1\r\nHost: a.test\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"}} {
		conn, err := tls.Dial("tcp", addr, &tls.Config{RootCAs: authority.pool, ServerName: "a.test", NextProtos: []string{"h2"}})
		if err != nil {
			t.Fatal(err)
		}
		for _, part := range parts {
			_, _ = io.WriteString(conn, part)
		}
		_ = conn.SetDeadline(time.Now().Add(patience))
		res, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			t.Fatalf("%q: %v", parts, err)
		}
		var r report
		if err := json.NewDecoder(res.Body).Decode(&r); err != nil || r.Engine != "h1" || !r.Secure {
			t.Errorf("%q: %+v %v", parts, r, err)
		}
		conn.Close()
	}
}

func TestOldTLSAndWeakSuitesAreRefused(t *testing.T) {
	h := newHouse(t, front.Config{})
	authority := newAuthority(t)
	addr := h.listen(front.Options{TLS: serverTLS(authority)})
	for name, cfg := range map[string]*tls.Config{
		"TLS 1.1":            {MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11},
		"a CBC suite":        {MaxVersion: tls.VersionTLS12, CipherSuites: []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA}},
		"an unknown in ALPN": {NextProtos: []string{"spdy/3"}},
	} {
		cfg.RootCAs, cfg.ServerName = authority.pool, "a.test"
		if conn, err := tls.Dial("tcp", addr, cfg); err == nil {
			t.Errorf("%s is spoken: %x", name, conn.ConnectionState().CipherSuite)
			conn.Close()
		}
	}
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		conn, err := tls.Dial("tcp", addr, &tls.Config{MaxVersion: version, RootCAs: authority.pool, ServerName: "a.test"})
		if err != nil {
			t.Fatal(err)
		}
		mustAsk(t, conn, "/")
		conn.Close()
	}
	eventually(t, "the refused ones are counted", func() bool { return h.Counts().NoHandshake == 3 })
}

func TestPlainHTTPOnATLSPortIsToldSo(t *testing.T) {
	h := newHouse(t, front.Config{})
	authority := newAuthority(t)
	addr := h.listen(front.Options{TLS: serverTLS(authority)})
	conn := dial(t, addr)
	// With a body that is longer than anybody reads, and a client that ends after it.
	if _, err := io.WriteString(conn, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 20000\r\n\r\n"+strings.Repeat("x", 20_000)); err != nil {
		t.Fatal(err)
	}
	answer, err := io.ReadAll(conn)
	if err != nil || !strings.HasPrefix(string(answer), "HTTP/1.1 400 ") || !strings.Contains(string(answer), "https://") {
		t.Errorf("%q %v", answer, err)
	}
	other := dial(t, addr)
	if _, err := io.WriteString(other, "\x00\x01\x02"); err != nil {
		t.Fatal(err)
	}
	closed(t, other)
}

// write puts a certificate into files, each at once.
func write(t testing.TB, pair certificate.Pair, c tls.Certificate) {
	t.Helper()
	key, err := x509.MarshalPKCS8PrivateKey(c.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	for path, block := range map[string]*pem.Block{
		pair.Certificate: {Type: "CERTIFICATE", Bytes: c.Certificate[0]}, pair.Key: {Type: "PRIVATE KEY", Bytes: key},
	} {
		if err := os.WriteFile(path+".new", pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(path+".new", path); err != nil {
			t.Fatal(err)
		}
	}
}

func TestNewCertificateIsTakenOverUnderTrafficWithoutOneFailedHandshake(t *testing.T) {
	authority := newAuthority(t)
	pair := certificate.Pair{Certificate: filepath.Join(t.TempDir(), "a.pem"), Key: filepath.Join(t.TempDir(), "a.key")}
	write(t, pair, authority.issue("a.test"))
	store, err := certificate.Open(certificate.Config{Pairs: []certificate.Pair{pair}})
	if err != nil {
		t.Fatal(err)
	}
	h := newHouse(t, front.Config{})
	addr := h.listen(front.Options{TLS: &tls.Config{GetCertificate: store.Get}})
	serial := func() (string, error) {
		conn, err := tls.Dial("tcp", addr, &tls.Config{RootCAs: authority.pool, ServerName: "a.test"})
		if err != nil {
			return "", err
		}
		defer conn.Close()
		if _, err := ask(conn, "/"); err != nil {
			return "", fmt.Errorf("ask: %w", err)
		}
		return conn.ConnectionState().PeerCertificates[0].SerialNumber.String(), nil
	}
	var stop atomic.Bool
	var count atomic.Int64
	var clients sync.WaitGroup
	for range 4 {
		clients.Go(func() {
			for !stop.Load() {
				if _, err := serial(); err != nil {
					t.Errorf("handshake: %v", err)
					return
				}
				count.Add(1)
			}
		})
	}
	for range 2 {
		next := authority.issue("a.test")
		leaf, err := x509.ParseCertificate(next.Certificate[0])
		if err != nil {
			t.Fatal(err)
		}
		write(t, pair, next)
		eventually(t, "the new certificate is served", func() bool {
			got, err := serial()
			return err == nil && got == leaf.SerialNumber.String()
		})
	}
	eventually(t, "handshakes were made meanwhile", func() bool { return count.Load() > 20 })
	stop.Store(true)
	clients.Wait()
}

func TestClientThatComesAgainResumesItsSession(t *testing.T) {
	h := newHouse(t, front.Config{})
	authority := newAuthority(t)
	addr := h.listen(front.Options{TLS: serverTLS(authority)})
	cfg := &tls.Config{RootCAs: authority.pool, ServerName: "a.test", ClientSessionCache: tls.NewLRUClientSessionCache(4)}
	for i := range 2 {
		conn, err := tls.Dial("tcp", addr, cfg)
		if err != nil {
			t.Fatal(err)
		}
		mustAsk(t, conn, "/") // its ticket comes with the answer
		if resumed := conn.ConnectionState().DidResume; resumed != (i == 1) {
			t.Errorf("%d: resumed %v", i, resumed)
		}
		conn.Close()
	}
}

func TestHandlerOverTLSSpeaksHTTP1Alone(t *testing.T) {
	h := newHouse(t, front.Config{})
	authority := newAuthority(t)
	cfg := serverTLS(authority)
	cfg.NextProtos = []string{"h2", "http/1.1"}
	addr := h.listen(front.Options{TLS: cfg, Handler: front.Redirect("")})
	conn, err := tls.Dial("tcp", addr, &tls.Config{RootCAs: authority.pool, ServerName: "a.test", NextProtos: []string{"h2", "http/1.1"}})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if got := conn.ConnectionState().NegotiatedProtocol; got != "http/1.1" {
		t.Errorf("chosen %q", got)
	}
	if _, err := io.WriteString(conn, "GET / HTTP/1.1\r\nHost: a.test\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	line := make([]byte, len("HTTP/1.1 308 "))
	if _, err := io.ReadFull(conn, line); err != nil || string(line) != "HTTP/1.1 308 " {
		t.Errorf("%q %v", line, err)
	}
}
