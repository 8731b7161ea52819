package conformance_test

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/segue-run/segue/proxy"
	"github.com/segue-run/segue/proxy/front"
)

// secure opens a connection over TLS to a listener of the house's that is made for it.
func (h *house) secure() (net.Conn, *bufio.Reader) {
	t := h.t
	t.Helper()
	other := httptest.NewTLSServer(nil)
	defer other.Close()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() {
		served <- h.engine.ServeWith(l, front.Options{TLS: &tls.Config{Certificates: other.TLS.Certificates}})
	}()
	t.Cleanup(func() { l.Close(); <-served })
	conn, err := tls.Dial("tcp", l.Addr().String(), &tls.Config{InsecureSkipVerify: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(patience))
	return conn, bufio.NewReader(conn)
}

func TestAClientThatLeavesIsNoticedOverTLS(t *testing.T) {
	began := make(chan struct{}, 1)
	h, m := usual(t, func(w http.ResponseWriter, r *http.Request) {
		began <- struct{}{}
		<-r.Context().Done()
	})
	conn, _ := h.secure()
	io.WriteString(conn, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
	<-began
	conn.Close()
	if o := m.outcome(t); o.Class != proxy.ClassClientGone {
		t.Errorf("outcome %+v", o)
	}
}

func TestAnAnswerThatBreaksOffBreaksOffOverTLS(t *testing.T) {
	h, m := usual(t, func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, "the first half")
		http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	})
	for _, proto := range []string{"1.0", "1.1"} {
		conn, r := h.secure()
		fmt.Fprintf(conn, "GET / HTTP/%s\r\nHost: x\r\n\r\n", proto)
		res, err := http.ReadResponse(r, nil)
		if err != nil {
			t.Fatal(err)
		}
		if body, err := io.ReadAll(res.Body); err == nil {
			t.Errorf("HTTP/%s: a clean end after %q", proto, body)
		}
		if o := m.outcome(t); o.Class != proxy.ClassTransport {
			t.Errorf("HTTP/%s: outcome %+v", proto, o)
		}
	}
}
