package nethttp_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/segue-run/segue/proxy"
)

// message is one of gRPC's.
func message(text string) []byte {
	return append(binary.BigEndian.AppendUint32([]byte{0}, uint32(len(text))), text...)
}

// next reads one.
func next(r io.Reader) (string, error) {
	head := make([]byte, 5)
	if _, err := io.ReadFull(r, head); err != nil {
		return "", err
	}
	text := make([]byte, binary.BigEndian.Uint32(head[1:]))
	_, err := io.ReadFull(r, text)
	return string(text), err
}

// call makes a request of gRPC.
func (h *house) call(path string, body io.Reader) *http.Request {
	h.t.Helper()
	req := h.request("POST", path, body)
	req.Header.Set("Content-Type", "application/grpc")
	req.Header.Set("Te", "trailers")
	return req
}

// begin begins an answer of gRPC.
func begin(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "application/grpc")
	w.WriteHeader(200)
	_ = http.NewResponseController(w).Flush()
}

// end ends it.
func end(w http.ResponseWriter, status, text string) {
	w.Header().Set(http.TrailerPrefix+"Grpc-Status", status)
	w.Header().Set(http.TrailerPrefix+"Grpc-Message", text)
}

// tell sends a message.
func tell(w http.ResponseWriter, text string) {
	_, _ = w.Write(message(text))
	_ = http.NewResponseController(w).Flush()
}

func TestGRPCPassesBothWaysAsItComes(t *testing.T) {
	m := newModule(t, "calls", func(w http.ResponseWriter, r *http.Request) {
		if r.ProtoMajor != 2 || r.Header.Get("Te") != "trailers" || r.Header.Get("Grpc-Timeout") != "30S" || r.ContentLength != -1 {
			t.Errorf("%s %v, %d", r.Proto, r.Header, r.ContentLength)
		}
		begin(w)
		for {
			text, err := next(r.Body)
			if err != nil {
				break
			}
			tell(w, "you said "+text)
		}
		end(w, "0", "")
	})
	for _, secure := range []bool{false, true} {
		h := newHouse(t, proxy.Config{}, secure, m)
		body, say := io.Pipe()
		req := h.call("/calls.Echo/Talk", body)
		req.Header.Set("Grpc-Timeout", "30S")
		res, err := h.client().Do(req)
		if err != nil {
			t.Fatal(err)
		}
		for _, text := range []string{"a", strings.Repeat("b", 1<<20), ""} {
			go func() { _, _ = say.Write(message(text)) }()
			if got, err := next(res.Body); err != nil || got != "you said "+text {
				t.Errorf("got %.20q, %v", got, err)
			}
		}
		say.Close()
		if rest, err := io.ReadAll(res.Body); len(rest) > 0 || err != nil || res.Trailer.Get("Grpc-Status") != "0" {
			t.Errorf("%q, %v, %v", rest, err, res.Trailer)
		}
		res.Body.Close()
		if o := receive(t, m.done); o.Class != proxy.ClassOK || o.BytesIn != 1+(1<<20)+15 {
			t.Errorf("outcome %+v", o)
		}
		if a := receive(t, m.answer); !a.Long {
			t.Errorf("%+v", a)
		}
	}
}

