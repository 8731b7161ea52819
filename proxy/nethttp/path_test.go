package nethttp_test

import (
	"io"
	"net"
	"net/http"
	"testing"

	"github.com/segue-run/segue/proxy"
)

func TestAPathThatHasOddCharactersIsReadAsItWasSent(t *testing.T) {
	m := newModule(t, "hello", func(_ http.ResponseWriter, r *http.Request) { t.Errorf("it came to the module as %s", r.RequestURI) })
	h := newHouse(t, proxy.Config{}, false, m)
	w := h.wire(t)
	for _, path := range []string{`/x"%2f..%2fadmin`, `/x|%2f..%2fadmin`, `/x^%2f..%2fadmin`, `/x"/%2e%2e%2f..%2fadmin`} {
		w.send(request(map[string]string{":path": path}), true)
		if got := w.answer(); got != "400" {
			t.Errorf("HTTP/2, %s: %s", path, got)
		}
		for _, target := range []string{path, "http://x" + path} {
			conn, err := net.Dial("tcp", h.addr)
			if err != nil {
				t.Fatal(err)
			}
			_, _ = io.WriteString(conn, "GET "+target+" HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
			answer, err := io.ReadAll(conn)
			if conn.Close(); err != nil || len(answer) < 12 || string(answer[9:12]) != "400" {
				t.Errorf("HTTP/1.1, %s: %.20q, %v", target, answer, err)
			}
		}
	}
}

func TestTheTargetOfARequestMayNameItsHost(t *testing.T) {
	m := newModule(t, "hello", func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, r.RequestURI) })
	h := newHouse(t, proxy.Config{}, false, m)
	for target, want := range map[string]string{"http://x": "/", "http://x?a=/b": "/?a=/b", "http://x/a?b": "/a?b", "/http://x/a": "/http:/x/a"} {
		conn, err := net.Dial("tcp", h.addr)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.WriteString(conn, "GET "+target+" HTTP/1.0\r\nHost: x\r\n\r\n")
		answer, err := io.ReadAll(conn)
		if conn.Close(); err != nil || len(answer) < len(want) || string(answer[len(answer)-len(want):]) != want {
			t.Errorf("%s: %q, %v", target, answer, err)
		}
	}
}
