package h1_test

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/segue-run/segue/proxy"
)

const agreed = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"

var upgrade = lines("GET / HTTP/1.1", "Host: x", "Connection: Upgrade", "Upgrade: websocket")

// A text frame of a module's, and one of a client's, which is masked with zeroes.
const (
	hello       = "\x81\x05hello"
	maskedHello = "\x81\x85\x00\x00\x00\x00hello"
	goingAway   = "\x88\x0c\x03\xe9going away"
)

// farewell reads a close frame of a client's and gives its payload.
func farewell(r io.Reader) string {
	frame := make([]byte, 2+4+12)
	if _, err := io.ReadFull(r, frame); err != nil || frame[0] != 0x88 || frame[1] != 0x8c {
		return fmt.Sprintf("%q, %v", frame, err)
	}
	for i := range 12 {
		frame[6+i] ^= frame[2+i%4]
	}
	return string(frame[6:])
}

func TestAWebSocketIsToldToGoAwayBetweenTwoMessages(t *testing.T) {
	rest, told, heard := make(chan struct{}), make(chan string, 1), make(chan string, 1)
	m := newModule(t, func(conn net.Conn, r *bufio.Reader) {
		head(r)
		io.WriteString(conn, agreed+hello[:4])
		for range 3 {
			frame := make([]byte, len(maskedHello))
			_, _ = io.ReadFull(r, frame)
			heard <- string(frame)
		}
		receive(t, rest)
		io.WriteString(conn, hello[4:]+hello)
		told <- farewell(r)
		_, _ = io.Copy(io.Discard, r)
	})
	h := newHouse(t, proxy.Config{}, m, proxy.Route{})
	c := h.dial()
	c.send(upgrade + maskedHello)
	if res, err := http.ReadResponse(c.Reader, nil); err != nil || res.StatusCode != 101 {
		t.Fatalf("got %v, %v", res, err)
	}
	request := receive(t, h.requests)
	part := make([]byte, 4)
	if _, err := io.ReadFull(c.Reader, part); err != nil {
		t.Fatal(err)
	}
	receive(t, heard)
	request.GoAway()
	request.GoAway()
	for range 2 { // the module hears of it no sooner than the client: it might answer within its message
		c.send(maskedHello)
		if got := receive(t, heard); got != maskedHello {
			t.Errorf("the module was told %q", got)
		}
	}
	close(rest) // the message was under way: it comes whole
	got := make([]byte, len(hello)-4)
	if _, err := io.ReadFull(c.Reader, got); err != nil || string(got) != hello[4:] {
		t.Errorf("got %q, %v", got, err)
	}
	var frame []byte
	for !bytes.HasSuffix(frame, []byte(goingAway)) {
		b, err := c.Reader.ReadByte()
		if err != nil {
			t.Fatalf("after %q: %v", frame, err)
		}
		frame = append(frame, b)
	}
	if before := string(frame[:len(frame)-len(goingAway)]); before != "" && before != hello {
		t.Errorf("before the farewell came %q", before)
	}
	if got := receive(t, told); got != "\x03\xe9going away" {
		t.Errorf("the module was told %q", got)
	}
	c.send("\x88\x82\x00\x00\x00\x00\x03\xe9") // the client's own farewell
	c.ended()
	if o := h.outcome(); o.Class != proxy.ClassDrained || !o.Reached || o.Status != 101 {
		t.Errorf("outcome %+v", o)
	}
}

func TestAWebSocketThatIsSilentIsToldAtOnce(t *testing.T) {
	told := make(chan string, 1)
	m := newModule(t, func(conn net.Conn, r *bufio.Reader) {
		head(r)
		io.WriteString(conn, agreed)
		told <- farewell(r)
		_, _ = io.Copy(io.Discard, r)
	})
	h := newHouse(t, proxy.Config{}, m, proxy.Route{})
	c := h.dial()
	c.send(upgrade)
	if res, err := http.ReadResponse(c.Reader, nil); err != nil || res.StatusCode != 101 {
		t.Fatalf("got %v, %v", res, err)
	}
	receive(t, h.requests).GoAway()
	if got := receive(t, told); got != "\x03\xe9going away" {
		t.Errorf("the module was told %q", got)
	}
	if rest, err := io.ReadAll(c.Reader); string(rest) != goingAway || err != nil { // it is not waited for ever
		t.Errorf("got %q, %v", rest, err)
	}
	if o := h.outcome(); o.Class != proxy.ClassDrained {
		t.Errorf("outcome %+v", o)
	}
}

