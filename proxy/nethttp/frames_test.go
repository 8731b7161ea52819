package nethttp_test

import (
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	"github.com/segue-run/segue/proxy"
)

// wire is a client's HTTP/2 connection that can say what no library would.
type wire struct {
	t      *testing.T
	conn   net.Conn
	framer *http2.Framer
	stream uint32 // the last one
	// settings are the server's.
	settings map[http2.SettingID]uint32
}

func (h *house) wire(t *testing.T) *wire {
	t.Helper()
	conn, err := net.Dial("tcp", h.addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(patience))
	w := &wire{t: t, conn: conn, framer: http2.NewFramer(conn, conn), settings: map[http2.SettingID]uint32{}}
	w.framer.ReadMetaHeaders = hpack.NewDecoder(4096, nil)
	_, _ = io.WriteString(conn, http2.ClientPreface)
	_ = w.framer.WriteSettings()
	f, err := w.framer.ReadFrame()
	if err != nil {
		t.Fatal(err)
	}
	_ = f.(*http2.SettingsFrame).ForeachSetting(func(s http2.Setting) error {
		w.settings[s.ID] = s.Val
		return nil
	})
	_ = w.framer.WriteSettingsAck()
	return w
}

// block encodes a header; pairs of name and value.
func block(fields ...string) []byte {
	var b bytes.Buffer
	e := hpack.NewEncoder(&b)
	for i := 0; i < len(fields); i += 2 {
		_ = e.WriteField(hpack.HeaderField{Name: fields[i], Value: fields[i+1]})
	}
	return b.Bytes()
}

// request is the header of a usual request, with what is changed of it and what is added.
func request(change map[string]string, add ...string) []byte {
	var fields []string
	for _, f := range []string{":method", "GET", ":scheme", "http", ":path", "/", ":authority", "x"} {
		if len(fields)%2 == 1 {
			name := fields[len(fields)-1]
			if value, ok := change[name]; ok {
				f = value
			}
		}
		fields = append(fields, f)
	}
	return block(append(fields, add...)...)
}

// send begins a stream, and ends it where it has no body.
func (w *wire) send(header []byte, end bool) {
	w.t.Helper()
	w.stream = max(w.stream+2, 1) | 1
	for first := true; first || len(header) > 0; first = false {
		part := header[:min(len(header), 16<<10)]
		header = header[len(part):]
		var err error
		if first {
			err = w.framer.WriteHeaders(http2.HeadersFrameParam{StreamID: w.stream, BlockFragment: part, EndStream: end, EndHeaders: len(header) == 0})
		} else {
			err = w.framer.WriteContinuation(w.stream, len(header) == 0, part)
		}
		if err != nil {
			w.t.Fatal(err)
		}
	}
}

// answer is the status of the last stream's answer, or why the stream was reset.
func (w *wire) answer() string {
	w.t.Helper()
	for {
		f, err := w.framer.ReadFrame()
		if err != nil {
			w.t.Fatal(err)
		}
		switch f := f.(type) {
		case *http2.MetaHeadersFrame:
			if f.StreamID == w.stream {
				return f.PseudoValue("status")
			}
		case *http2.RSTStreamFrame:
			if f.StreamID == w.stream {
				return f.ErrCode.String()
			}
		case *http2.GoAwayFrame:
			return "gone: " + f.ErrCode.String()
		}
	}
}