func TestACallsOwnStatusIsWhatItsModuleIsJudgedBy(t *testing.T) {
	m := newModule(t, "calls", func(w http.ResponseWriter, r *http.Request) {
		status := r.Header.Get("X-Status")
		switch r.URL.Path {
		case "/alone": // trailers alone
			w.Header().Set("Content-Type", "application/grpc+proto")
			w.Header().Set("Grpc-Status", status)
		case "/none":
			begin(w)
		case "/page":
			w.Header().Set("Content-Type", "text/html")
		case "/http":
			w.Header().Set("Content-Type", "application/grpc")
			w.WriteHeader(503)
		default:
			begin(w)
			tell(w, "x")
			end(w, status, "why")
		}
	})
	h := newHouse(t, proxy.Config{}, false, m)
	c := h.client()
	for _, r := range []struct {
		path, status string
		want         proxy.Class
	}{
		{"/", "0", proxy.ClassOK}, {"/alone", "0", proxy.ClassOK}, {"/", "00", proxy.ClassOK},
		{"/", "1", proxy.ClassClientError}, {"/", "2", proxy.ClassServerError}, {"/alone", "2", proxy.ClassServerError},
		{"/", "3", proxy.ClassClientError}, {"/", "4", proxy.ClassClientError}, {"/", "5", proxy.ClassClientError},
		{"/", "7", proxy.ClassClientError}, {"/", "8", proxy.ClassClientError}, {"/alone", "12", proxy.ClassClientError},
		{"/", "13", proxy.ClassServerError}, {"/alone", "14", proxy.ClassServerError}, {"/", "15", proxy.ClassServerError},
		{"/", "16", proxy.ClassClientError}, {"/", "99", proxy.ClassClientError}, {"/", "none", proxy.ClassServerError},
		{"/none", "", proxy.ClassServerError}, {"/page", "", proxy.ClassOK}, {"/http", "", proxy.ClassServerError},
	} {
		req := h.call(r.path, bytes.NewReader(message("x")))
		req.Header.Set("X-Status", r.status)
		res, _ := h.do(c, req)
		if o := receive(t, m.done); o.Class != r.want || o.Err != nil {
			t.Errorf("%s with %s: outcome %+v, want %s", r.path, r.status, o, r.want)
		}
		if r.path == "/alone" && (res.Header.Get("Grpc-Status") != r.status || len(res.Trailer) > 0) {
			t.Errorf("%v %v", res.Header, res.Trailer)
		}
		if r.path == "/" && (res.Trailer.Get("Grpc-Status") != r.status || res.Trailer.Get("Grpc-Message") != "why") {
			t.Errorf("%v %v", res.Header, res.Trailer)
		}
	}
}