func TestServerSentEventsEndBetweenTwo(t *testing.T) {
	for name, c := range map[string]struct{ before, after, want string }{
		"between two":   {"data: 1\n\n", "", "data: 1\n\n"},
		"within one":    {"data: 1\n\nda", "ta: 2\n\n", "data: 1\n\ndata: 2\n\n"},
		"before any":    {"", "", ""},
		"and no sooner": {"data: 1\n", "data: 2\n\n", "data: 1\ndata: 2\n\n"},
	} {
		rest := make(chan struct{})
		m := speaking(t, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "text/event-stream")
			io.WriteString(w, c.before)
			_ = http.NewResponseController(w).Flush()
			select {
			case <-rest:
				io.WriteString(w, c.after)
				_ = http.NewResponseController(w).Flush()
			case <-r.Context().Done():
			}
			<-r.Context().Done()
		})
		h := newHouse(t, proxy.Config{}, m, proxy.Route{})
		client := h.dial()
		client.send(get)
		res, err := http.ReadResponse(client.Reader, nil)
		if err != nil {
			t.Fatal(err)
		}
		begun := make([]byte, len(c.before))
		if _, err := io.ReadFull(res.Body, begun); err != nil {
			t.Fatal(err)
		}
		receive(t, h.requests).GoAway()
		if c.after != "" {
			time.Sleep(20 * time.Millisecond) // for an end that comes too soon
			close(rest)
		}
		ended, err := io.ReadAll(res.Body)
		if got := string(begun) + string(ended); err != nil || got != c.want {
			t.Errorf("%s: got %q, %v", name, got, err)
		}
		if o := h.outcome(); o.Class != proxy.ClassDrained || !o.Reached || o.BytesOut != int64(len(c.want)) {
			t.Errorf("%s: outcome %+v", name, o)
		}
		client.send(get) // the client's own connection goes on
		if _, err := http.ReadResponse(client.Reader, nil); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		client.Close()
		h.outcome()
	}
}

func TestAnyOtherAnswerGoesOn(t *testing.T) {
	rest := make(chan struct{})
	m := speaking(t, func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, "part ")
		_ = http.NewResponseController(w).Flush()
		<-rest
		io.WriteString(w, "part")
	})
	h := newHouse(t, proxy.Config{}, m, proxy.Route{})
	c := h.dial()
	c.send(get)
	receive(t, h.requests).GoAway()
	close(rest)
	if _, body := c.answer("GET"); body != "part part" {
		t.Errorf("got %q", body)
	}
	if o := h.outcome(); o.Class != proxy.ClassOK {
		t.Errorf("outcome %+v", o)
	}
}

func TestATunnelThatStandsStillIsEnded(t *testing.T) {
	m := newModule(t, func(conn net.Conn, r *bufio.Reader) {
		head(r)
		io.WriteString(conn, agreed)
		_, _ = io.Copy(io.Discard, r)
	})
	h := newHouse(t, proxy.Config{}, m, proxy.Route{Timeouts: proxy.Timeouts{Idle: 500 * time.Millisecond}})
	c := h.dial()
	c.send(upgrade)
	if res, err := http.ReadResponse(c.Reader, nil); err != nil || res.StatusCode != 101 {
		t.Fatalf("got %v, %v", res, err)
	}
	for range 5 {
		time.Sleep(200 * time.Millisecond)
		c.send("still here") // twice its time, all together
	}
	c.ended()
	if o := h.outcome(); o.Class != proxy.ClassDrained || !errors.Is(o.Err, proxy.ErrTimeout) || o.BytesIn != 50 {
		t.Errorf("outcome %+v", o)
	}
}

func TestEventsThatDoNotComeEndTheirAnswerAndNoMore(t *testing.T) {
	for before, whole := range map[string]bool{"data: 1\n\n": true, "data: 1\n\nda": false} {
		m := speaking(t, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "text/event-stream")
			io.WriteString(w, before)
			_ = http.NewResponseController(w).Flush()
			<-r.Context().Done()
		})
		h := newHouse(t, proxy.Config{}, m, proxy.Route{Timeouts: proxy.Timeouts{Idle: 200 * time.Millisecond}})
		c := h.dial()
		c.send(get)
		res, err := http.ReadResponse(c.Reader, nil)
		if err != nil {
			t.Fatal(err)
		}
		if body, err := io.ReadAll(res.Body); string(body) != before || (err == nil) != whole {
			t.Errorf("got %q, %v", body, err)
		}
		if o := h.outcome(); o.Class != proxy.ClassDrained || !errors.Is(o.Err, proxy.ErrTimeout) {
			t.Errorf("after %q: outcome %+v", before, o)
		}
	}
}
