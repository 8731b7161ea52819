package replay_test

import (
	"bufio"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/segue-run/segue/proxy"
	"github.com/segue-run/segue/proxy/guard"
	"github.com/segue-run/segue/proxy/replay"
)

func TestARecordingIsSentAsItWasAndSaysThatItIsARehearsal(t *testing.T) {
	seen := make(chan string, 1)
	candidate := module(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if id := r.Header.Get("X-Request-Id"); !guard.SaneID(id) || id == "theirs" {
			t.Errorf("the id is %q", id)
		}
		r.Header.Del("X-Request-Id")
		seen <- fmt.Sprintf("%s %s %s %v %s", r.Method, r.Host, r.RequestURI, r.Header, body)
		w.Header().Set("X-Kept", "1")
		w.Header().Set("Set-Cookie", "a=b")
		_, _ = io.WriteString(w, "hello")
	})
	rec := replay.Recording{Method: "POST", Host: "example.com:8080", Path: "/a%20b/", Query: "x=%2f&y#z",
		Header: http.Header{"Accept": {"text/plain"}, "Connection": {"close"}, "X-Forwarded-For": {"9.9.9.9"},
			"X-Request-Id": {"theirs"}, "X_request_id": {"theirs"}, "Forwarded": {"for=9.9.9.9"}, "Traceparent": {"none"}, "Tracestate": {"a=b"},
			"X_Forwarded_Host": {"evil"}, "Segue-Rehearsal": {"no"}, "Content-Length": {"999"}, "Transfer-Encoding": {"chunked"}},
		Body: []byte("body"), Remote: netip.MustParseAddr("192.0.2.7")}
	a, err := replay.Send(t.Context(), candidate, rec, "X-Kept")
	if err != nil {
		t.Fatal(err)
	}
	want := "POST example.com:8080 /a%20b/?x=%2f&y#z map[Accept:[text/plain] Content-Length:[4] " +
		"Forwarded:[for=192.0.2.7;host=\"example.com:8080\";proto=http] Segue-Rehearsal:[rehearsal] " +
		"X-Forwarded-For:[192.0.2.7] X-Forwarded-Host:[example.com:8080] X-Forwarded-Port:[8080] X-Forwarded-Proto:[http] X-Real-Ip:[192.0.2.7]] body"
	if got := <-seen; got != want {
		t.Errorf("sent\n%s, want\n%s", got, want)
	}
	wantHeader(t, a.Header, http.Header{"Content-Type": {"text/plain; charset=utf-8"}, "X-Kept": {"1"}})
	if a.Status != 200 || string(a.Body) != "hello" || a.Length != 5 || a.Sum != sha256.Sum256([]byte("hello")) {
		t.Errorf("got %+v", a)
	}
}

func TestACopyGoesWithoutWhatItsRouteStrips(t *testing.T) {
	seen := make(chan string, 1)
	candidate := module(t, func(_ http.ResponseWriter, r *http.Request) {
		seen <- r.RequestURI + " " + r.Header.Get("X-Forwarded-Prefix")
	})
	for path, want := range map[string]string{"/api/v1": "/v1 /api", "/api": "/ /api", "/api/": "/ /api"} {
		for _, strips := range []bool{true, false} {
			ring := newRing(t, replay.RingConfig{})
			r := ask(path, "")
			r.Route = &proxy.Route{Module: "m", Prefix: "/api", Strip: strips}
			passes(ring.Tap(r), 200, "")
			recs := ring.Recent(1)
			if len(recs) != 1 {
				t.Fatalf("%d recordings", len(recs))
			}
			if _, err := replay.Send(t.Context(), candidate, recs[0]); err != nil {
				t.Fatal(err)
			}
			if !strips {
				want = path + " "
			}
			if got := <-seen; got != want {
				t.Errorf("%s is sent as %q, want %q", path, got, want)
			}
		}
	}
}

