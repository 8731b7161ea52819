package nethttp_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/segue-run/segue/proxy"
)

// told is what a module was told of its client.
func told(r *http.Request) string {
	return fmt.Sprint(r.Proto, " ", r.Method, " ", r.Host, " ", r.RequestURI, " ", r.Header.Get("X-Forwarded-Proto"), " ", r.Header["Cookie"])
}

func TestARequestOverHTTP2ComesToTheModuleOverHTTP1(t *testing.T) {
	for _, secure := range []bool{false, true} {
		m := newModule(t, "hello", func(w http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			w.Header().Set("Trailer", "X-Sum")
			fmt.Fprintf(w, "%s %s %s", told(r), body, r.Trailer.Get("X-End"))
			w.Header().Set("X-Sum", "7")
		})
		h := newHouse(t, proxy.Config{}, secure, m)
		req := h.request("PUT", "/a/../b%20c?x=1&y=%2F", io.MultiReader(strings.NewReader("hel"), strings.NewReader("lo")))
		req.Host = "Shop.Example"
		req.Header["Cookie"] = []string{"a=1; b=2"}
		req.Trailer = http.Header{"X-End": {"end"}}
		res, body := h.do(h.client(), req)
		scheme := map[bool]string{false: "http", true: "https"}[secure]
		if want := "HTTP/1.1 PUT Shop.Example /b%20c?x=1&y=%2F " + scheme + " [a=1; b=2] hello end"; body != want {
			t.Errorf("got %q, want %q", body, want)
		}
		if res.ProtoMajor != 2 || res.Trailer.Get("X-Sum") != "7" || res.Header.Get("Segue-Release") != "hello@1.0.0" || len(res.Header.Get("X-Request-Id")) != 32 {
			t.Errorf("got %s %v %v", res.Proto, res.Header, res.Trailer)
		}
		if o := receive(t, m.done); o.Class != proxy.ClassOK || o.BytesIn != 5 || o.BytesOut != int64(len(body)) {
			t.Errorf("outcome %+v", o)
		}
		e := h.entry()
		if e.Protocol != "HTTP/2.0" || e.Status != 200 || e.Route != &m.route || e.Labels != m.Labels() || e.Refused != "" || e.Request.ID != res.Header.Get("X-Request-Id") ||
			e.Request.Secure != secure || e.Request.Client.String() != "127.0.0.1" || e.Duration <= 0 {
			t.Errorf("logged %+v of %+v", e, e.Request)
		}
	}
}

func TestAModuleGetsThePathOfItsRoute(t *testing.T) {
	m := newModule(t, "hello", func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, r.RequestURI, " ", r.Header["X-Forwarded-Prefix"])
	})
	m.route.Prefix, m.route.Strip = "/hello", true
	h := newHouse(t, proxy.Config{}, false, m)
	for path, want := range map[string]string{"/hello/a?b": "/a?b [/hello]", "/hello": "/ [/hello]"} {
		if _, body := h.get(h.client(), path); body != want {
			t.Errorf("%s: got %q, want %q", path, body, want)
		}
	}
}

func TestWhatIsTooLargeIsRefusedAndCountsForNoModule(t *testing.T) {
	m := newModule(t, "hello", func(w http.ResponseWriter, r *http.Request) {
		if _, err := io.Copy(io.Discard, r.Body); err == nil {
			t.Errorf("the module got the whole of %s", r.RequestURI)
		}
	})
	m.route.MaxBody = 10_000
	h := newHouse(t, proxy.Config{Limits: proxy.Limits{Headers: 20, URLBytes: 100, HeadBytes: 8 << 10, Body: 5}}, false, m)
	c := h.client()
	long := bytes.Repeat([]byte("x"), 10_001)
	many := h.request("GET", "/", nil)
	for i := range 21 {
		many.Header.Add("X-Many", fmt.Sprint(i))
	}
	for _, r := range []struct {
		name    string
		req     *http.Request
		status  int
		refused string
	}{
		{"an address", h.request("GET", "/"+strings.Repeat("a", 100), nil), 414, "address-too-long"},
		{"header lines", many, 431, "header-too-large"},
		{"a body of known length", h.request("POST", "/", bytes.NewReader(long)), 413, "body-too-large"},
		{"a body", h.request("POST", "/", io.MultiReader(bytes.NewReader(long))), 413, "body-too-large"},
	} {
		res, body := h.do(c, r.req)
		if res.StatusCode != r.status {
			t.Errorf("%s: %s %s", r.name, res.Status, body)
		}
		if e := h.entry(); e.Refused != r.refused || e.Status != r.status || !strings.Contains(body, e.Request.ID) {
			t.Errorf("%s: %q logged as %+v", r.name, body, e)
		}
		select {
		case o := <-m.done:
			if o.Class.Attributable() {
				t.Errorf("%s: outcome %+v", r.name, o)
			}
		default:
		}
	}
	if s := h.engine.Stats(); s.Own[413] != 2 || s.Own[414] != 1 || s.Own[431] != 1 {
		t.Errorf("%v", s.Own)
	}
}

