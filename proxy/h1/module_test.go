package h1_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/segue-run/segue/proxy"
)

func TestWhatARouteAllowsAModuleHolds(t *testing.T) {
	m := speaking(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/begins" {
			w.Header().Set("Content-Length", "100")
			io.WriteString(w, "x")
			_ = http.NewResponseController(w).Flush()
		}
		<-r.Context().Done()
	})
	short := 300 * time.Millisecond
	for _, c := range []struct {
		path  string
		times proxy.Timeouts
		want  int // 0: breaks off
	}{
		{"/silent", proxy.Timeouts{Answer: short}, 504},
		{"/silent", proxy.Timeouts{Total: short}, 504},
		{"/begins", proxy.Timeouts{Idle: short}, 0},
		{"/begins", proxy.Timeouts{Total: short}, 0},
	} {
		h := newHouse(t, proxy.Config{}, m, proxy.Route{Timeouts: c.times})
		client := h.dial()
		client.send(lines("GET "+c.path+" HTTP/1.1", "Host: x"))
		res, err := http.ReadResponse(client.Reader, nil)
		if err != nil {
			t.Fatal(err)
		}
		_, err = io.ReadAll(res.Body)
		if c.want == 0 && err == nil || c.want != 0 && res.StatusCode != c.want {
			t.Errorf("%+v: got %v, %v", c, res.Status, err)
		}
		if o := h.outcome(); o.Class != proxy.ClassTimeout || !errors.Is(o.Err, proxy.ErrTimeout) {
			t.Errorf("%+v: outcome %+v", c, o)
		}
	}
}

func TestALongAnswerHasNoTotalTime(t *testing.T) {
	finish := make(chan struct{})
	m := speaking(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		_ = http.NewResponseController(w).Flush()
		<-finish
		io.WriteString(w, "data: 1\n\n")
	})
	h := newHouse(t, proxy.Config{}, m, proxy.Route{Timeouts: proxy.Timeouts{Total: 200 * time.Millisecond}})
	c := h.dial()
	c.send(get)
	time.AfterFunc(600*time.Millisecond, func() { close(finish) })
	if _, body := c.answer("GET"); body != "data: 1\n\n" {
		t.Errorf("got %q", body)
	}
}

func TestIdleConnectionsAreKeptAndLetGo(t *testing.T) {
	var open atomic.Int64
	m := newModule(t, func(conn net.Conn, r *bufio.Reader) {
		open.Add(1)
		defer open.Add(-1)
		always(answerOK)(conn, r)
	})
	h := newHouse(t, proxy.Config{KeepIdle: 2 * time.Second}, m, proxy.Route{})
	c := h.dial()
	for range 5 {
		c.send(get)
		c.answer("GET")
	}
	if n := m.dials.Load(); n != 1 {
		t.Errorf("%d connections", n)
	}
	until(t, "an idle connection stays open", func() bool { return open.Load() == 0 })
	c.send(get)
	c.answer("GET")
	if n := m.dials.Load(); n != 2 || open.Load() != 1 {
		t.Errorf("%d connections, %d open", n, open.Load())
	}
	m.mu.Lock()
	retire := m.retire
	m.mu.Unlock()
	for _, f := range retire {
		f()
	}
	until(t, "a retired target's connection stays open", func() bool { return open.Load() == 0 })
}

func TestNoMoreIdleConnectionsAreKeptThanAllowed(t *testing.T) {
	var open atomic.Int64
	var arrived atomic.Int64
	m := newModule(t, func(conn net.Conn, r *bufio.Reader) {
		open.Add(1)
		defer open.Add(-1)
		for head(r) != "" {
			arrived.Add(1)
			until(t, "not all came", func() bool { return arrived.Load() >= 6 })
			io.WriteString(conn, answerOK)
		}
	})
	h := newHouse(t, proxy.Config{MaxIdle: 2}, m, proxy.Route{})
	var all []*client
	for range 6 {
		c := h.dial()
		c.send(get)
		all = append(all, c)
	}
	for _, c := range all {
		c.answer("GET")
	}
	until(t, "too many are open", func() bool { return open.Load() == 2 })
}

func TestWhatAModuleSaysUnaskedIsNobodysAnswer(t *testing.T) {
	speak, spoken := make(chan struct{}), make(chan struct{})
	for name, answer := range map[string]string{"with the answer": answerOK + answerOK, "after it": answerOK} {
		m := newModule(t, func(conn net.Conn, r *bufio.Reader) {
			target := head(r)
			io.WriteString(conn, answer)
			if target == "/first" && name == "after it" {
				<-speak
				io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil")
				close(spoken)
			}
			head(r)
		})
		h := newHouse(t, proxy.Config{}, m, proxy.Route{})
		c := h.dial()
		c.send(lines("GET /first HTTP/1.1", "Host: x"))
		c.answer("GET")
		if name == "after it" {
			close(speak)
			<-spoken
		}
		c.send(lines("GET /second HTTP/1.1", "Host: x"))
		if _, body := c.answer("GET"); body != "ok" {
			t.Errorf("%s: got %q", name, body)
		}
		if n := m.dials.Load(); n != 2 {
			t.Errorf("%s: %d connections", name, n)
		}
	}
}