func TestWhatHTTP1WouldReadInAnotherWayComesToNoModule(t *testing.T) {
	var got atomic.Int32
	m := newModule(t, "hello", func(http.ResponseWriter, *http.Request) { got.Add(1) })
	h := newHouse(t, proxy.Config{}, false, m)
	w := h.wire(t)
	for name, c := range map[string]struct {
		header []byte
		want   string
	}{
		"a space in the method":             {request(map[string]string{":method": "GE T"}), "400"},
		"a line end in the method":          {request(map[string]string{":method": "GET / HTTP/1.1\r\nX: y"}), "PROTOCOL_ERROR"},
		"a colon in the method":             {request(map[string]string{":method": "GET:"}), "400"},
		"a method that is too long":         {request(map[string]string{":method": strings.Repeat("A", 33)}), "501"},
		"a space in the path":               {request(map[string]string{":path": "/a b"}), "400"},
		"a request line in the query":       {request(map[string]string{":path": "/?x HTTP/1.1"}), "400"},
		"a fragment":                        {request(map[string]string{":path": "/?a#b"}), "400"},
		"no path but another address":       {request(map[string]string{":path": "http://y/"}), "400"},
		"a hidden slash":                    {request(map[string]string{":path": "/a%2fb"}), "400"},
		"above the root":                    {request(map[string]string{":path": "/../b"}), "400"},
		"all of the server":                 {request(map[string]string{":path": "*"}), "400"},
		"an authority with a user":          {request(map[string]string{":authority": "me@x"}), "PROTOCOL_ERROR"},
		"an authority that is none":         {request(map[string]string{":authority": "a/b"}), "400"},
		"another host":                      {request(nil, "host", "y"), "400"},
		"a connection's header":             {request(nil, "connection", "close"), "400"},
		"a transfer coding":                 {request(nil, "transfer-encoding", "chunked"), "400"},
		"an upgrade":                        {request(nil, "upgrade", "websocket"), "400"},
		"two lengths":                       {request(map[string]string{":method": "POST"}, "content-length", "0", "content-length", "5"), "400"},
		"a length that is none":             {request(map[string]string{":method": "POST"}, "content-length", "five"), "400"},
		"a length without a body":           {request(map[string]string{":method": "POST"}, "content-length", "5"), "400"},
		"a name in capitals":                {request(nil, "X-Mine", "1"), "PROTOCOL_ERROR"},
		"a line end in a value":             {request(nil, "x-mine", "1\r\nx: y"), "PROTOCOL_ERROR"},
		"a pseudo-header behind the others": {request(nil, "x-mine", "1", ":path", "/b"), "PROTOCOL_ERROR"},
		"a tunnel":                          {block(":method", "CONNECT", ":authority", "y:443"), "501"},
		"a WebSocket, which it is not told": {request(map[string]string{":method": "CONNECT"}, ":protocol", "websocket"), "PROTOCOL_ERROR"},
	} {
		if strings.Contains(name, "WebSocket") {
			c.header = block(":method", "CONNECT", ":protocol", "websocket", ":scheme", "http", ":path", "/", ":authority", "x")
		}
		w.send(c.header, true)
		if got := w.answer(); got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
	if n := got.Load(); n != 0 {
		t.Errorf("the module got %d requests", n)
	}
	w.send(request(nil, "host", "X", "content-length", "0", "te", "trailers"), true)
	if s := w.answer(); s != "200" || got.Load() != 1 {
		t.Errorf("a request that is right: %s", s)
	}
	if _, ok := w.settings[http2.SettingEnableConnectProtocol]; ok {
		t.Error("it offers WebSockets over HTTP/2")
	}
}

func TestAHeaderThatIsTooLargeIs431OrEndsItsConnection(t *testing.T) {
	m := newModule(t, "hello", func(http.ResponseWriter, *http.Request) { t.Error("it came to the module") })
	h := newHouse(t, proxy.Config{Limits: proxy.Limits{HeadBytes: 8 << 10, Headers: 10_000}}, false, m)
	for lines, want := range map[int]string{10: "431", 100: "gone: PROTOCOL_ERROR"} {
		w := h.wire(t)
		if limit := w.settings[http2.SettingMaxHeaderListSize]; limit < 8<<10 || limit > 9<<10 {
			t.Errorf("told %d", limit)
		}
		var large []string
		for i := range lines {
			large = append(large, "x-large", strconv.Itoa(i)+strings.Repeat("\x80", 1000))
		}
		w.send(request(nil, large...), true)
		if got := w.answer(); got != want {
			t.Errorf("%d lines: %s, want %s", lines, got, want)
		}
	}
}

// waiting directs nothing until the client has gone, and counts who waits.
type waiting struct{ now, most, all atomic.Int64 }

func (d *waiting) Direct(ctx context.Context, _ *proxy.Request) (proxy.Exchange, error) {
	d.all.Add(1)
	for now, most := d.now.Add(1), d.most.Load(); now > most && !d.most.CompareAndSwap(most, now); {
		most = d.most.Load()
	}
	defer d.now.Add(-1)
	<-ctx.Done()
	return nil, ctx.Err()
}

func TestAFloodOfStreamsThatAreResetIsNoMoreAtATimeThanStreamsMayBe(t *testing.T) {
	d := new(waiting)
	h := newHouse(t, proxy.Config{Director: d}, false)
	w := h.wire(t)
	if n := w.settings[http2.SettingMaxConcurrentStreams]; n != 128 {
		t.Errorf("told %d streams", n)
	}
	read := make(chan struct{})
	go func() {
		defer close(read)
		_, _ = io.Copy(io.Discard, w.conn)
	}()
	for id := uint32(1); id < 10_000; id += 2 {
		if w.framer.WriteHeaders(http2.HeadersFrameParam{StreamID: id, BlockFragment: request(nil), EndStream: true, EndHeaders: true}) != nil ||
			w.framer.WriteRSTStream(id, http2.ErrCodeCancel) != nil {
			break // shut out
		}
	}
	w.conn.Close()
	<-read
	until(t, "its requests end", func() bool { return h.engine.Stats().InFlight == 0 })
	if most := d.most.Load(); most > 128 || d.all.Load() < 100 {
		t.Errorf("%d at a time, of %d", most, d.all.Load())
	}
}

func TestAConnectionThatIsSilentInTheMidstOfAHeadOrDeadIsClosed(t *testing.T) {
	m := newModule(t, "hello", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
	})
	h := newHouse(t, proxy.Config{HeadTimeout: 50 * time.Millisecond, IdleTimeout: patience}, false, m)
	for name, begin := range map[string]func(*wire){
		"a head": func(w *wire) {
			_ = w.framer.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: request(nil)[:3]})
		},
		"a stream": func(w *wire) { w.send(request(nil), true) }, // and no ping is answered
	} {
		w := h.wire(t)
		begin(w)
		if _, err := io.Copy(io.Discard, w.conn); err != nil && !strings.Contains(err.Error(), "reset") {
			t.Errorf("%s: %v", name, err)
		}
	}
	until(t, "nothing is left", func() bool { s := h.engine.Stats(); return s.Connections == 0 && s.InFlight == 0 })
}

