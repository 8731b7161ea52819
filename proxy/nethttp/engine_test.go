package nethttp_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/textproto"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/segue-run/segue/proxy"
	"github.com/segue-run/segue/proxy/nethttp"
)

func TestAModuleGetsTheRequestAndTheClientTheAnswer(t *testing.T) {
	h, m := front(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		w.Header().Set("X-Answer", "yes")
		w.WriteHeader(http.StatusCreated)
		fmt.Fprintf(w, "%s %s %s %s", r.Method, r.Host, r.RequestURI, body)
	})
	req, _ := http.NewRequest("PUT", h.url("/a/%2e/b%20c//?x=1&y=%2F;z"), strings.NewReader("hello"))
	req.Host = "Shop.Example:81"
	res, err := h.client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := read(t, res), "PUT Shop.Example:81 /a/b%20c/?x=1&y=%2F;z hello"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if res.StatusCode != http.StatusCreated || res.Header.Get("X-Answer") != "yes" {
		t.Errorf("got %v %v", res.Status, res.Header)
	}
	o := m.outcome(t)
	if o.Class != proxy.ClassOK || o.Status != 201 || o.BytesIn != 5 || o.BytesOut != int64(len("PUT Shop.Example:81 /a/b%20c/?x=1&y=%2F;z hello")) || !o.Reached || o.Duration <= 0 {
		t.Errorf("outcome %+v", o)
	}
}

func TestEveryAnswerNamesItsReleaseOnce(t *testing.T) {
	m := newModule(t, "1.0.0", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Add("Segue-Release", "forged@9")
		w.Header().Add("segue-release", "forged@8")
		w.Header().Add("Segue-Secret", "x")
	}))
	for _, c := range []struct {
		omit bool
		want []string
	}{{false, []string{"hello@1.0.0"}}, {true, nil}} {
		h := newHouse(t, nethttp.Config{OmitRelease: c.omit}, stable(t, m.Target))
		res, _ := h.get("/")
		if got := res.Header["Segue-Release"]; !slices.Equal(got, c.want) {
			t.Errorf("omit %v: got %q", c.omit, got)
		}
		if res.Header.Get("Segue-Secret") != "" {
			t.Error("an internal header of the module got out")
		}
	}
}

func TestHeadKeepsTheLengthAndNothingIsGuessed(t *testing.T) {
	h, _ := front(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header()["Content-Type"] = nil
		w.Header().Set("Content-Length", "15")
		io.WriteString(w, "<html>123456789")
	})
	res, err := h.client.Head(h.url("/"))
	if err != nil || res.ContentLength != 15 || read(t, res) != "" {
		t.Errorf("got %v %v", res, err)
	}
	res, body := h.get("/")
	if _, ok := res.Header["Content-Type"]; ok || body != "<html>123456789" {
		t.Errorf("got %v %q", res.Header, body)
	}
}

func TestServerSentEventsArriveOneByOne(t *testing.T) {
	next := make(chan string)
	h, _ := front(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		http.NewResponseController(w).Flush()
		for event := range next {
			fmt.Fprintf(w, "data: %s\n\n", event)
			http.NewResponseController(w).Flush()
		}
	})
	res, err := h.client.Get(h.url("/")) // the head comes before any event
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	r := bufio.NewReader(res.Body)
	for _, event := range []string{"one", "two", "three"} {
		next <- event
		if line, err := r.ReadString('\n'); err != nil || line != "data: "+event+"\n" {
			t.Fatalf("got %q, %v", line, err)
		}
		_, _ = r.ReadString('\n')
	}
	close(next)
}

func TestAKnownLengthIsFlushedPieceByPieceToo(t *testing.T) {
	next := make(chan struct{})
	h, _ := front(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Length", "6")
		for range 3 {
			io.WriteString(w, "ab")
			http.NewResponseController(w).Flush()
			<-next
		}
	})
	res, err := h.client.Get(h.url("/"))
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	for range 3 {
		piece := make([]byte, 2)
		if _, err := io.ReadFull(res.Body, piece); err != nil || string(piece) != "ab" {
			t.Fatalf("got %q, %v", piece, err)
		}
		next <- struct{}{}
	}
}

