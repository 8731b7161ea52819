package conformance_test

import (
	"bufio"
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"net/textproto"
	"runtime"
	"slices"
	"strconv"
	"testing"

	"github.com/segue-run/segue/proxy"
)

func TestServerSentEventsArriveOneByOne(t *testing.T) {
	next := make(chan string)
	h, _ := usual(t, func(w http.ResponseWriter, r *http.Request) {
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
	h, _ := usual(t, func(w http.ResponseWriter, r *http.Request) {
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
	h, _ := usual(t, func(w http.ResponseWriter, r *http.Request) {
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
	h, _ := usual(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Trailer", "X-Sum, Segue-Release")
		io.Copy(io.Discard, r.Body)
		io.WriteString(w, "body")
		w.Header().Set("X-Sum", "17")
		w.Header().Set("Segue-Release", "forged@1")
		w.Header().Set(http.TrailerPrefix+"Segue_release", "forged@1")
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
	if len(res.Trailer) != 2 {
		t.Errorf("trailers %v", res.Trailer)
	}
}

func TestInformationalAnswersComeThrough(t *testing.T) {
	h, _ := usual(t, func(w http.ResponseWriter, r *http.Request) {
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
	h, _ := usual(t, func(w http.ResponseWriter, r *http.Request) {
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
	h, m := usual(t, func(w http.ResponseWriter, r *http.Request) {
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
	h, m := usual(t, func(w http.ResponseWriter, r *http.Request) {
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

// After an answer that came before the body was read, what is left of the body must
// not be read as a request, however late it comes.
func TestTheRestOfABodyIsNoRequest(t *testing.T) {
	h, _ := usual(t, func(w http.ResponseWriter, r *http.Request) {
		rc := http.NewResponseController(w)
		rc.EnableFullDuplex()
		w.Header().Set("Content-Length", strconv.Itoa(len(r.URL.Path)))
		io.WriteString(w, r.URL.Path)
		rc.Flush()
		panic(http.ErrAbortHandler)
	})
	rest := "GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n"
	request := fmt.Sprintf("POST /first HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n", len(rest))
	for _, late := range []bool{false, true} {
		conn, r := h.raw()
		io.WriteString(conn, request)
		res, err := http.ReadResponse(r, nil)
		if err != nil || read(t, res) != "/first" || !res.Close {
			t.Fatalf("got %v, %v", res, err)
		}
		if !late {
			io.WriteString(conn, rest)
		}
		// The engine closes the connection, whether the rest comes or not.
		if more, err := io.ReadAll(r); err != nil || len(more) > 0 {
			t.Errorf("late %v: got %q, %v", late, more, err)
		}
	}
}
