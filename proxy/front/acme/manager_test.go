package acme_test

import (
	"context"
	"crypto/tls"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/segue-run/segue/proxy"
	"github.com/segue-run/segue/proxy/front"
	"github.com/segue-run/segue/proxy/front/acme"
)

const patience = 20 * time.Second

// nobody is an engine for connections that only shake hands.
type nobody struct{}

func (nobody) Serve(conn *proxy.Conn)         { conn.Close() }
func (nobody) Shutdown(context.Context) error { return nil }
func (nobody) Stats() proxy.Stats             { return proxy.Stats{} }

// house is a front whose certificates come from a Manager.
type house struct {
	t testing.TB
	*acme.Manager
	addr string
	stop func() // ends Run and waits for it
}

func newHouse(t testing.TB, a *authority, run bool, cfg acme.Config) *house {
	t.Helper()
	cfg.Directory, cfg.Roots = a.url("/directory"), a.roots()
	m, err := acme.Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	h := &house{t: t, Manager: m, addr: l.Addr().String()}
	a.mu.Lock()
	a.target = h.addr
	a.mu.Unlock()
	f := front.New(front.Config{H1: nobody{}, H2: nobody{}})
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := f.ServeWith(l, front.Options{TLS: &tls.Config{GetCertificate: m.Get, NextProtos: []string{"h2", "http/1.1", acme.Protocol}}}); err != nil {
			t.Errorf("serve: %v", err)
		}
	})
	ctx, cancel := context.WithCancel(context.Background())
	end := func() {
		if err := m.Run(ctx); err != nil {
			t.Errorf("run: %v", err)
		}
	}
	if run {
		wg.Go(end)
	}
	h.stop = sync.OnceFunc(func() {
		cancel()
		if !run {
			end()
		}
		if err := f.Shutdown(context.Background()); err != nil {
			t.Errorf("shutdown: %v", err)
		}
		wg.Wait()
	})
	t.Cleanup(h.stop)
	return h
}

// shake makes a handshake, as a user who trusts the authority.
func (h *house) shake(a *authority, host string) (*tls.ConnectionState, error) {
	dialer := &net.Dialer{Timeout: patience}
	conn, err := tls.DialWithDialer(dialer, "tcp", h.addr, &tls.Config{RootCAs: a.pool, ServerName: host, NextProtos: []string{"h2"}})
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	state := conn.ConnectionState()
	return &state, nil
}

func (h *house) serial(a *authority, host string) int64 {
	h.t.Helper()
	state, err := h.shake(a, host)
	if err != nil {
		h.t.Fatal(err)
	}
	return state.PeerCertificates[0].SerialNumber.Int64()
}

func TestCertificateIsObtainedByTheFirstHandshakesAndKept(t *testing.T) {
	a, dir := newAuthority(t), filepath.Join(t.TempDir(), "acme")
	h := newHouse(t, a, false, acme.Config{Hosts: []string{"a.example.test", "b.example.test"}, Dir: dir, Email: "ops@example.test"})
	var clients sync.WaitGroup
	for range 5 {
		clients.Go(func() {
			if _, err := h.shake(a, "A.example.test"); err != nil {
				t.Errorf("handshake: %v", err)
			}
		})
	}
	clients.Wait()
	if n := a.orderCount(); n != 1 {
		t.Errorf("%d orders for one host", n)
	}
	first := h.serial(a, "a.example.test")
	h.stop()
	if info, err := os.Stat(dir); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("%v %v", info.Mode(), err)
	}
	again := newHouse(t, a, false, acme.Config{Hosts: []string{"a.example.test"}, Dir: dir})
	if got := again.serial(a, "a.example.test"); got != first || a.orderCount() != 1 {
		t.Errorf("certificate %d after %d orders, want the kept one, %d", got, a.orderCount(), first)
	}
}

func TestAllCertificatesAreObtainedBeforeAnybodyAsks(t *testing.T) {
	logs, seen := observer.New(zap.InfoLevel)
	a := newAuthority(t)
	h := newHouse(t, a, true, acme.Config{Hosts: []string{"a.example.test", "b.example.test."}, Dir: t.TempDir(), Logger: zap.New(logs)})
	for deadline := time.Now().Add(patience); seen.FilterMessage("certificate at hand").Len() < 2; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("logged %v", seen.All())
		}
	}
	orders := a.orderCount()
	for _, host := range []string{"a.example.test", "b.example.test"} {
		h.serial(a, host)
	}
	if n := a.orderCount(); orders != 2 || n != 2 {
		t.Errorf("%d orders before, and %d after", orders, n)
	}
}

func TestNothingIsAskedForOtherHosts(t *testing.T) {
	a := newAuthority(t)
	h := newHouse(t, a, false, acme.Config{Hosts: []string{"a.example.test"}, Dir: t.TempDir()})
	for _, host := range []string{"b.example.test", "x.a.example.test", "example.test", ""} {
		if _, err := h.shake(a, host); err == nil {
			t.Errorf("%q has a certificate", host)
		}
	}
	if n := a.orderCount(); n != 0 {
		t.Errorf("%d orders", n)
	}
}

func TestRefusalFailsTheHandshakeAndIsLoggedOnce(t *testing.T) {
	logs, seen := observer.New(zap.WarnLevel)
	a := newAuthority(t)
	a.refuse = true
	h := newHouse(t, a, false, acme.Config{Hosts: []string{"a.example.test"}, Dir: t.TempDir(), Logger: zap.New(logs)})
	for range 3 {
		if _, err := h.shake(a, "a.example.test"); err == nil {
			t.Fatal("the handshake succeeds")
		}
	}
	if all := seen.FilterMessage("certificate not obtained").All(); len(all) != 1 || !strings.Contains(all[0].ContextMap()["error"].(string), "not this one") {
		t.Errorf("logged %v", all)
	}
}

func TestShutdownDoesNotWaitForAnAuthorityThatHangs(t *testing.T) {
	a := newAuthority(t)
	a.hold = make(chan struct{})
	h := newHouse(t, a, true, acme.Config{Hosts: []string{"a.example.test"}, Dir: t.TempDir()})
	failed := make(chan error, 1)
	go func() {
		_, err := h.shake(a, "a.example.test")
		failed <- err
	}()
	for deadline := time.Now().Add(patience); ; time.Sleep(10 * time.Millisecond) {
		a.mu.Lock()
		asked := len(a.accounts) > 0
		a.mu.Unlock()
		if asked {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("nobody is asked")
		}
	}
	h.stop()
	if err := <-failed; err == nil {
		t.Error("the handshake succeeds")
	}
	close(a.hold)
	client, server := net.Pipe()
	defer client.Close()
	go func() { _ = tls.Client(client, &tls.Config{ServerName: "a.example.test"}).Handshake() }()
	if err := tls.Server(server, &tls.Config{GetCertificate: h.Get}).Handshake(); err == nil || !strings.Contains(err.Error(), "shutting down") {
		t.Errorf("a Manager that has ended: %v", err)
	}
}

func TestHostsThatCannotBeProvenAreRefused(t *testing.T) {
	for _, hosts := range [][]string{nil, {"*.example.test"}, {"192.0.2.1"}, {"::1"}, {"localhost"}, {"a.example.test:443"}, {"https://a.example.test"}, {""}} {
		if _, err := acme.Open(acme.Config{Hosts: hosts, Dir: t.TempDir()}); err == nil {
			t.Errorf("%q is taken", hosts)
		}
	}
}