func TestBothSidesStreamAtTheSameTime(t *testing.T) {
	h, _ := front(t, func(w http.ResponseWriter, r *http.Request) {
		rc := http.NewResponseController(w)
		rc.EnableFullDuplex()
		rc.Flush()
		lines := bufio.NewScanner(r.Body)
		for lines.Scan() {
			fmt.Fprintln(w, "echo", lines.Text())
			rc.Flush()
		}
	})
	body, client := io.Pipe()
	req, _ := http.NewRequest("POST", h.url("/"), body)
	res, err := h.client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	answer := bufio.NewReader(res.Body)
	for i := range 5 {
		fmt.Fprintln(client, i)
		if line, err := answer.ReadString('\n'); err != nil || line != fmt.Sprintln("echo", i) {
			t.Fatalf("got %q, %v", line, err)
		}
	}
	client.Close()
	if rest, err := io.ReadAll(answer); err != nil || len(rest) > 0 {
		t.Fatalf("got %q, %v", rest, err)
	}
}

func TestTrailersGoBothWaysAndNoOthers(t *testing.T) {
	h, _ := front(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Trailer", "X-Sum, Segue-Release")
		io.Copy(io.Discard, r.Body)
		io.WriteString(w, "body")
		w.Header().Set("X-Sum", "17")
		w.Header().Set("Segue-Release", "forged@1")
		w.Header().Set(http.TrailerPrefix+"X-Late", fmt.Sprint(r.Trailer))
	})
	res := h.exchange("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nTrailer: X-Up, X-Forwarded-For\r\n\r\n" +
		"2\r\nhi\r\n0\r\nX-Up: 1\r\nX-Forwarded-For: 6.6.6.6\r\nX-Unannounced: 1\r\n\r\n")
	if got := read(t, res); got != "body" {
		t.Errorf("got %q", got)
	}
	if got := res.Trailer.Get("X-Sum"); got != "17" {
		t.Errorf("X-Sum is %q in %v", got, res.Trailer)
	}
	if got, want := res.Trailer.Get("X-Late"), "map[X-Up:[1]]"; got != want {
		t.Errorf("the module got trailers %q, want %q", got, want)
	}
	if _, ok := res.Trailer["Segue-Release"]; ok {
		t.Errorf("trailers %v", res.Trailer)
	}
}

func TestInformationalAnswersComeThrough(t *testing.T) {
	h, _ := front(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Link", "</style.css>")
		w.Header().Set("Segue-Secret", "x")
		w.WriteHeader(http.StatusEarlyHints)
		w.Header().Del("Link")
		io.WriteString(w, "done")
	})
	var hints []string
	trace := &httptrace.ClientTrace{Got1xxResponse: func(code int, h textproto.MIMEHeader) error {
		hints = append(hints, fmt.Sprint(code, h.Get("Link"), h.Get("Segue-Secret")))
		return nil
	}}
	req, _ := http.NewRequestWithContext(httptrace.WithClientTrace(t.Context(), trace), "GET", h.url("/"), nil)
	res, err := h.client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	if body := read(t, res); body != "done" || res.Header.Get("Link") != "" {
		t.Errorf("got %q %v", body, res.Header)
	}
	if want := []string{"103</style.css>"}; !slices.Equal(hints, want) {
		t.Errorf("got %q, want %q", hints, want)
	}
}

func TestABodyIsAskedForOnlyWhenTheModuleWantsIt(t *testing.T) {
	h, _ := front(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/no" {
			w.WriteHeader(http.StatusRequestEntityTooLarge)
			return
		}
		body, _ := io.ReadAll(r.Body)
		w.Write(body)
	})
	conn, r := h.raw()
	head := "POST %s HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n"
	fmt.Fprintf(conn, head, "/yes")
	if line, _ := r.ReadString('\n'); line != "HTTP/1.1 100 Continue\r\n" {
		t.Fatalf("got %q", line)
	}
	_, _ = r.ReadString('\n')
	io.WriteString(conn, "body")
	res, err := http.ReadResponse(r, nil)
	if err != nil || read(t, res) != "body" {
		t.Fatalf("got %v, %v", res, err)
	}
	fmt.Fprintf(conn, head, "/no")
	if res, err = http.ReadResponse(r, nil); err != nil || res.StatusCode != http.StatusRequestEntityTooLarge {
		t.Fatalf("got %v, %v", res, err)
	}
}

