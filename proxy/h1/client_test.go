package h1_test

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/segue-run/segue/proxy"
)

func TestAHeadThatDoesNotComeInTimeIsRefused(t *testing.T) {
	h := newHouse(t, proxy.Config{HeadTimeout: 300 * time.Millisecond}, newModule(t, always(answerOK)), proxy.Route{})
	c := h.dial()
	c.send("GET / HTTP/1.1\r\nHo")
	if res, _ := c.answer("GET"); res.StatusCode != 408 || !res.Close {
		t.Errorf("got %v", res)
	}
	c.ended()
	c = h.dial()
	c.ended() // nothing was asked, nothing is said
}

func TestAnIdleConnectionIsClosed(t *testing.T) {
	h := newHouse(t, proxy.Config{IdleTimeout: 200 * time.Millisecond}, newModule(t, always(answerOK)), proxy.Route{})
	c := h.dial()
	c.send(get)
	c.answer("GET")
	c.ended()
}

func TestABodyThatComesTooSlowlyIsRefused(t *testing.T) {
	h := newHouse(t, proxy.Config{BodyGrace: 300 * time.Millisecond, BodyRate: 1 << 20}, newModule(t, always(answerOK)), proxy.Route{})
	c := h.dial()
	c.send(lines("POST / HTTP/1.1", "Host: x", "Content-Length: 100") + "some")
	if res, _ := c.answer("POST"); res.StatusCode != 408 || !res.Close {
		t.Errorf("got %v", res)
	}
	if o := h.outcome(); o.Class != proxy.ClassClientGone || o.BytesIn != 4 {
		t.Errorf("outcome %+v", o)
	}
	c.ended()
}

func TestABodyThatComesAtItsRatePasses(t *testing.T) {
	h := newHouse(t, proxy.Config{BodyGrace: 300 * time.Millisecond, BodyRate: 1}, newModule(t, always(answerOK)), proxy.Route{})
	c := h.dial()
	c.send(lines("POST / HTTP/1.1", "Host: x", "Content-Length: 20"))
	for range 20 {
		c.send("x")
		time.Sleep(40 * time.Millisecond) // twice the grace, all together
	}
	if res, _ := c.answer("POST"); res.StatusCode != 200 {
		t.Errorf("got %v", res)
	}
}

// flood answers with more than all buffers on the way hold.
func flood(contentType string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", contentType)
		for {
			if _, err := w.Write(make([]byte, 1<<20)); err != nil {
				return
			}
		}
	}
}

func TestAClientThatTakesNothingIsShutOut(t *testing.T) {
	h := newHouse(t, proxy.Config{BodyGrace: 300 * time.Millisecond, BodyRate: 1 << 30}, speaking(t, flood("text/plain")), proxy.Route{})
	c := h.dial()
	c.send(get)
	if o := h.outcome(); o.Class != proxy.ClassClientGone || !o.Reached {
		t.Errorf("outcome %+v", o)
	}
}

func TestAClientThatTakesItsAnswerSlowlyGetsIt(t *testing.T) {
	const size = 32 << 20
	h := newHouse(t, proxy.Config{BodyGrace: 100 * time.Millisecond, BodyRate: 1 << 20}, speaking(t, func(w http.ResponseWriter, r *http.Request) {
		w.Write(make([]byte, size))
	}), proxy.Route{})
	c := h.dial()
	_ = c.Conn.(*net.TCPConn).SetReadBuffer(1 << 16)
	c.send(get)
	time.Sleep(50 * time.Millisecond)
	buf := make([]byte, 1<<20)
	total := 0
	for {
		n, err := c.Conn.Read(buf)
		if total += n; err != nil {
			t.Fatalf("after %d bytes: %v", total, err)
		}
		if total > size {
			break
		}
		if total < 16<<20 && n > 0 {
			time.Sleep(time.Millisecond)
		}
	}
	if o := h.outcome(); o.Class != proxy.ClassOK || o.BytesOut != size {
		t.Errorf("outcome %+v", o)
	}
}

