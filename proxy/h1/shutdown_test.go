package h1_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/segue-run/segue/proxy"
)

func TestShutdownClosesIdleConnectionsAtOnce(t *testing.T) {
	h := newHouse(t, proxy.Config{}, newModule(t, always(answerOK)), proxy.Route{})
	fresh, idle := h.dial(), h.dial()
	idle.send(get)
	idle.answer("GET")
	until(t, "they did not come", func() bool { return h.engine.Stats().Connections == 2 })
	if err := h.engine.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
	fresh.ended()
	idle.ended()
	late := h.dial()
	if _, err := late.ReadByte(); err == nil {
		t.Error("a connection that came later is served")
	}
	if s := h.engine.Stats(); s.Connections != 0 || s.InFlight != 0 || s.Requests != 1 {
		t.Errorf("%+v", s)
	}
}

func TestShutdownCutsOffAHeadThatDoesNotEnd(t *testing.T) {
	h := newHouse(t, proxy.Config{}, newModule(t, always(answerOK)), proxy.Route{})
	c := h.dial()
	c.send("GET / HTTP/1.1\r\n")
	until(t, "it did not come", func() bool { return h.engine.Stats().Connections == 1 })
	time.Sleep(50 * time.Millisecond)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := h.engine.Shutdown(ctx); err != nil && !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if s := h.engine.Stats(); s.Connections != 0 {
		t.Errorf("%+v", s)
	}
}

func TestShutdownCutsOffWhatBeginsAfterwards(t *testing.T) {
	h := newHouse(t, proxy.Config{}, speaking(t, func(w http.ResponseWriter, r *http.Request) { <-r.Context().Done() }), proxy.Route{})
	c := h.dial()
	c.send("GET / HTTP/1.1\r\n")
	until(t, "it did not come", func() bool { return h.engine.Stats().Connections == 1 })
	time.Sleep(50 * time.Millisecond)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	shut := make(chan error, 1)
	go func() { shut <- h.engine.Shutdown(ctx) }()
	time.Sleep(200 * time.Millisecond) // what was under way is cut off by now
	c.send("Host: x\r\n\r\n")
	if err := receive(t, shut); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if s := h.engine.Stats(); s.Connections != 0 || s.InFlight != 0 {
		t.Errorf("%+v", s)
	}
	if o := h.outcome(); o.Class != proxy.ClassDrained {
		t.Errorf("outcome %+v", o)
	}
}

// secure is a client of the engine's over TLS.
func secure(t *testing.T, h *house) *tls.Conn {
	t.Helper()
	fake := httptest.NewTLSServer(nil)
	defer fake.Close()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	h.serving.Go(func() {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		wrapped := tls.Server(conn, &tls.Config{Certificates: fake.TLS.Certificates})
		h.serve(wrapped, proxy.Peer{Addr: conn.RemoteAddr().(*net.TCPAddr).AddrPort(), Secure: true})
	})
	conn, err := tls.Dial("tcp", l.Addr().String(), &tls.Config{InsecureSkipVerify: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(patience))
	return conn
}

func TestAClientThatLeavesIsNoticedOverTLSToo(t *testing.T) {
	began := make(chan struct{}, 2)
	m := speaking(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/echo" {
			io.Copy(w, r.Body)
			io.WriteString(w, r.Header.Get("X-Forwarded-Proto"))
			return
		}
		began <- struct{}{}
		<-r.Context().Done()
	})
	h := newHouse(t, proxy.Config{}, m, proxy.Route{})
	conn := secure(t, h)
	c := &client{conn, bufio.NewReader(conn), t}
	c.send(lines("POST /echo HTTP/1.1", "Host: x", "Content-Length: 4") + "body")
	if _, body := c.answer("POST"); body != "bodyhttps" {
		t.Errorf("got %q", body)
	}
	if o := h.outcome(); o.Class != proxy.ClassOK {
		t.Errorf("outcome %+v", o)
	}
	c.send(get)
	<-began
	conn.Close()
	if o := h.outcome(); o.Class != proxy.ClassClientGone {
		t.Errorf("outcome %+v", o)
	}
}

func TestWhatAClientAsksAheadDoesNotMakeItLeave(t *testing.T) {
	m := speaking(t, func(w http.ResponseWriter, r *http.Request) {
		time.Sleep(400 * time.Millisecond) // it is watched by then
		io.WriteString(w, r.URL.Path)
	})
	h := newHouse(t, proxy.Config{}, m, proxy.Route{})
	for _, over := range []string{"tcp", "tls"} {
		c := h.dial()
		if over == "tls" {
			conn := secure(t, h)
			c = &client{conn, bufio.NewReader(conn), t}
		}
		c.send(lines("GET /first HTTP/1.1", "Host: x"))
		time.Sleep(250 * time.Millisecond)
		c.send(lines("GET /second HTTP/1.1", "Host: x"))
		for _, want := range []string{"/first", "/second"} {
			if res, body := c.answer("GET"); res.StatusCode != 200 || body != want {
				t.Errorf("%s: got %v %q", over, res.Status, body)
			}
		}
	}
}
