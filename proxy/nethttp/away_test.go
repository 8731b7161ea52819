package nethttp_test

import (
	"bufio"
	"encoding/hex"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/segue-run/segue/proxy"
)

// events tells what comes out of say, and ends when the client goes or say is closed.
func events(say <-chan string, gone chan<- struct{}) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		defer func() { gone <- struct{}{} }()
		w.Header().Set("Content-Type", "text/event-stream")
		_ = http.NewResponseController(w).Flush()
		for {
			select {
			case text, ok := <-say:
				if !ok {
					return
				}
				_, _ = io.WriteString(w, text)
				_ = http.NewResponseController(w).Flush()
			case <-r.Context().Done():
				return
			}
		}
	}
}

// expect reads what was said.
func expect(t *testing.T, r io.Reader, want string) {
	t.Helper()
	got := make([]byte, len(want))
	if n, err := io.ReadFull(r, got); err != nil || string(got) != want {
		t.Fatalf("got %q, %v", got[:n], err)
	}
}

func TestEventsThatAreToldToGoAwayEndBetweenTwoOfThem(t *testing.T) {
	for _, http1 := range []bool{false, true} {
		say, gone := make(chan string), make(chan struct{})
		m := newModule(t, "hello", events(say, gone))
		h := newHouse(t, proxy.Config{}, false, m)
		c := h.client()
		if http1 {
			tr := &http.Transport{}
			t.Cleanup(tr.CloseIdleConnections)
			c = &http.Client{Transport: tr}
		}
		for name, parts := range map[string]struct {
			before, after []string
			want          string
		}{
			"while nothing comes":   {[]string{"data: 1\n\n"}, nil, ""},
			"within an event":       {[]string{"data: 1\n\n", "data: "}, []string{"2", "\n", "\n"}, "2\n\n"},
			"with the next one too": {[]string{"data: 1\n\n", "data: "}, []string{"2\n", "id: 1\n\ndata: 3\n"}, "2\nid: 1\n\n"},
		} {
			res, err := c.Do(h.request("GET", "/", nil))
			if err != nil {
				t.Fatal(err)
			}
			for _, part := range parts.before {
				say <- part
				expect(t, res.Body, part)
			}
			receive(t, m.answer)
			m.goAway()
			for _, part := range parts.after {
				say <- part
			}
			if rest, err := io.ReadAll(res.Body); err != nil || string(rest) != parts.want {
				t.Errorf("HTTP/%d, %s: %q, %v", res.ProtoMajor, name, rest, err)
			}
			res.Body.Close()
			if o := receive(t, m.done); o.Class != proxy.ClassDrained || !o.Reached {
				t.Errorf("%s: outcome %+v", name, o)
			}
			receive(t, gone)
		}
	}
}

func TestOnlyTheStreamsOfTheModuleThatGoesAwayEnd(t *testing.T) {
	say, gone := make(chan string), make(chan struct{}, 3)
	first, second := newModule(t, "first", events(nil, gone)), newModule(t, "second", events(say, gone))
	calls := newModule(t, "calls", func(w http.ResponseWriter, r *http.Request) {
		begin(w)
		for {
			text, err := next(r.Body)
			if err != nil {
				break
			}
			tell(w, text)
		}
		end(w, "0", "")
	})
	h := newHouse(t, proxy.Config{}, true, first, second, calls)
	c := h.client()
	answers := map[string]*http.Response{}
	body, talk := io.Pipe()
	for path, req := range map[string]*http.Request{"/first": h.request("GET", "/first", nil), "/second": h.request("GET", "/second", nil), "/calls": h.call("/calls", body)} {
		res, err := c.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		answers[path] = res
	}
	receive(t, first.answer)
	first.goAway()
	if rest, err := io.ReadAll(answers["/first"].Body); err != nil || len(rest) > 0 {
		t.Errorf("%q, %v", rest, err)
	}
	say <- "data: 1\n\n"
	expect(t, answers["/second"].Body, "data: 1\n\n")
	go func() { _, _ = talk.Write(message("hello")) }()
	if text, err := next(answers["/calls"].Body); err != nil || text != "hello" {
		t.Errorf("%q %v", text, err)
	}
	receive(t, calls.answer)
	calls.goAway()
	if rest, err := io.ReadAll(answers["/calls"].Body); err != nil || len(rest) > 0 || answers["/calls"].Trailer.Get("Grpc-Status") != "14" || answers["/calls"].Trailer.Get("Grpc-Message") == "" {
		t.Errorf("%q, %v, %v", rest, err, answers["/calls"].Trailer)
	}
	if o := receive(t, calls.done); o.Class != proxy.ClassDrained {
		t.Errorf("outcome %+v", o)
	}
	talk.Close()
	close(say)
	if rest, err := io.ReadAll(answers["/second"].Body); err != nil || len(rest) > 0 {
		t.Errorf("%q, %v", rest, err)
	}
	if n := h.engine.Stats().Connections; n != 1 {
		t.Errorf("%d connections", n)
	}
}

