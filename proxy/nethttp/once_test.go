package nethttp_test

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/segue-run/segue/proxy"
)

// poisoned is a module whose process ends over each request for /poison: it reads it and
// closes its connection, which it has kept from an answer before.
func poisoned(t *testing.T) (m *module, got *atomic.Int32) {
	t.Helper()
	m, got = listening(t, "hello"), new(atomic.Int32)
	l, err := net.Listen("unix", m.socket)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				for r := bufio.NewReader(conn); ; {
					req, err := http.ReadRequest(r)
					if err != nil {
						return
					}
					_, _ = io.Copy(io.Discard, req.Body)
					if strings.HasPrefix(req.URL.Path, "/poison") {
						got.Add(1)
						return
					}
					_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
				}
			}()
		}
	}()
	return m, got
}

func TestARequestThatEndsItsModulesProcessGoesOutOnce(t *testing.T) {
	m, got := poisoned(t)
	h := newHouse(t, proxy.Config{}, false, m)
	c := h.client()
	for i, change := range []func(*http.Request){
		func(*http.Request) {},
		func(r *http.Request) { r.Method = "HEAD" },
		func(r *http.Request) { r.Method = "OPTIONS" },
		func(r *http.Request) { r.Method = "DELETE"; r.Header.Set("Idempotency-Key", "1") },
		func(r *http.Request) { r.Method = "POST"; r.Header.Set("Idempotency-Key", "1") },
		func(r *http.Request) { r.Method = "PUT"; r.Header.Set("X-Idempotency-Key", "1") },
	} {
		// Several kept connections, of which each is as good as another for a second try.
		res, _ := h.get(c, "/")
		if res.StatusCode != 200 {
			t.Fatal(res.Status)
		}
		receive(t, m.done)
		req := h.request("GET", "/poison", nil)
		change(req)
		res, _ = h.do(c, req)
		if res.StatusCode != http.StatusBadGateway {
			t.Errorf("%s: %s", req.Method, res.Status)
		}
		if o := receive(t, m.done); o.Class != proxy.ClassTransport {
			t.Errorf("%s: outcome %+v", req.Method, o)
		}
		if n := got.Load(); n != int32(i+1) {
			t.Errorf("%s: the module got it %d times", req.Method, n-int32(i))
		}
	}
	if s := h.engine.Stats(); s.Retried != 0 {
		t.Errorf("%d retried", s.Retried)
	}
}

func TestOverAConnectionThatWasDeadBeforeARequestIsSentAnew(t *testing.T) {
	var asked atomic.Int32
	m := newModule(t, "hello", func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		if r.URL.Path == "/first" {
			conn, _, err := http.NewResponseController(w).Hijack()
			if err != nil {
				panic(err)
			}
			_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
			conn.Close()
			return
		}
		_, _ = io.WriteString(w, "ok")
	})
	h := newHouse(t, proxy.Config{}, false, m)
	c := h.client()
	for range 50 {
		for _, path := range []string{"/first", "/second"} {
			if res, body := h.get(c, path); res.StatusCode != 200 || body != "ok" {
				t.Fatalf("%s: %s %s", path, res.Status, body)
			}
			if o := receive(t, m.done); o.Class != proxy.ClassOK {
				t.Fatalf("outcome %+v", o)
			}
			if path == "/first" {
				until(t, "the module closes the connection that was kept", func() bool { _, open := m.connections(); return open == 0 })
			}
		}
	}
	if n := asked.Load(); n != 100 {
		t.Errorf("the module got %d requests", n)
	}
}
