package conformance_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/segue-run/segue/proxy"
	"github.com/segue-run/segue/proxy/balance"
)

// refused asks twice, for text and for JSON, and checks what both say.
func refused(t *testing.T, h *house, request string, status int, kind, module, message string) *http.Response {
	t.Helper()
	res := h.exchange(request + "\r\n\r\n")
	text := read(t, res)
	if res.StatusCode != status || !strings.Contains(text, message) || !strings.HasPrefix(res.Header.Get("Content-Type"), "text/plain") {
		t.Errorf("%q: got %v %q, want %d with %q", request, res.Status, text, status, message)
	}
	res = h.exchange(request + "\r\nAccept: text/html;q=0.5, application/json\r\n\r\n")
	var body struct {
		Status                 int
		Error, Module, Message string
	}
	text = read(t, res)
	if err := json.Unmarshal([]byte(text), &body); err != nil {
		t.Fatalf("%q: %v", text, err)
	}
	if body.Status != status || res.StatusCode != status || body.Error != kind || body.Module != module || !strings.Contains(body.Message, message) {
		t.Errorf("%q: got %v %q", request, res.Status, text)
	}
	return res
}

func TestAnAddressThatNobodyServesIs404(t *testing.T) {
	m := newModule(t, "1.0.0", http.NotFoundHandler())
	g := stable(t, m.Release)
	other := balance.NewGroup(balance.GroupConfig{Module: "other"})
	h := newHouse(t, proxy.Config{}, g, other)
	res := refused(t, h, "GET /nobody HTTP/1.1\r\nHost: x", 404, "no-route", "", "no module serves this address")
	if res.Header.Get("Segue-Release") != "" {
		t.Error("an answer of our own names a release")
	}
	if got := h.pool.Unrouted(); got != 2 {
		t.Errorf("%d unrouted requests counted", got)
	}
}

func TestAnAddressWithTwoReadingsIs400(t *testing.T) {
	h, m := usual(t, func(w http.ResponseWriter, r *http.Request) {})
	for _, request := range []string{"GET /a%2fb HTTP/1.1\r\nHost: x", "GET /../a HTTP/1.1\r\nHost: x", "GET /%00 HTTP/1.1\r\nHost: x",
		"GET /a\\b HTTP/1.1\r\nHost: x", "GET / HTTP/1.1\r\nHost: a..b"} {
		refused(t, h, request, 400, "bad-address", "", "the request's ")
	}
	if n := m.Stats().Requests; n != 0 {
		t.Errorf("the module got %d", n)
	}
}

func TestNoTunnelIsOpened(t *testing.T) {
	h, m := usual(t, func(w http.ResponseWriter, r *http.Request) {})
	if res := refused(t, h, "CONNECT x:80 HTTP/1.1\r\nHost: x:80", 501, "no-tunnels", "", "no tunnels"); !res.Close {
		t.Error("the connection goes on")
	}
	// What is none of the protocol's CONNECTs is refused too, if not always for that.
	for _, target := range []string{"CONNECT /a", "CONNECT http://x/", "connect /a", "connect x:80"} {
		if res := h.exchange(target + " HTTP/1.1\r\nHost: x:80\r\n\r\n"); !refuses(res.StatusCode) || !res.Close {
			t.Errorf("%s: got %v", target, res)
		}
	}
	if n := m.Stats().Requests; n != 0 {
		t.Errorf("the module got %d", n)
	}
}

func TestAModuleWithNothingRunningIs503WithATimeToTryAgain(t *testing.T) {
	h := newHouse(t, proxy.Config{}, stable(t))
	res := refused(t, h, "GET / HTTP/1.1\r\nHost: x", 503, "no-target", "hello", "module hello has nothing running")
	if got := res.Header.Get("Retry-After"); got != "1" {
		t.Errorf("Retry-After is %q", got)
	}
}