func TestBigBodiesPassInConstantMemory(t *testing.T) {
	h, m := front(t, func(w http.ResponseWriter, r *http.Request) {
		http.NewResponseController(w).EnableFullDuplex()
		io.Copy(w, r.Body)
	})
	const size = 192 << 20
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	// Unknown length one way, and therefore the other.
	sent, got := sha256.New(), sha256.New()
	body := io.TeeReader(io.LimitReader(rand.Reader, size), sent)
	res, err := h.client.Post(h.url("/"), "application/octet-stream", struct{ io.Reader }{body})
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if n, err := io.Copy(got, res.Body); err != nil || n != size {
		t.Fatalf("%d bytes, %v", n, err)
	}
	runtime.ReadMemStats(&after)
	if !bytes.Equal(sent.Sum(nil), got.Sum(nil)) {
		t.Error("the body changed on the way")
	}
	if grown := int64(after.Sys) - int64(before.Sys); grown > size/4 {
		t.Errorf("memory grew by %d MiB", grown>>20)
	}
	if o := m.outcome(t); o.BytesIn != size || o.BytesOut != size {
		t.Errorf("outcome %+v", o)
	}
}

func TestAnAnswerThatBreaksOffBreaksOffForTheClient(t *testing.T) {
	h, m := front(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/length" {
			w.Header().Set("Content-Length", "100")
		}
		io.WriteString(w, "the first half")
		http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	})
	for _, c := range []struct{ path, proto string }{{"/length", "1.1"}, {"/chunked", "1.1"}, {"/length", "1.0"}, {"/chunked", "1.0"}} {
		conn, r := h.raw()
		fmt.Fprintf(conn, "GET %s HTTP/%s\r\nHost: x\r\n\r\n", c.path, c.proto)
		res, err := http.ReadResponse(r, nil)
		if err == nil {
			var body []byte
			body, err = io.ReadAll(res.Body)
			if err == nil {
				t.Errorf("%v: a clean end after %q", c, body)
			}
		}
		o := m.outcome(t)
		if o.Class != proxy.ClassTransport || o.Status != 200 || !o.Reached || o.Err == nil {
			t.Errorf("%v: outcome %+v", c, o)
		}
	}
	if got := h.engine.Stats().Broken; got != 4 {
		t.Errorf("%d broken answers counted", got)
	}
}

func TestAClientThatLeavesIsNotTheModulesFault(t *testing.T) {
	began, ended := make(chan struct{}, 1), make(chan struct{}, 1)
	h, m := front(t, func(w http.ResponseWriter, r *http.Request) {
		began <- struct{}{}
		io.Copy(io.Discard, r.Body)
		<-r.Context().Done()
		ended <- struct{}{}
	})
	for _, request := range []string{
		"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
		"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nhalf",
		"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n",
	} {
		conn, _ := h.raw()
		io.WriteString(conn, request)
		<-began
		conn.Close()
		if o := m.outcome(t); o.Class != proxy.ClassClientGone {
			t.Errorf("%q: outcome %+v", request, o)
		}
		<-ended
	}
}

func TestABrokenBodyIsTheClientsFault(t *testing.T) {
	h, m := front(t, func(w http.ResponseWriter, r *http.Request) { io.Copy(io.Discard, r.Body) })
	res := h.exchange("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nhalf\r\n")
	if res.StatusCode != http.StatusBadRequest {
		t.Errorf("got %v", res.Status)
	}
	if o := m.outcome(t); o.Class != proxy.ClassClientGone {
		t.Errorf("outcome %+v", o)
	}
}

// After an answer that came before the body was read, what is left of the body must
// not be read as a request.
func TestTheRestOfABodyIsNoRequest(t *testing.T) {
	h, _ := front(t, func(w http.ResponseWriter, r *http.Request) {
		rc := http.NewResponseController(w)
		rc.EnableFullDuplex()
		w.Header().Set("Content-Length", strconv.Itoa(len(r.URL.Path)))
		io.WriteString(w, r.URL.Path)
		rc.Flush()
		panic(http.ErrAbortHandler)
	})
	inner := "GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n"
	conn, r := h.raw()
	fmt.Fprintf(conn, "POST /first HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n", 4096+len(inner))
	res, err := http.ReadResponse(r, nil)
	if err != nil || read(t, res) != "/first" {
		t.Fatalf("got %v, %v", res, err)
	}
	io.WriteString(conn, strings.Repeat("x", 4096)+inner)
	if rest, _ := io.ReadAll(r); len(rest) > 0 {
		t.Errorf("got another answer: %q", rest)
	}
}

func TestANewConnectionIsMadeForEachTargetAndKept(t *testing.T) {
	h, m := front(t, func(w http.ResponseWriter, r *http.Request) {})
	for range 20 {
		h.get("/")
	}
	if n := m.opened.Load(); n != 1 {
		t.Errorf("%d connections", n)
	}
	if err := m.Drain(t.Context()); err != nil {
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
	h := newHouse(t, nethttp.Config{}, stable(t, m.Target))
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
	h := newHouse(t, nethttp.Config{}, stable(t, m.Target))
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