func TestAKeptConnectionThatWasClosedIsNoFailure(t *testing.T) {
	closed := make(chan struct{}, 10)
	m := newModule(t, func(conn net.Conn, r *bufio.Reader) {
		head(r)
		io.WriteString(conn, answerOK)
		conn.Close()
		closed <- struct{}{}
	})
	h := newHouse(t, proxy.Config{}, m, proxy.Route{})
	c := h.dial()
	for i := range 6 {
		request := get
		if i%2 > 0 {
			request = lines("POST / HTTP/1.1", "Host: x", "Content-Length: 2") + "hi"
		}
		c.send(request)
		if res, body := c.answer("GET"); res.StatusCode != 200 || body != "ok" {
			t.Fatalf("got %v %q", res.Status, body)
		}
		<-closed
	}
}

// pipe is a connection that is none of the kernel's own, so that nobody can look whether it
// lives still.
type pipe struct{ net.Conn }

func TestABodyGoesWithItsRequestToAConnectionThatLives(t *testing.T) {
	closed := make(chan struct{}, 10)
	m := newModule(t, func(conn net.Conn, r *bufio.Reader) {
		if req, err := http.ReadRequest(r); err == nil {
			body, _ := io.ReadAll(req.Body)
			fmt.Fprintf(conn, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
		}
		conn.Close()
		closed <- struct{}{}
	})
	m.wrap = func(conn net.Conn) net.Conn { return pipe{conn} }
	h := newHouse(t, proxy.Config{}, m, proxy.Route{})
	c := h.dial()
	for i, request := range []string{
		lines("POST / HTTP/1.1", "Host: x", "Content-Length: 4") + "body",
		lines("POST / HTTP/1.1", "Host: x", "Content-Length: 4") + "body",
		lines("POST / HTTP/1.1", "Host: x", "Transfer-Encoding: chunked") + "4\r\nbody\r\n0\r\n\r\n",
	} {
		c.send(request)
		if res, body := c.answer("POST"); res.StatusCode != 200 || body != "body" {
			t.Errorf("%d: got %v %q", i, res.Status, body)
		}
		if o := h.outcome(); o.Class != proxy.ClassOK || o.BytesIn != 4 {
			t.Errorf("%d: outcome %+v", i, o)
		}
		receive(t, closed)
	}
}

func TestARequestThatAProcessMayHaveBegunIsNotSentAgain(t *testing.T) {
	var came atomic.Int64
	m := newModule(t, func(conn net.Conn, r *bufio.Reader) {
		for {
			switch head(r) {
			case "":
				return
			case "/":
				io.WriteString(conn, answerOK)
			default:
				came.Add(1)
				return
			}
		}
	})
	h := newHouse(t, proxy.Config{}, m, proxy.Route{})
	c := h.dial()
	c.send(get)
	c.answer("GET")
	c.send(lines("GET /poison HTTP/1.1", "Host: x"))
	if res, _ := c.answer("GET"); res.StatusCode != 502 || came.Load() != 1 {
		t.Errorf("got %v, it came %d times", res.Status, came.Load())
	}
}

// unread waits until something has come, and reads none of it.
func unread(conn net.Conn) {
	raw, _ := conn.(*net.UnixConn).SyscallConn()
	_ = raw.Read(func(fd uintptr) bool {
		n, _ := unix.IoctlGetInt(int(fd), unix.TIOCINQ)
		return n > 0
	})
}

func TestAHeadThatNobodyHasReadIsSentAgain(t *testing.T) {
	var second atomic.Bool
	m := newModule(t, func(conn net.Conn, r *bufio.Reader) {
		if second.Swap(true) {
			always(answerOK)(conn, r)
			return
		}
		head(r)
		io.WriteString(conn, answerOK)
		unread(conn)
	})
	h := newHouse(t, proxy.Config{}, m, proxy.Route{})
	c := h.dial()
	for range 2 {
		c.send(get)
		if res, body := c.answer("GET"); res.StatusCode != 200 || body != "ok" {
			t.Errorf("got %v %q", res.Status, body)
		}
	}
	if n := m.dials.Load(); n != 2 {
		t.Errorf("%d connections", n)
	}
}

func TestAnAnswerThatNobodyAskedToReadFurtherIsBroken(t *testing.T) {
	for _, answer := range []string{
		"HTTP/1.1 200 OK\nContent-Length: 2\n\nok",
		"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok",
		"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\nok",
		"HTTP/1.1 204 No\r\nContent-Length: 2\r\n\r\nok",
		"HTTP/2.0 200 OK\r\n\r\n",
		"HTTP/1.1 200 OK\r\nX: " + strings.Repeat("x", 300<<10) + "\r\n\r\n",
	} {
		h := newHouse(t, proxy.Config{}, newModule(t, always(answer)), proxy.Route{})
		c := h.dial()
		c.send(get)
		if res, _ := c.answer("GET"); res.StatusCode != 502 {
			t.Errorf("%.60q: got %v", answer, res.Status)
		}
	}
}

func TestOnlyWhatChangesNothingIsSentAgainWhereAModuleMayHaveReadTheFrontOfIt(t *testing.T) {
	for method, want := range map[string]int64{"GET": 2, "DELETE": 1} {
		m := newModule(t, func(conn net.Conn, r *bufio.Reader) { _, _ = conn.Read(make([]byte, 10)) }) // and closes it
		h := newHouse(t, proxy.Config{}, m, proxy.Route{})
		c := h.dial()
		c.send(lines(method+" / HTTP/1.1", "Host: x", "X-Large: "+strings.Repeat("x", 30_000)))
		if res, _ := c.answer(method); res.StatusCode != 502 {
			t.Errorf("%s: %s", method, res.Status)
		}
		if n := m.dials.Load(); n != want {
			t.Errorf("%s: sent %d times", method, n)
		}
	}
}