func TestAModuleThatBreaksOffBeforeItAnswersIs502(t *testing.T) {
	h, m := usual(t, func(w http.ResponseWriter, r *http.Request) { panic(http.ErrAbortHandler) })
	res := refused(t, h, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 0", 502, "no-answer", "hello", "module hello broke off")
	if got := res.Header.Get("Segue-Release"); got != "hello@1.0.0" {
		t.Errorf("Segue-Release is %q", got)
	}
	if o := m.outcome(t); o.Class != proxy.ClassTransport || o.Status != 0 || o.Reached || o.Err == nil {
		t.Errorf("outcome %+v", o)
	}
}

func TestAModuleThatSpeaksNonsenseIs502(t *testing.T) {
	h, m := usual(t, func(w http.ResponseWriter, r *http.Request) {
		conn, _, _ := http.NewResponseController(w).Hijack()
		io.Copy(conn, strings.NewReader("secret: /var/lib/x\r\n\r\n"))
		conn.Close()
	})
	res := h.exchange("GET / HTTP/1.1\r\nHost: x\r\n\r\n")
	if body := read(t, res); res.StatusCode != 502 || !strings.Contains(body, "module hello broke off") || strings.Contains(body, "secret") {
		t.Errorf("got %v %q", res.Status, body)
	}
	if o := m.outcome(t); o.Class != proxy.ClassTransport {
		t.Errorf("outcome %+v", o)
	}
}

// answering is a handler that answers with these bytes, as they stand.
func answering(answer string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		conn, _, _ := http.NewResponseController(w).Hijack()
		defer conn.Close()
		io.WriteString(conn, answer)
		// Closed with something unread, the other end would find a reset before the answer.
		_ = conn.(*net.UnixConn).CloseWrite()
		_, _ = io.Copy(io.Discard, conn)
	}
}

func TestAStatusThatEndsNoAnswerIs502(t *testing.T) {
	for _, status := range []string{"000 OK", "001 x", "099 x", "+20 OK", "199 x", "101 x"} {
		logs, seen := observer.New(zap.InfoLevel)
		m := newModule(t, "1.0.0", answering("HTTP/1.1 "+status+"\r\nContent-Length: 2\r\n\r\nhi"))
		h := newHouse(t, proxy.Config{Logger: zap.New(logs)}, stable(t, m.Release))
		conn, r := h.raw()
		io.WriteString(conn, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
		res, err := http.ReadResponse(r, nil)
		if err == nil && res.StatusCode == 199 { // passed on: it may be informational
			res, err = http.ReadResponse(r, nil)
		}
		if err != nil {
			t.Fatalf("%s: %v", status, err)
		}
		if body := read(t, res); res.StatusCode != 502 || !strings.Contains(body, "module hello broke off") {
			t.Errorf("%s: got %v %q", status, res.Status, body)
		}
		if o := m.outcome(t); o.Class != proxy.ClassTransport || o.Err == nil {
			t.Errorf("%s: outcome %+v", status, o)
		}
		if n := seen.Len(); n != 0 {
			t.Errorf("%s: logged %v", status, seen.All())
		}
	}
}

// panicking is an exchange that panics as soon as it is asked for its target.
type panicking struct{ outcome chan proxy.Outcome }

func (x *panicking) Target() proxy.Target { panic("no target") }
func (x *panicking) Done(o proxy.Outcome) { x.outcome <- o }

func (*panicking) Keep() int64                         { return 0 }
func (*panicking) Tap() proxy.Tap                      { return nil }
func (*panicking) Sent(time.Time)                      {}
func (*panicking) Answered(proxy.Answer)               {}
func (*panicking) OnRecall(func() bool)                {}
func (*panicking) Replay(proxy.Outcome) proxy.Exchange { return nil }

func TestAnExchangeThatEndsInAPanicCountsAsFailedAndEndsItsConnectionAlone(t *testing.T) {
	x := &panicking{make(chan proxy.Outcome, 1)}
	var panics atomic.Bool
	panics.Store(true)
	h := newDirected(t, proxy.Config{Director: director(func(context.Context, *proxy.Request) (proxy.Exchange, error) {
		if panics.Load() {
			return x, nil
		}
		return nil, proxy.ErrNoRoute
	})})
	conn, r := h.raw()
	io.WriteString(conn, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
	if res, err := http.ReadResponse(r, nil); err == nil && (res.StatusCode != 500 || !res.Close) {
		t.Errorf("got %v", res)
	}
	if _, err := r.ReadByte(); err == nil {
		t.Error("the connection goes on")
	}
	select {
	case o := <-x.outcome:
		if o.Class != proxy.ClassUnknown || !o.Class.Failed() {
			t.Errorf("outcome %+v", o)
		}
	case <-time.After(patience):
		t.Error("no outcome")
	}
	panics.Store(false)
	if res := h.exchange("GET / HTTP/1.1\r\nHost: x\r\n\r\n"); res.StatusCode != 404 {
		t.Errorf("the next connection: got %v", res.Status)
	}
}

func TestAModuleThatDoesNotAnswerInTimeIs504(t *testing.T) {
	m := newModule(t, "1.0.0", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { <-r.Context().Done() }))
	h := newHouse(t, proxy.Config{Timeouts: proxy.Timeouts{Answer: 50 * time.Millisecond}}, stable(t, m.Release))
	refused(t, h, "GET / HTTP/1.1\r\nHost: x", 504, "timeout", "hello", "module hello did not answer in time")
	if o := m.outcome(t); o.Class != proxy.ClassTimeout {
		t.Errorf("outcome %+v", o)
	}
}

func TestAModuleCutOffByADrainIs503(t *testing.T) {
	began := make(chan struct{})
	h, m := usual(t, func(w http.ResponseWriter, r *http.Request) {
		close(began)
		<-r.Context().Done()
	})
	done := make(chan *http.Response)
	go func() {
		conn, r := h.raw()
		io.WriteString(conn, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
		res, err := http.ReadResponse(r, nil)
		if err != nil {
			t.Error(err)
		}
		done <- res
	}()
	<-began
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := m.Drain(ctx, balance.Patience{}); !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), "1 requests cut off") {
		t.Errorf("got %v", err)
	}
	res := <-done
	if body := read(t, res); res.StatusCode != 503 || !strings.Contains(body, "module hello was being replaced") || res.Header.Get("Retry-After") == "" {
		t.Errorf("got %v %q", res.Status, body)
	}
	if o := m.outcome(t); o.Class != proxy.ClassDrained || !errors.Is(o.Err, proxy.ErrDraining) {
		t.Errorf("outcome %+v", o)
	}
}