func TestTimesAreThoseOfTheRoute(t *testing.T) {
	release := make(chan struct{})
	for _, c := range []struct {
		name     string
		timeouts proxy.Timeouts
		path     string
		status   int // 0 where the answer breaks off
		class    proxy.Class
	}{
		{"no answer", proxy.Timeouts{Answer: 50 * time.Millisecond}, "/silent", 504, proxy.ClassTimeout},
		{"an answer stands still", proxy.Timeouts{Idle: 50 * time.Millisecond}, "/half", 0, proxy.ClassTimeout},
		{"the whole takes too long", proxy.Timeouts{Total: 50 * time.Millisecond}, "/silent", 504, proxy.ClassTimeout},
		{"an answer takes too long", proxy.Timeouts{Total: 50 * time.Millisecond}, "/drip", 0, proxy.ClassTimeout},
		{"nobody has anything to say", proxy.Timeouts{Idle: 50 * time.Millisecond}, "/events", 200, proxy.ClassDrained},
	} {
		m := newModule(t, "hello", func(w http.ResponseWriter, r *http.Request) {
			switch r.URL.Path {
			case "/half":
				_, _ = io.WriteString(w, "half")
				_ = http.NewResponseController(w).Flush()
			case "/events":
				w.Header().Set("Content-Type", "text/event-stream")
				_ = http.NewResponseController(w).Flush()
			case "/drip":
				for r.Context().Err() == nil {
					_, _ = io.WriteString(w, "drop")
					_ = http.NewResponseController(w).Flush()
					time.Sleep(time.Millisecond)
				}
			}
			<-r.Context().Done()
			release <- struct{}{}
		})
		m.route.Timeouts = c.timeouts
		h := newHouse(t, proxy.Config{}, false, m)
		res, err := h.client().Do(h.request("GET", c.path, nil))
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(res.Body)
		res.Body.Close()
		if c.status != 0 && res.StatusCode != c.status || (err == nil) != (c.status != 0) {
			t.Errorf("%s: %s %q %v", c.name, res.Status, body, err)
		}
		if o := receive(t, m.done); o.Class != c.class {
			t.Errorf("%s: outcome %+v", c.name, o)
		}
		receive(t, release)
	}
}

func TestALongAnswerMayTakeLongerThanTheWhole(t *testing.T) {
	release := make(chan struct{})
	m := newModule(t, "hello", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		_ = http.NewResponseController(w).Flush()
		<-release
		_, _ = io.WriteString(w, "data: late\n\n")
	})
	m.route.Timeouts.Total = 30 * time.Millisecond
	h := newHouse(t, proxy.Config{BodyGrace: 10 * time.Millisecond}, false, m)
	res, err := h.client().Do(h.request("GET", "/", nil))
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	time.Sleep(100 * time.Millisecond)
	close(release)
	if body, err := io.ReadAll(res.Body); err != nil || string(body) != "data: late\n\n" {
		t.Errorf("%q %v", body, err)
	}
	if a := receive(t, m.answer); !a.Long {
		t.Errorf("%+v", a)
	}
}

func TestAClientThatSendsTooSlowlyIsShutOut(t *testing.T) {
	m := newModule(t, "hello", func(w http.ResponseWriter, r *http.Request) { _, _ = io.Copy(io.Discard, r.Body) })
	m.route.Timeouts.Answer = 50 * time.Millisecond // is the module's, not the client's
	h := newHouse(t, proxy.Config{BodyRate: 1 << 20, BodyGrace: 200 * time.Millisecond}, false, m)
	body, client := io.Pipe()
	defer client.Close()
	go func() { _, _ = client.Write([]byte("half")) }()
	res, text := h.do(h.client(), h.request("POST", "/", body))
	if res.StatusCode != http.StatusRequestTimeout {
		t.Errorf("%s %s", res.Status, text)
	}
	if o := receive(t, m.done); o.Class != proxy.ClassClientGone {
		t.Errorf("outcome %+v", o)
	}
	if e := h.entry(); e.Refused != "request-timeout" || e.Status != 408 {
		t.Errorf("logged %+v", e)
	}
}