func TestAFailureIsToldInGRPCsWords(t *testing.T) {
	unreached := listening(t, "calls")
	slow := newModule(t, "calls", func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	slow.route.Timeouts.Answer = 30 * time.Millisecond
	small := newModule(t, "calls", func(w http.ResponseWriter, r *http.Request) { _, _ = io.Copy(io.Discard, r.Body) })
	small.route.MaxBody = 10
	for name, c := range map[string]struct {
		director      proxy.Director
		status, words string
	}{
		"no route":    {refusing{proxy.ErrNoRoute}, "12", "no module serves this address"},
		"no target":   {refusing{&proxy.NoTargetError{Module: "calls"}}, "14", "calls"},
		"a limit":     {refusing{&proxy.LimitError{Module: "calls"}}, "8", "more requests than it may"},
		"maintenance": {refusing{&proxy.MaintenanceError{Module: "calls", Message: "back à 100%"}}, "14", "back %C3%A0 100%25"},
		"the host":    {refusing{errors.New("own fault")}, "13", ""},
		"not there":   {byPath{unreached}, "14", "could not be reached"},
		"no answer":   {byPath{slow}, "4", "did not answer in time"},
		"too large":   {byPath{small}, "8", "longer than the 10 bytes"},
	} {
		h := newHouse(t, proxy.Config{Director: c.director}, false)
		res, body := h.do(h.client(), h.call("/calls.Echo/Talk", bytes.NewReader(message("more than ten bytes"))))
		if res.StatusCode != 200 || body != "" || res.Header.Get("Content-Type") != "application/grpc" || res.Header.Get("Grpc-Status") != c.status ||
			!strings.Contains(res.Header.Get("Grpc-Message"), c.words) || len(res.Trailer) > 0 || res.Header.Get("X-Request-Id") == "" {
			t.Errorf("%s: %s %q %v %v", name, res.Status, body, res.Header, res.Trailer)
		}
		if e := h.entry(); e.Refused == "" || e.Status != 200 {
			t.Errorf("%s: logged %+v", name, e)
		}
	}
}

func TestACallThatItsModuleBreaksOffEndsWithAStatus(t *testing.T) {
	m := newModule(t, "calls", func(w http.ResponseWriter, r *http.Request) {
		begin(w)
		tell(w, "first")
		if r.URL.Path == "/silent" {
			<-r.Context().Done()
			return
		}
		panic(http.ErrAbortHandler)
	})
	m.route.Timeouts.Idle = 50 * time.Millisecond
	h := newHouse(t, proxy.Config{}, false, m)
	for path, want := range map[string]struct {
		status string
		class  proxy.Class
	}{"/": {"14", proxy.ClassTransport}, "/silent": {"4", proxy.ClassDrained}} {
		res, body := h.do(h.client(), h.call(path, http.NoBody))
		if body != string(message("first")) || res.Trailer.Get("Grpc-Status") != want.status || res.Trailer.Get("Grpc-Message") == "" {
			t.Errorf("%s: %q %v", path, body, res.Trailer)
		}
		if o := receive(t, m.done); o.Class != want.class {
			t.Errorf("%s: outcome %+v", path, o)
		}
	}
}

func TestWhoCallsMayTakeTheirTimeButNotForEver(t *testing.T) {
	m := newModule(t, "calls", func(w http.ResponseWriter, r *http.Request) {
		text, err := next(r.Body)
		if err != nil {
			return
		}
		begin(w)
		tell(w, text)
		end(w, "0", "")
	})
	m.route.Timeouts = proxy.Timeouts{Idle: 300 * time.Millisecond, Answer: 50 * time.Millisecond}
	h := newHouse(t, proxy.Config{BodyRate: 1 << 20, BodyGrace: 20 * time.Millisecond}, false, m)
	body, say := io.Pipe()
	go func() {
		time.Sleep(100 * time.Millisecond)
		_, _ = say.Write(message("late"))
		say.Close()
	}()
	if res, got := h.do(h.client(), h.call("/", body)); got != string(message("late")) || res.Trailer.Get("Grpc-Status") != "0" {
		t.Errorf("%q %v", got, res.Trailer)
	}
	receive(t, m.done)
	body, say = io.Pipe()
	defer say.Close()
	if res, got := h.do(h.client(), h.call("/", body)); res.Header.Get("Grpc-Status") != "4" {
		t.Errorf("%q %v %v", got, res.Header, res.Trailer)
	}
	if o := receive(t, m.done); o.Class != proxy.ClassClientGone {
		t.Errorf("outcome %+v", o)
	}
}

func TestACallThatIsCancelledIsCancelledAtItsModule(t *testing.T) {
	began, ended := make(chan struct{}), make(chan error)
	m := newModule(t, "calls", func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/early" {
			begin(w)
		}
		began <- struct{}{}
		_, err := io.Copy(io.Discard, r.Body)
		<-r.Context().Done()
		ended <- err
	})
	h := newHouse(t, proxy.Config{}, false, m)
	c := h.client()
	for _, path := range []string{"/early", "/late"} {
		ctx, cancel := context.WithCancel(t.Context())
		body, say := io.Pipe()
		go func() { _, _ = say.Write(message("hello")) }()
		done := make(chan error, 1)
		go func() {
			res, err := c.Do(h.call(path, body).WithContext(ctx))
			if err == nil {
				_, err = io.ReadAll(res.Body)
				res.Body.Close()
			}
			done <- err
		}()
		receive(t, began)
		cancel()
		if err := receive(t, done); !errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v", path, err)
		}
		if err := receive(t, ended); err == nil {
			t.Errorf("%s: the module got a whole request", path)
		}
		if o := receive(t, m.done); o.Class != proxy.ClassClientGone {
			t.Errorf("%s: outcome %+v", path, o)
		}
		say.Close()
	}
}

func TestCallsShareAConnectionThatEndsWithItsTarget(t *testing.T) {
	release := make(chan struct{})
	m := newModule(t, "calls", func(w http.ResponseWriter, r *http.Request) {
		begin(w)
		<-release
		end(w, "0", "")
	})
	h := newHouse(t, proxy.Config{}, false, m)
	c := h.client()
	first, err := c.Do(h.call("/", http.NoBody))
	if err != nil {
		t.Fatal(err)
	}
	var all []*http.Response
	for range 20 {
		res, err := c.Do(h.call("/", http.NoBody))
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, res)
	}
	if opened, _ := m.connections(); opened != 1 {
		t.Errorf("%d connections", opened)
	}
	close(release)
	for _, res := range append(all, first) {
		if _, err := io.ReadAll(res.Body); err != nil || res.Trailer.Get("Grpc-Status") != "0" {
			t.Errorf("%v %v", err, res.Trailer)
		}
		res.Body.Close()
	}
	for range 21 {
		receive(t, m.done)
	}
	for _, f := range m.retire {
		f()
	}
	until(t, "the connection is closed", func() bool { _, open := m.connections(); return open == 0 })
}

