package conformance_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/segue-run/segue/proxy"
	"github.com/segue-run/segue/proxy/balance"
)

// recorded is a tap that writes down what it is shown.
type recorded struct {
	mu    sync.Mutex
	steps []string
	ended chan bool
}

func newRecorded() *recorded { return &recorded{ended: make(chan bool, 1)} }

func (r *recorded) note(kind string, p []byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if last := len(r.steps) - 1; last >= 0 && strings.HasPrefix(r.steps[last], kind) {
		r.steps[last] += string(p)
		return
	}
	r.steps = append(r.steps, kind+string(p))
}

func (r *recorded) Sent(p []byte)                  { r.note("sent ", p) }
func (r *recorded) Head(status int, _ http.Header) { r.note("head ", fmt.Append(nil, status)) }
func (r *recorded) Body(p []byte)                  { r.note("body ", p) }
func (r *recorded) End(whole bool)                 { r.ended <- whole }

func TestATapIsShownWhatPasses(t *testing.T) {
	m := newModule(t, "1", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/broken":
			io.WriteString(w, strings.Repeat("x", 10_000))
			_ = http.NewResponseController(w).Flush()
			panic(http.ErrAbortHandler)
		case "/crash":
			breakOffAfter("")(w, r)
		default:
			echo(w, r)
		}
	}))
	for _, c := range []struct {
		request string
		whole   bool
		want    []string
	}{
		{"GET /?a=1", true, []string{"head 200", "body hello"}},
		{"POST /", true, []string{"sent bytes", "head 200", "body bytes"}},
		{"GET /broken", false, []string{"head 200", "body " + strings.Repeat("x", 10_000)}},
		{"GET /crash", false, nil},
	} {
		g, made := stable(t), newRecorded()
		if err := g.Apply(balance.Split{Shares: []balance.Share{{Release: m.Release, Weight: balance.Full, Stable: true}},
			Tap: func(r *proxy.Request) proxy.Tap {
				if path, query, _ := strings.Cut(strings.Fields(c.request)[1], "?"); r.Path != path || r.Query != query {
					t.Errorf("%s: asked for %s?%s", c.request, r.Path, r.Query)
				}
				return made
			}}); err != nil {
			t.Fatal(err)
		}
		h := newHouse(t, proxy.Config{}, g)
		method, target, _ := strings.Cut(c.request, " ")
		var body io.Reader
		if method == "POST" {
			body = strings.NewReader("bytes")
		}
		req, _ := http.NewRequest(method, h.url(target), body)
		if res, err := h.client.Do(req); err == nil {
			io.Copy(io.Discard, res.Body)
			res.Body.Close()
		}
		if whole := <-made.ended; whole != c.whole || !slices.Equal(made.steps, c.want) {
			t.Errorf("%s: %.100q, whole %v", c.request, made.steps, whole)
		}
	}
}

func TestATapThatWasNotShownTheWholeRequestIsTold(t *testing.T) {
	m := newModule(t, "1", answering("HTTP/1.1 403 x\r\nContent-Length: 0\r\n\r\n"))
	g, made := stable(t), newRecorded()
	if err := g.Apply(balance.Split{Shares: []balance.Share{{Release: m.Release, Weight: balance.Full, Stable: true}},
		Tap: func(*proxy.Request) proxy.Tap { return made }}); err != nil {
		t.Fatal(err)
	}
	h := newHouse(t, proxy.Config{}, g)
	conn, r := h.raw()
	io.WriteString(conn, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nhello")
	if res, err := http.ReadResponse(r, nil); err != nil || res.StatusCode != 403 {
		t.Fatalf("got %v, %v", res, err)
	}
	if whole := <-made.ended; whole {
		t.Error("half a request is whole")
	}
}

func TestTheModulesOwnTimeIsNotTheClients(t *testing.T) {
	const pause = 100 * time.Millisecond
	h, m := usual(t, func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		if r.URL.Path == "/slow" {
			time.Sleep(pause)
		}
		_ = http.NewResponseController(w).Flush()
		time.Sleep(2 * pause) // after the head
		if r.URL.Path == "/crash" {
			panic(http.ErrAbortHandler)
		}
	})
	upload := func(path string) {
		conn, r := h.raw()
		io.WriteString(conn, "POST "+path+" HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\na")
		time.Sleep(3 * pause)
		io.WriteString(conn, "b")
		res, err := http.ReadResponse(r, nil)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, res.Body)
	}
	upload("/slow")
	if o := m.outcome(t); o.Wait < pause || o.Wait > o.Duration-5*pause || o.Duration < 6*pause {
		t.Errorf("waited %s of %s", o.Wait, o.Duration)
	}
	upload("/quick")
	if o := m.outcome(t); o.Wait > o.Duration-5*pause {
		t.Errorf("waited %s of %s", o.Wait, o.Duration)
	}
	upload("/crash")
	if o := m.outcome(t); !errors.Is(o.Err, io.ErrUnexpectedEOF) || o.Wait > o.Duration-5*pause {
		t.Errorf("waited %s of %s: %v", o.Wait, o.Duration, o.Err)
	}
	if l := m.Latency(); l.Count() != 3 || l.Sum() > 10*pause {
		t.Errorf("latency of %d, together %s", l.Count(), l.Sum())
	}
}