func TestARecordingThatCannotBeSentAsItStandsIsNotSent(t *testing.T) {
	var dialled atomic.Int64
	dial := func(context.Context) (net.Conn, error) {
		dialled.Add(1)
		return nil, errors.New("dialled")
	}
	for name, rec := range map[string]replay.Recording{
		"no path":            {Method: "GET"},
		"an unclean path":    {Method: "GET", Path: "//evil/"},
		"a space in a query": {Method: "GET", Path: "/", Query: "a HTTP/1.1\r\nX: y"},
		"a line in a method": {Method: "GET / HTTP/1.1\r\nX:", Path: "/"},
		"a line in a header": {Method: "GET", Path: "/", Header: http.Header{"Accept": {"a\r\nX: y"}}},
	} {
		if _, err := replay.Send(t.Context(), dial, rec); err == nil || dialled.Load() != 0 {
			t.Errorf("%s: %v, dialled %d times", name, err, dialled.Load())
		}
	}
}

func TestARedirectIsAnAnswerLikeOthers(t *testing.T) {
	candidate := module(t, func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/b", http.StatusFound) })
	a, err := replay.Send(t.Context(), candidate, get("/a", replay.Answer{}), "Location")
	if err != nil || a.Status != http.StatusFound || a.Header.Get("Location") != "/b" {
		t.Errorf("got %+v, %v", a, err)
	}
}

func TestAnEndlessAnswerIsReadNoFurtherThanTheRecordedOne(t *testing.T) {
	candidate := module(t, func(w http.ResponseWriter, r *http.Request) {
		for r.Context().Err() == nil {
			if _, err := w.Write(make([]byte, 1000)); err != nil {
				return
			}
		}
	})
	for _, length := range []int64{0, 100_000} {
		a, err := replay.Send(t.Context(), candidate, get("/", replay.Answer{Length: length}))
		limit := max(length, 64<<10)
		if err != nil || a.Length <= limit || a.Length > limit+64<<10 || len(a.Body) != 64<<10 {
			t.Errorf("of %d: read %d, kept %d, %v", length, a.Length, len(a.Body), err)
		}
	}
}

func TestAHostileAnswerIsAnError(t *testing.T) {
	for name, text := range map[string]string{
		"an endless head":          "HTTP/1.1 200 OK\r\n" + strings.Repeat("X-A: "+strings.Repeat("a", 1000)+"\r\n", 1000) + "\r\n",
		"an endless status line":   "HTTP/1.1 200 " + strings.Repeat("a", 1<<20),
		"no HTTP":                  "\x00\x01\x02\r\n\r\n",
		"a body that breaks off":   "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc",
		"chunks that are none":     "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
		"nothing":                  "",
		"interim answers, endless": strings.Repeat("HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n", 10_000),
	} {
		t.Run(name, func(t *testing.T) {
			candidate := raw(t, func(conn net.Conn) {
				_, _ = http.ReadRequest(bufio.NewReader(conn))
				_, _ = io.WriteString(conn, text)
			})
			if a, err := replay.Send(t.Context(), candidate, get("/", replay.Answer{})); err == nil {
				t.Errorf("got %d with %d bytes", a.Status, a.Length)
			}
		})
	}
}

func TestSendEndsWithItsContext(t *testing.T) {
	candidate := module(t, func(w http.ResponseWriter, r *http.Request) {
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
	})
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := replay.Send(ctx, candidate, get("/", replay.Answer{})); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
}

func TestAnIPv6HostIsSentInBrackets(t *testing.T) {
	candidate := module(t, func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, r.Host) })
	for host, want := range map[string]string{"::1": "[::1]", "[::1]:80": "[::1]:80", "a:80": "a:80", "": "module"} {
		rec := get("/", replay.Answer{})
		rec.Host = host
		if a, err := replay.Send(t.Context(), candidate, rec); err != nil || string(a.Body) != want {
			t.Errorf("%q: got %q, %v", host, a.Body, err)
		}
	}
}

func TestAHostWithoutDescriptorsIsToBlameItself(t *testing.T) {
	dial := func(context.Context) (net.Conn, error) {
		return nil, &net.OpError{Op: "dial", Err: os.NewSyscallError("socket", syscall.EMFILE)}
	}
	if _, err := replay.Send(t.Context(), dial, get("/", replay.Answer{})); !errors.Is(err, replay.ErrHost) {
		t.Errorf("got %v", err)
	}
	compared, err := replay.Rehearse(t.Context(), dial, []replay.Recording{get("/", replay.Answer{})}, replay.Rules{}, replay.Options{})
	if !errors.Is(err, replay.ErrHost) || compared.Requests != 0 || compared.Different != 0 {
		t.Errorf("rehearsed %+v, %v", compared, err)
	}
}