func TestAClientThatTakesTooLittleIsShutOutAndOthersOfItsConnectionAreNot(t *testing.T) {
	m := newModule(t, "hello", func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/small" {
			return
		}
		w.Header().Set("Content-Type", r.URL.RawQuery)
		for buf := make([]byte, 1<<20); r.Context().Err() == nil; {
			if _, err := w.Write(buf); err != nil {
				return
			}
		}
	})
	h := newHouse(t, proxy.Config{BodyRate: 1 << 30, BodyGrace: 100 * time.Millisecond}, false, m)
	c := h.client()
	for _, kind := range []string{"text/plain", "text/event-stream"} {
		ctx, cancel := context.WithCancel(t.Context())
		res, err := c.Do(h.request("GET", "/large?"+kind, nil).WithContext(ctx))
		if err != nil {
			t.Fatal(err)
		}
		if kind == "text/plain" { // who takes nothing
			if o := receive(t, m.done); o.Class != proxy.ClassClientGone {
				t.Errorf("outcome %+v", o)
			}
		} else {
			time.Sleep(300 * time.Millisecond)
			if n := h.engine.Stats().InFlight; n != 1 {
				t.Errorf("%d in flight: who takes events slowly is shut out", n)
			}
		}
		if small, _ := h.get(c, "/small"); small.StatusCode != 200 {
			t.Errorf("another stream: %s", small.Status)
		}
		cancel()
		res.Body.Close()
		receive(t, m.done)
	}
	if n := h.engine.Stats().Connections; n != 1 {
		t.Errorf("%d connections", n)
	}
}

func TestAnAnswerThatBreaksOffEndsItsOwnStreamAlone(t *testing.T) {
	release := make(chan struct{})
	m := newModule(t, "hello", func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, "half")
		_ = http.NewResponseController(w).Flush()
		<-release
		if r.URL.Path == "/broken" {
			panic(http.ErrAbortHandler)
		}
	})
	h := newHouse(t, proxy.Config{}, true, m)
	c := h.client()
	answers := map[string]*http.Response{}
	for _, path := range []string{"/broken", "/whole"} {
		res, err := c.Do(h.request("GET", path, nil))
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		answers[path] = res
	}
	close(release)
	for _, path := range slices.Sorted(maps.Keys(answers)) {
		body, err := io.ReadAll(answers[path].Body)
		if string(body) != "half" || (err != nil) != (path == "/broken") {
			t.Errorf("%s: %q %v", path, body, err)
		}
	}
	if s := h.engine.Stats(); s.Broken != 1 || s.Connections != 1 {
		t.Errorf("%+v", s)
	}
}

func TestWhatNobodyServesIsRefusedWithoutEndingTheConnection(t *testing.T) {
	h := newHouse(t, proxy.Config{Director: refusing{proxy.ErrNoRoute}}, true)
	c := h.client()
	for range 3 {
		body, client := io.Pipe() // which never ends
		res, text := h.do(c, h.request("POST", "/", body))
		client.Close()
		if res.StatusCode != 404 || !strings.Contains(text, "no module serves this address") {
			t.Errorf("%s %s", res.Status, text)
		}
	}
	if n := h.engine.Stats().Connections; n != 1 {
		t.Errorf("%d connections", n)
	}
}

func TestAnEngineThatIsShutDownLetsStreamsEnd(t *testing.T) {
	release := make(chan struct{})
	m := newModule(t, "hello", func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, "half ")
		_ = http.NewResponseController(w).Flush()
		<-release
		_, _ = io.WriteString(w, "whole")
	})
	h := newHouse(t, proxy.Config{}, false, m)
	res, err := h.client().Do(h.request("GET", "/", nil))
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	done := make(chan error, 1)
	go func() { done <- h.engine.Shutdown(context.WithoutCancel(t.Context())) }()
	_, _ = io.ReadFull(res.Body, make([]byte, 5))
	close(release)
	if rest, err := io.ReadAll(res.Body); err != nil || string(rest) != "whole" {
		t.Errorf("%q %v", rest, err)
	}
	if err := receive(t, done); err != nil {
		t.Error(err)
	}
}
