package h1_test

import (
	"io"
	"net"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/segue-run/segue/proxy"
)

// faulty is a tap that panics at what it names.
type faulty string

func (f faulty) at(what string) {
	if string(f) == what {
		panic("faulty")
	}
}

func (f faulty) Sent([]byte)           { f.at("sent") }
func (f faulty) Head(int, http.Header) { f.at("head") }
func (f faulty) Body([]byte)           { f.at("body") }
func (f faulty) End(bool)              { f.at("end") }

func TestAPanicEndsItsRequestAndNoMore(t *testing.T) {
	for _, c := range []struct {
		at     string
		status int // 0: the connection ends
		class  proxy.Class
	}{{"sent", 502, proxy.ClassUnknown}, {"head", 0, proxy.ClassUnknown}, {"body", 0, proxy.ClassUnknown}, {"end", 0, proxy.ClassOK}} {
		logged, logs := observer.New(zap.ErrorLevel)
		h := newHouse(t, proxy.Config{Logger: zap.New(logged)}, speaking(t, func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(w, r.Body)
		}), proxy.Route{})
		h.tap = faulty(c.at)
		client := h.dial()
		client.send(lines("POST / HTTP/1.1", "Host: x", "Content-Length: 4"))
		until(t, "it did not come", func() bool { return h.engine.Stats().InFlight == 1 })
		client.send("body")
		status := 0
		if res, err := http.ReadResponse(client.Reader, nil); err == nil {
			status = res.StatusCode
		}
		if o := h.outcome(); status != c.status || o.Class != c.class || logs.FilterMessage("request ended in a panic").Len() != 1 {
			t.Errorf("%s: answered %d; outcome %+v; logged %v", c.at, status, o, logs.All())
		}
		client.Close()
		until(t, "it is in flight still", func() bool { return h.engine.Stats().InFlight == 0 })
	}
}

// limited is a connection that counts the deadlines that it is given.
type limited struct {
	net.Conn
	n *atomic.Int64
}

func (l limited) SetDeadline(at time.Time) error {
	if !at.IsZero() {
		l.n.Add(1)
	}
	return l.Conn.SetDeadline(at)
}

func TestARequestThatIsDoneIsNotEndedAgain(t *testing.T) {
	h := newHouse(t, proxy.Config{}, newModule(t, always(answerOK)), proxy.Route{})
	h.done = func(r *proxy.Request) {
		r.GoAway()
		r.Cancel(proxy.ErrDraining)
	}
	var deadlines atomic.Int64
	c := h.wrapped(func(conn net.Conn) net.Conn { return limited{conn, &deadlines} })
	var before []*proxy.Request
	for range 20 {
		c.send(get)
		for _, r := range before { // the connection carries another one
			r.GoAway()
			r.Cancel(proxy.ErrDraining)
		}
		if res, body := c.answer("GET"); res.StatusCode != 200 || body != "ok" {
			t.Fatalf("got %v %q", res.Status, body)
		}
		before = append(before, receive(t, h.requests))
		if o := h.outcome(); o.Class != proxy.ClassOK {
			t.Fatalf("outcome %+v", o)
		}
	}
	if n := deadlines.Load(); n != 0 || h.module.dials.Load() != 1 {
		t.Errorf("%d deadlines, %d connections", n, h.module.dials.Load())
	}
}
