package conformance_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/segue-run/segue/proxy"
	"github.com/segue-run/segue/proxy/balance"
)

func TestANewConnectionIsMadeForEachTargetAndKept(t *testing.T) {
	h, m := usual(t, func(w http.ResponseWriter, r *http.Request) {})
	for range 20 {
		h.get("/")
	}
	if n := m.opened.Load(); n != 1 {
		t.Errorf("%d connections", n)
	}
	if err := m.Drain(t.Context(), balance.Patience{}); err != nil {
		t.Fatal(err)
	}
	// The target has retired: the module sees the end of its connection.
	deadline := time.Now().Add(patience)
	for m.open.Load() > 0 {
		if time.Now().After(deadline) {
			t.Fatal("the connection to a retired target is still open")
		}
		time.Sleep(time.Millisecond)
	}
}

func TestShutdownWaitsForRequestsAndClosesTheirConnections(t *testing.T) {
	began, release := make(chan struct{}), make(chan struct{})
	m := newModule(t, "1.0.0", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		close(began)
		<-release
		io.WriteString(w, "whole")
	}))
	h := newHouse(t, proxy.Config{}, stable(t, m.Release))
	conn, r := h.raw()
	io.WriteString(conn, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
	<-began
	down := make(chan error, 1)
	go func() { down <- h.engine.Shutdown(t.Context()) }()
	for {
		if c, err := net.Dial("tcp", h.addr); err != nil {
			break // nobody accepts any more
		} else {
			c.Close()
		}
	}
	close(release)
	res, err := http.ReadResponse(r, nil)
	if err != nil || read(t, res) != "whole" || !res.Close {
		t.Errorf("got %v, %v", res, err)
	}
	if err := <-down; err != nil {
		t.Error(err)
	}
}

func TestShutdownCutsOffWhatHasNoMoreTime(t *testing.T) {
	began := make(chan struct{}, 2)
	m := newModule(t, "1.0.0", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/stream" {
			http.NewResponseController(w).Flush()
		}
		began <- struct{}{}
		<-r.Context().Done()
	}))
	h := newHouse(t, proxy.Config{}, stable(t, m.Release))
	silent, quiet := h.raw()
	io.WriteString(silent, "GET /silent HTTP/1.1\r\nHost: x\r\n\r\n")
	stream, flowing := h.raw()
	io.WriteString(stream, "GET /stream HTTP/1.1\r\nHost: x\r\n\r\n")
	<-began
	<-began
	res, err := http.ReadResponse(flowing, nil)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := h.engine.Shutdown(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if res, err := http.ReadResponse(quiet, nil); err != nil || res.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("got %v, %v", res, err)
	}
	if _, err := io.ReadAll(res.Body); err == nil {
		t.Error("an answer that was cut off ended cleanly")
	}
	for range 2 {
		if o := m.outcome(t); o.Class != proxy.ClassDrained {
			t.Errorf("outcome %+v", o)
		}
	}
	if n := h.engine.Stats().InFlight; n != 0 {
		t.Errorf("%d in flight after shutdown", n)
	}
}