// A client that does not read its answer must not hold up a drain.
func TestADrainIsNotHeldUpByAClientThatDoesNotRead(t *testing.T) {
	began := make(chan struct{})
	h, m := usual(t, func(w http.ResponseWriter, r *http.Request) {
		close(began)
		for {
			if _, err := w.Write(make([]byte, 1<<20)); err != nil {
				return
			}
		}
	})
	conn, _ := h.raw()
	io.WriteString(conn, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
	<-began
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := m.Drain(ctx, balance.Patience{}); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if s := m.State(); s != balance.TargetRetired {
		t.Errorf("the target is %s", s)
	}
}

type director func(context.Context, *proxy.Request) (proxy.Exchange, error)

func (d director) Direct(ctx context.Context, r *proxy.Request) (proxy.Exchange, error) {
	return d(ctx, r)
}

func TestWhatADirectorSaysIsTold(t *testing.T) {
	for _, c := range []struct {
		err    error
		status int
		kind   string
	}{
		{proxy.ErrNoTarget, 503, "no-target"},
		{&proxy.NoTargetError{Module: "hello", Preview: true}, 503, `no-target","module":"hello","message":"module hello has no candidate to preview`},
		{proxy.ErrDraining, 503, "draining"},
		{proxy.ErrTimeout, 504, "timeout"},
		{context.DeadlineExceeded, 504, "timeout"},
		{errors.New("secret internals"), 500, "internal"},
	} {
		h := newDirected(t, proxy.Config{Director: director(func(context.Context, *proxy.Request) (proxy.Exchange, error) {
			return nil, c.err
		})})
		res := h.exchange("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nAccept: application/problem+json\r\n\r\n12345")
		body := read(t, res)
		if res.StatusCode != c.status || !strings.Contains(body, `"`+c.kind+`"`) || strings.Contains(body, "secret") {
			t.Errorf("%v: got %v %q", c.err, res.Status, body)
		}
		if n := h.engine.Stats().Own[c.status]; n != 1 {
			t.Errorf("%v: %d own answers counted", c.err, n)
		}
	}
}