func TestASlowClientOfOneCallHoldsUpNoOther(t *testing.T) {
	m := newModule(t, "calls", func(w http.ResponseWriter, r *http.Request) {
		begin(w)
		for n := 16; n > 0 && r.Context().Err() == nil; n-- {
			tell(w, strings.Repeat("x", 1<<20))
		}
		end(w, "0", "")
	})
	h := newHouse(t, proxy.Config{}, false, m)
	slow, err := h.client().Do(h.call("/", http.NoBody)) // and never reads
	if err != nil {
		t.Fatal(err)
	}
	defer slow.Body.Close()
	res, body := h.do(h.client(), h.call("/", http.NoBody))
	if len(body) != 16*(1<<20+5) || res.Trailer.Get("Grpc-Status") != "0" {
		t.Errorf("%d bytes, %v", len(body), res.Trailer)
	}
	if opened, _ := m.connections(); opened != 1 {
		t.Errorf("%d connections", opened)
	}
}

func TestACallThatEndsItsModulesProcessGoesOutOnce(t *testing.T) {
	m := listening(t, "calls")
	l, err := net.Listen("unix", m.socket)
	if err != nil {
		t.Fatal(err)
	}
	got := make(chan string, 10)
	served := make(chan struct{})
	go func() {
		defer close(served)
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			var protocols http.Protocols
			protocols.SetUnencryptedHTTP2(true)
			one := &http.Server{Protocols: &protocols, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				got <- r.URL.Path
				if r.URL.Path == "/poison" {
					conn.Close()
					<-r.Context().Done()
					return
				}
				begin(w)
				end(w, "0", "")
			})}
			go func() { _ = one.Serve(&single{conn: conn}) }()
		}
	}()
	t.Cleanup(func() {
		l.Close()
		<-served
	})
	h := newHouse(t, proxy.Config{}, false, m)
	c := h.client()
	for _, path := range []string{"/", "/poison", "/", "/poison"} {
		res, _ := h.do(c, h.call(path, http.NoBody))
		status := res.Header.Get("Grpc-Status") + res.Trailer.Get("Grpc-Status")
		if want := map[string]string{"/": "0", "/poison": "14"}[path]; status != want {
			t.Errorf("%s: status %s", path, status)
		}
		if p := receive(t, got); p != path {
			t.Errorf("%s came in place of %s", p, path)
		}
	}
	if len(got) > 0 {
		t.Errorf("the module got %s once more", <-got)
	}
}

// single is a listener of one connection.
type single struct{ conn net.Conn }

func (s *single) Accept() (net.Conn, error) {
	if s.conn == nil {
		return nil, net.ErrClosed
	}
	conn := s.conn
	s.conn = nil
	return conn, nil
}
func (s *single) Close() error   { return nil }
func (s *single) Addr() net.Addr { return &net.UnixAddr{} }

func TestWhatOnlyLooksLikeGRPCGoesOverHTTP1(t *testing.T) {
	m := newModule(t, "hello", func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, r.Proto) })
	h := newHouse(t, proxy.Config{}, false, m)
	for contentType, want := range map[string]string{
		"application/grpc": "HTTP/2.0", "Application/gRPC+json": "HTTP/2.0", "application/grpc;x=y": "HTTP/2.0",
		"application/grpc-web": "HTTP/1.1", "application/grpc-web+proto": "HTTP/1.1", "application/grpcish": "HTTP/1.1", "text/plain": "HTTP/1.1",
	} {
		req := h.call("/", strings.NewReader("x"))
		req.Header.Set("Content-Type", contentType)
		if _, body := h.do(h.client(), req); body != want {
			t.Errorf("%s: %s", contentType, body)
		}
	}
	if s := h.engine.Stats(); s.Requests != 7 {
		t.Errorf("%+v", s)
	}
}
