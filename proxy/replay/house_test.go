package replay_test

import (
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"path/filepath"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/segue-run/segue/proxy"
	"github.com/segue-run/segue/proxy/replay"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience is how long a test waits for what must come.
const patience = 20 * time.Second

// module is a real HTTP server on a unix socket.
func module(t testing.TB, handler http.HandlerFunc) replay.Dial {
	t.Helper()
	socket := filepath.Join(t.TempDir(), "s")
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	server := &httptest.Server{Listener: l, Config: &http.Server{Handler: handler}}
	server.Start()
	t.Cleanup(server.Close)
	return dialTo(socket)
}

func dialTo(socket string) replay.Dial {
	var dialer net.Dialer
	return func(ctx context.Context) (net.Conn, error) { return dialer.DialContext(ctx, "unix", socket) }
}

// raw is a module that does with each connection what it likes.
func raw(t testing.TB, serve func(net.Conn)) replay.Dial {
	t.Helper()
	socket := filepath.Join(t.TempDir(), "s")
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			serve(conn)
			conn.Close()
		}
	}()
	t.Cleanup(func() {
		l.Close()
		<-done
	})
	return dialTo(socket)
}

// front is a proxy in small: it carries requests to stable and shows a tap what passes.
type front struct {
	*httptest.Server
	tap func(*proxy.Request) proxy.Tap
}

func newFront(t testing.TB, stable replay.Dial, tap func(*proxy.Request) proxy.Tap) *front {
	t.Helper()
	f := &front{tap: tap}
	transport := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) { return stable(ctx) },
		DisableCompression: true}
	f.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, in *http.Request) { f.carry(w, in, transport) }))
	t.Cleanup(func() {
		f.Close()
		transport.CloseIdleConnections()
	})
	return f
}

func (f *front) carry(w http.ResponseWriter, in *http.Request, transport *http.Transport) {
	_ = http.NewResponseController(w).EnableFullDuplex() // else the answer's begin closes what the transport still reads
	host, _ := proxy.CleanHost(in.Host)
	req := &proxy.Request{Method: in.Method, Host: host, Authority: in.Host, Path: in.URL.EscapedPath(), Query: in.URL.RawQuery,
		Header: in.Header, Remote: netip.MustParseAddrPort(in.RemoteAddr), Cancel: func(error) {}}
	tap := f.tap(req)
	if tap == nil {
		tap = silent{}
	}
	out := in.Clone(in.Context())
	out.URL.Scheme, out.URL.Host, out.RequestURI = "http", "module", ""
	out.Body = io.NopCloser(io.TeeReader(in.Body, writer(tap.Sent)))
	if in.ContentLength == 0 {
		out.Body = nil
	}
	res, err := transport.RoundTrip(out)
	if err != nil {
		tap.End(false)
		w.WriteHeader(http.StatusBadGateway)
		return
	}
	defer res.Body.Close()
	tap.Head(res.StatusCode, res.Header)
	for name, values := range res.Header {
		w.Header()[name] = values
	}
	w.WriteHeader(res.StatusCode)
	buf := make([]byte, 4096)
	for {
		n, err := res.Body.Read(buf)
		tap.Body(buf[:n])
		_, _ = w.Write(buf[:n])
		for i := range n {
			buf[i] = '!' // a slice that a tap is given is not its own
		}
		if err != nil {
			tap.End(errors.Is(err, io.EOF))
			return
		}
	}
}

// writer makes a Tap's method an io.Writer that spoils what it has shown.
type writer func([]byte)

func (w writer) Write(p []byte) (int, error) {
	shown := append([]byte(nil), p...)
	w(shown)
	for i := range shown {
		shown[i] = '!'
	}
	return len(p), nil
}

type silent struct{}

func (silent) Sent([]byte)           {}
func (silent) Head(int, http.Header) {}
func (silent) Body([]byte)           {}
func (silent) End(bool)              {}

// do asks the front and gives the answer's status and body; 0 where there is none.
func (f *front) do(t testing.TB, method, target string, body io.Reader, header ...string) (int, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, f.URL+target, body)
	if err != nil {
		t.Error(err)
		return 0, ""
	}
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	res, err := f.Client().Transport.RoundTrip(req)
	if err != nil {
		t.Error(err)
		return 0, ""
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		t.Error(err)
		return 0, ""
	}
	return res.StatusCode, string(text)
}

// ask is a request as an engine shows it.
func ask(path, query string, header ...string) *proxy.Request {
	h := http.Header{}
	for i := 0; i < len(header); i += 2 {
		h.Add(header[i], header[i+1])
	}
	return &proxy.Request{Method: http.MethodGet, Host: "example.com", Path: path, Query: query, Header: h,
		Cancel: func(error) {}}
}

// answer is one with a body that was kept whole.
func answer(status int, contentType, body string) replay.Answer {
	a := replay.Answer{Status: status, Header: http.Header{}, Body: []byte(body), Length: int64(len(body)), Sum: sha256.Sum256([]byte(body))}
	if contentType != "" {
		a.Header.Set("Content-Type", contentType)
	}
	return a
}

func get(path string, a replay.Answer) replay.Recording {
	return replay.Recording{Method: http.MethodGet, Host: "example.com", Path: path, Answer: a}
}

// passes shows a tap one answer; it may be nil.
func passes(tap proxy.Tap, status int, body string, header ...string) {
	if tap == nil {
		return
	}
	h := http.Header{"Content-Type": {"text/plain"}}
	for i := 0; i < len(header); i += 2 {
		h.Add(header[i], header[i+1])
	}
	tap.Head(status, h)
	tap.Body([]byte(body))
	tap.End(true)
}

// until waits for a condition.
func until(t testing.TB, what string, true func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !true(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not in %s: %s", patience, what)
		}
	}
}