func TestACallThatIsAboutToEndEndsByItself(t *testing.T) {
	began, release := make(chan struct{}), make(chan struct{})
	m := newModule(t, "calls", func(w http.ResponseWriter, r *http.Request) {
		began <- struct{}{}
		<-release
		w.Header().Set("Content-Type", "application/grpc")
		for part := range strings.SplitAfterSeq(string(message("one and only")), " ") {
			_, _ = io.WriteString(w, part)
			_ = http.NewResponseController(w).Flush()
		}
		end(w, "0", "")
	})
	h := newHouse(t, proxy.Config{}, false, m)
	done := make(chan string, 1)
	go func() {
		res, body := h.do(h.client(), h.call("/", http.NoBody))
		done <- body + res.Trailer.Get("Grpc-Status")
	}()
	receive(t, began)
	m.goAway() // of what has no answer yet
	close(release)
	if got := receive(t, done); got != string(message("one and only"))+"0" {
		t.Errorf("got %q", got)
	}
	if o := receive(t, m.done); o.Class != proxy.ClassOK {
		t.Errorf("outcome %+v", o)
	}
}

func TestWhatIsNotLongOrCannotEndEarlyGoesOn(t *testing.T) {
	for name, header := range map[string]map[string]string{
		"not long":              {"Content-Type": "text/plain"},
		"of known length":       {"Content-Type": "text/event-stream", "Content-Length": "12"},
		"of a hidden structure": {"Content-Type": "text/event-stream", "Content-Encoding": "gzip"},
	} {
		release := make(chan struct{})
		m := newModule(t, "hello", func(w http.ResponseWriter, r *http.Request) {
			for name, value := range header {
				w.Header().Set(name, value)
			}
			_, _ = io.WriteString(w, "half\n\n")
			_ = http.NewResponseController(w).Flush()
			<-release
			_, _ = io.WriteString(w, "half\n\n")
		})
		h := newHouse(t, proxy.Config{}, false, m)
		res, err := h.client().Do(h.request("GET", "/", nil))
		if err != nil {
			t.Fatal(err)
		}
		expect(t, res.Body, "half\n\n")
		m.goAway()
		time.Sleep(150 * time.Millisecond) // longer than an end would be waited for
		close(release)
		if rest, err := io.ReadAll(res.Body); err != nil || string(rest) != "half\n\n" {
			t.Errorf("%s: %q, %v", name, rest, err)
		}
		res.Body.Close()
		if o := receive(t, m.done); o.Class != proxy.ClassOK {
			t.Errorf("%s: outcome %+v", name, o)
		}
	}
}

func TestAWebSocketIsToldToGoAwayAndItsAnswerComesToTheModule(t *testing.T) {
	type frames struct{ client, rest string }
	heard := make(chan frames, 1)
	m := newModule(t, "hello", func(w http.ResponseWriter, r *http.Request) {
		conn, rw, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		defer conn.Close()
		fmt.Fprint(rw, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n\x81\x02hi\x81\x05")
		rw.Flush()
		buf := make([]byte, 7)
		_, _ = io.ReadFull(rw, buf) // a message of the client's, in the midst of ours
		_, _ = io.WriteString(conn, "hello\x81\x02no")
		rest := make([]byte, 8)
		_, _ = io.ReadFull(rw, rest)
		heard <- frames{string(buf), string(rest)}
	})
	h := newHouse(t, proxy.Config{}, false, m)
	conn, err := net.Dial("tcp", h.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(patience))
	fmt.Fprint(conn, "GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
	r := bufio.NewReader(conn)
	res, err := http.ReadResponse(r, nil)
	if err != nil || res.StatusCode != 101 {
		t.Fatalf("%v %v", res, err)
	}
	expect(t, r, "\x81\x02hi\x81\x05")
	if a := receive(t, m.answer); !a.Long {
		t.Errorf("%+v", a)
	}
	m.goAway()
	const ping, closing = "\x89\x81\x01\x02\x03\x04x", "\x88\x82\x01\x02\x03\x04\x02\xeb"
	_, _ = io.WriteString(conn, ping)
	expect(t, r, "hello\x81\x02no") // what came with the border passes, where it is whole
	farewell := make([]byte, 4)
	if _, err := io.ReadFull(r, farewell); err != nil || farewell[0] != 0x88 || farewell[2] != 3 || farewell[3] != 0xe9 {
		t.Fatalf("%s %v", hex.EncodeToString(farewell), err)
	}
	_, _ = io.WriteString(conn, closing)
	if f := receive(t, heard); f.client != ping || f.rest != closing {
		t.Errorf("the module got %q and %q", f.client, f.rest)
	}
	if _, err := io.Copy(io.Discard, r); err != nil {
		t.Error(err)
	}
	if o := receive(t, m.done); o.Class != proxy.ClassDrained {
		t.Errorf("outcome %+v", o)
	}
}
