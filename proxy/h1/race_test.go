package h1_test

import (
	"bufio"
	"bytes"
	"io"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/segue-run/segue/proxy"
)

// echo sends back what comes, as it comes, from its very beginning.
func echo(contentType string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		client := http.NewResponseController(w)
		_ = client.EnableFullDuplex()
		w.Header().Set("Content-Type", contentType)
		_ = client.Flush()
		buf := make([]byte, 100)
		for {
			n, err := r.Body.Read(buf)
			_, _ = w.Write(buf[:n])
			if err != nil {
				return
			}
			_ = client.Flush()
		}
	}
}

// streams sends a body behind the head of its answer, after a pause, and checks what comes
// back.
func (c *client) streams(headed func(), pause time.Duration) {
	c.t.Helper()
	c.send(lines("POST / HTTP/1.1", "Host: x", "Transfer-Encoding: chunked"))
	res, err := http.ReadResponse(c.Reader, nil)
	if err != nil {
		c.t.Fatal(err)
	}
	headed()
	time.Sleep(pause)
	c.send("4\r\nbody\r\n0\r\n\r\n")
	if body, err := io.ReadAll(res.Body); string(body) != "body" || err != nil {
		c.t.Errorf("got %q, %v", body, err)
	}
}

func TestWhatComesOfABodyGivesItsAnswerTimeAtOnce(t *testing.T) {
	h := newHouse(t, proxy.Config{}, speaking(t, echo("text/plain")), proxy.Route{Timeouts: proxy.Timeouts{Idle: time.Second}})
	h.engine.Between(func(step string) {
		if step == "read a body" {
			h.engine.Sweep()
		}
	})
	h.dial().streams(func() {}, 1500*time.Millisecond)
	if o := h.outcome(); o.Class != proxy.ClassOK {
		t.Errorf("outcome %+v", o)
	}
}

func TestABodyIsNotLimitedAnyMoreOnceItsAnswerIsLong(t *testing.T) {
	headed := make(chan struct{})
	h := newHouse(t, proxy.Config{BodyGrace: 300 * time.Millisecond, BodyRate: 1 << 20}, speaking(t, echo("text/event-stream")), proxy.Route{})
	h.engine.Between(func(step string) {
		if step == "limit a body" {
			receive(t, headed)
		}
	})
	h.dial().streams(func() { close(headed) }, time.Second)
	if o := h.outcome(); o.Class != proxy.ClassOK {
		t.Errorf("outcome %+v", o)
	}
}

// meeting is a client's connection on which what begins with a word comes at the very moment
// at which the time for it is over.
type meeting struct {
	net.Conn
	word string
	came chan struct{} // closed when it has
	over chan struct{} // closed when the time is
	once sync.Once
}

func (m *meeting) Read(p []byte) (int, error) {
	n, err := m.Conn.Read(p)
	if bytes.HasPrefix(p[:n], []byte(m.word)) {
		close(m.came)
		<-m.over
	}
	return n, err
}

func (m *meeting) SetReadDeadline(at time.Time) error {
	err := m.Conn.SetReadDeadline(at)
	if !at.IsZero() && at.Before(time.Now()) {
		m.once.Do(func() { close(m.over) })
	}
	return err
}

// meets opens a connection that is a meeting.
func (h *house) meets(word string) (*client, *meeting) {
	h.t.Helper()
	m := &meeting{word: word, came: make(chan struct{}), over: make(chan struct{})}
	return h.wrapped(func(conn net.Conn) net.Conn {
		m.Conn = conn
		return m
	}), m
}

func TestARequestThatBeginsAsItsTimeEndsIsServed(t *testing.T) {
	h := newHouse(t, proxy.Config{HeadTimeout: 300 * time.Millisecond}, newModule(t, always(answerOK)), proxy.Route{})
	c, m := h.meets("GET")
	c.send("GET / HTTP/1.1\r\n")
	receive(t, m.over)
	c.send("Host: x\r\n\r\n")
	if res, body := c.answer("GET"); res.StatusCode != 200 || body != "ok" {
		t.Errorf("got %v %q", res.Status, body)
	}
}

func TestABodyOfWhichSomeComesAsItsTimeEndsGoesOn(t *testing.T) {
	begun := make(chan struct{})
	h := newHouse(t, proxy.Config{BodyGrace: 300 * time.Millisecond, BodyRate: 1}, speaking(t, func(w http.ResponseWriter, r *http.Request) {
		close(begun)
		_, _ = io.Copy(w, r.Body)
	}), proxy.Route{})
	c, m := h.meets("some")
	c.send(lines("POST / HTTP/1.1", "Host: x", "Content-Length: 8"))
	receive(t, begun)
	c.send("some")
	receive(t, m.over)
	c.send("more")
	if res, body := c.answer("POST"); res.StatusCode != 200 || body != "somemore" {
		t.Errorf("got %v %q", res.Status, body)
	}
}

// stopping is a module's connection whose writing is stopped when all was written.
type stopping struct {
	net.Conn
	written chan struct{} // closed then
	stopped *atomic.Bool
}

func (s stopping) SetWriteDeadline(at time.Time) error {
	if !at.IsZero() && at.Before(time.Now()) {
		<-s.written
		s.stopped.Store(true)
	}
	return s.Conn.SetWriteDeadline(at)
}

func TestAConnectionWhoseUploadWasStoppedAsItEndedIsOfUse(t *testing.T) {
	answer, written := make(chan struct{}), make(chan struct{})
	wrote := sync.OnceFunc(func() { close(written) })
	var stopped atomic.Bool
	m := newModule(t, func(conn net.Conn, r *bufio.Reader) {
		req, err := http.ReadRequest(r)
		if err != nil {
			return
		}
		<-answer
		io.WriteString(conn, answerOK)
		_, _ = io.Copy(io.Discard, req.Body)
		wrote()
		always(answerOK)(conn, r)
	})
	m.wrap = func(conn net.Conn) net.Conn { return stopping{conn, written, &stopped} }
	h := newHouse(t, proxy.Config{}, m, proxy.Route{})
	first, meeting := h.meets("body")
	first.send(lines("POST / HTTP/1.1", "Host: x", "Content-Length: 4"))
	until(t, "it did not come", func() bool { return h.engine.Stats().InFlight == 1 })
	first.send("body")
	receive(t, meeting.came) // it is had when the answer's end stops the upload
	close(answer)
	first.answer("POST")
	second := h.dial()
	second.send(get)
	if _, body := second.answer("GET"); body != "ok" {
		t.Errorf("got %q", body)
	}
	if n := m.dials.Load(); n != 1 || !stopped.Load() {
		t.Errorf("%d connections; stopped %v", n, stopped.Load())
	}
}