func TestABodyThatIsTooLongIsRefused(t *testing.T) {
	chunked := "Transfer-Encoding: chunked"
	body := strings.Repeat("a\r\n0123456789\r\n", 20) + "0\r\n\r\n"
	for _, c := range []struct {
		name, header, body string
		limit, route       int64
		want               int
	}{
		{"a known length", "Content-Length: 11", "01234567890", 10, 0, 413},
		{"as long as allowed", "Content-Length: 10", "0123456789", 10, 0, 200},
		{"chunks", chunked, body, 100, 0, 413},
		{"as many chunks as allowed", chunked, body, 200, 0, 200},
		{"a route allows more", chunked, body, 100, 200, 200},
		{"a route allows less", "Content-Length: 10", "0123456789", 100, 9, 413},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := newHouse(t, proxy.Config{Limits: proxy.Limits{Body: c.limit}}, newModule(t, always(answerOK)), proxy.Route{MaxBody: c.route})
			client := h.dial()
			client.send(lines("POST / HTTP/1.1", "Host: x", c.header) + c.body)
			if res, _ := client.answer("POST"); res.StatusCode != c.want || res.Close != (c.want == 413) {
				t.Errorf("got %v", res)
			}
			if o := h.outcome(); (o.Class == proxy.ClassClientGone) != (c.want == 413) {
				t.Errorf("outcome %+v", o)
			}
			if c.want == 413 {
				client.ended()
			}
		})
	}
}

func TestPipelinedRequestsAreAnsweredInOrder(t *testing.T) {
	m := speaking(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		fmt.Fprintf(w, "%s %s", r.URL.Path, body)
	})
	h := newHouse(t, proxy.Config{}, m, proxy.Route{})
	var all, want []string
	for i := range 50 {
		switch i % 3 {
		case 0:
			all = append(all, lines(fmt.Sprintf("GET /%d HTTP/1.1", i), "Host: x"))
			want = append(want, fmt.Sprintf("/%d ", i))
		case 1:
			all = append(all, lines(fmt.Sprintf("POST /%d HTTP/1.1", i), "Host: x", "Content-Length: 4")+"body")
			want = append(want, fmt.Sprintf("/%d body", i))
		default:
			all = append(all, lines(fmt.Sprintf("POST /%d HTTP/1.1", i), "Host: x", "Transfer-Encoding: chunked")+"2\r\nbo\r\n2\r\ndy\r\n0\r\n\r\n")
			want = append(want, fmt.Sprintf("/%d body", i))
		}
	}
	for _, bytewise := range []bool{false, true} {
		c := h.dial()
		var wg sync.WaitGroup
		wg.Go(func() {
			stream := strings.Join(all, "")
			if !bytewise {
				_, _ = io.WriteString(c.Conn, stream)
				return
			}
			for i := range len(stream) {
				_, _ = io.WriteString(c.Conn, stream[i:i+1])
			}
		})
		for _, want := range want {
			if _, got := c.answer("GET"); got != want {
				t.Fatalf("bytewise %v: got %q, want %q", bytewise, got, want)
			}
		}
		wg.Wait()
	}
}

func TestAnOldClientGetsWhatItKnows(t *testing.T) {
	m := speaking(t, func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, "part ")
		if r.URL.Path == "/stream" {
			_ = http.NewResponseController(w).Flush()
		}
		io.WriteString(w, "part")
	})
	h := newHouse(t, proxy.Config{}, m, proxy.Route{})
	c := h.dial()
	for range 2 {
		c.send("GET /known HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
		res, body := c.answer("GET")
		if body != "part part" || res.Header.Get("Connection") != "keep-alive" || len(res.TransferEncoding) > 0 {
			t.Errorf("got %v %q", res, body)
		}
	}
	c.send("GET /stream HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
	if res, body := c.answer("GET"); body != "part part" || !res.Close || len(res.TransferEncoding) > 0 {
		t.Errorf("got %v %q", res, body)
	}
	c.ended()
}

func TestEveryRequestIsTold(t *testing.T) {
	entries := make(chan proxy.Entry, 10)
	h := newHouse(t, proxy.Config{Log: func(e *proxy.Entry) { entries <- *e }}, newModule(t, always(answerOK)), proxy.Route{Pattern: "/"})
	for _, c := range []struct {
		request, refused string
		status           int
		routed           bool
	}{
		{get, "", 200, true},
		{"GET /a%2fb HTTP/1.1\r\nHost: x\r\n\r\n", "bad-address", 400, false},
		{"GET / HTTP/1.1\r\nHost: x\r\nA : b\r\n\r\n", "bad-request", 400, false},
	} {
		client := h.dial()
		client.send(c.request)
		if res, _ := client.answer("GET"); res.StatusCode != c.status || res.Header.Get("X-Request-Id") == "" {
			t.Errorf("%q: got %v", c.request, res)
		}
		e := receive(t, entries)
		if e.Status != c.status || e.Refused != c.refused || (e.Route != nil) != c.routed || e.Duration <= 0 || e.Began.IsZero() ||
			e.Request.ID == "" || !e.Request.Remote.IsValid() || (e.Labels.Module != "") != c.routed {
			t.Errorf("%q: %+v", c.request, e)
		}
	}
}