func TestAnIdleConnectionIsToldToGo(t *testing.T) {
	m := newModule(t, "hello", func(http.ResponseWriter, *http.Request) {})
	h := newHouse(t, proxy.Config{IdleTimeout: 50 * time.Millisecond}, false, m)
	w := h.wire(t)
	w.send(request(nil), true)
	if s := w.answer(); s != "200" {
		t.Error(s)
	}
	if s := w.answer(); s != "gone: NO_ERROR" {
		t.Error(s)
	}
}

func TestAStreamWhoseModuleTakesNothingHoldsUpNoOther(t *testing.T) {
	release := make(chan struct{})
	m := newModule(t, "hello", func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/stuck" {
			<-release
		}
		n, _ := io.Copy(io.Discard, r.Body)
		_, _ = io.WriteString(w, strconv.FormatInt(n, 10))
	})
	h := newHouse(t, proxy.Config{}, false, m)
	c := h.client()
	stuck := make(chan string, 1)
	large := bytes.Repeat([]byte("x"), 4<<20)
	go func() {
		_, body := h.do(c, h.request("POST", "/stuck", bytes.NewReader(large)))
		stuck <- body
	}()
	until(t, "the first is under way", func() bool { return h.engine.Stats().InFlight == 1 })
	for range 3 {
		if _, body := h.do(c, h.request("POST", "/", bytes.NewReader(large))); body != "4194304" {
			t.Errorf("got %s", body)
		}
	}
	close(release)
	if body := receive(t, stuck); body != "4194304" {
		t.Errorf("got %s", body)
	}
}
