package front_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"github.com/segue-run/segue/proxy/front"
	"github.com/segue-run/segue/proxy/guard"
)

func TestFirstBytesDecideTheEngine(t *testing.T) {
	h := newHouse(t, front.Config{})
	addr := h.listen(front.Options{})
	conn := dial(t, addr)
	for _, path := range []string{"/one", "/two"} {
		if r := mustAsk(t, conn, path); r.Engine != "h1" || r.Path != path || r.Address != conn.LocalAddr().String() || r.Secure || r.Trusted {
			t.Errorf("%+v", r)
		}
	}
	// A method that begins as the preface does.
	if _, err := io.WriteString(conn, "PRI"); err != nil {
		t.Fatal(err)
	}
	second := dial(t, addr)
	for _, c := range "PROPFIND / HTTP/1.1\r\nHost: a\r\n\r\n" {
		if _, err := second.Write([]byte{byte(c)}); err != nil {
			t.Fatal(err)
		}
	}
	if r, err := read(second); err != nil || r.Engine != "h1" {
		t.Errorf("%+v %v", r, err)
	}
}

// pieces writes a connection's first bytes one by one.
type pieces struct {
	net.Conn
	left int
}

func (p *pieces) Write(b []byte) (int, error) {
	for i := range b {
		if p.left--; p.left < 0 {
			n, err := p.Conn.Write(b[i:])
			return i + n, err
		}
		if _, err := p.Conn.Write(b[i : i+1]); err != nil {
			return i, err
		}
		time.Sleep(time.Millisecond)
	}
	return len(b), nil
}

func TestPrefaceOfHTTP2IsSeenHoweverItComes(t *testing.T) {
	h := newHouse(t, front.Config{})
	addr := h.listen(front.Options{})
	for _, single := range []int{0, 1, 23, 24, 30} {
		protocols := new(http.Protocols)
		protocols.SetUnencryptedHTTP2(true)
		transport := &http.Transport{Protocols: protocols, DialContext: func(context.Context, string, string) (net.Conn, error) {
			conn := dial(t, addr)
			_ = conn.(*net.TCPConn).SetNoDelay(true)
			return &pieces{Conn: conn, left: single}, nil
		}}
		r, proto := get(t, transport, "http://"+addr+"/x")
		if r.Engine != "h2" || proto != "HTTP/2.0" {
			t.Errorf("%d single bytes: %+v", single, r)
		}
		transport.CloseIdleConnections()
	}
}

func TestConnectionThatSaysNothingIsClosed(t *testing.T) {
	h := newHouse(t, front.Config{HeadTimeout: 50 * time.Millisecond})
	authority := newAuthority(t)
	clear := h.listen(front.Options{})
	secure := h.listen(front.Options{TLS: serverTLS(authority)})
	proxied := h.listen(front.Options{Proxies: guard.NewTrust(loopback)})
	for _, c := range []struct{ addr, sent string }{
		{clear, ""}, {clear, "PRI * HT"}, {secure, ""}, {secure, "\x16\x03\x01"}, {proxied, ""}, {proxied, "PROXY TC"}, {proxied, "PROXY UNKNOWN\r\n"},
	} {
		conn := dial(t, c.addr)
		if _, err := io.WriteString(conn, c.sent); err != nil {
			t.Fatal(err)
		}
		closed(t, conn)
	}
	eventually(t, "all are counted", func() bool {
		n := h.Counts()
		return n.Open == 0 && n.Accepted == 7 && n.Silent == 4 && n.NoHandshake == 1 && n.Unproven == 2
	})
}

func TestClientThatSentItsHeadInPiecesHasTheEngineForIt(t *testing.T) {
	h := newHouse(t, front.Config{HeadTimeout: 100 * time.Millisecond})
	addr := h.listen(front.Options{})
	conn := dial(t, addr)
	if _, err := io.WriteString(conn, "GET / HT"); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the engine has it", func() bool { return h.Stats().Connections == 1 })
	closed(t, dial(t, addr)) // came later, says nothing and has used up its time: so would the first have
	if _, err := io.WriteString(conn, "TP/1.1\r\nHost: a\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	if r, err := read(conn); err != nil || r.Engine != "h1" {
		t.Errorf("%+v %v", r, err)
	}
}

func TestOneAddressCannotTakeAllConnections(t *testing.T) {
	logs, seen := observer.New(zapcore.WarnLevel)
	h := newHouse(t, front.Config{MaxConnections: 5000, MaxPerAddress: 100, Trust: guard.NewTrust(prefix("127.0.0.9/32")), Logger: zap.New(logs)})
	addr := h.listen(front.Options{})
	var open []net.Conn
	for range 2000 {
		conn := dial(t, addr, "127.0.0.5")
		open = append(open, conn)
	}
	eventually(t, "all but a hundred are closed", func() bool { n := h.Counts(); return n.OverAddress == 1900 && n.Open == 100 })
	for range 20 {
		if r := mustAsk(t, dial(t, addr, "127.0.0.6"), "/"); r.Engine != "h1" {
			t.Errorf("%+v", r)
		}
	}
	// A proxy of the operator's own speaks for many.
	for range 150 {
		if r := mustAsk(t, dial(t, addr, "127.0.0.9"), "/"); !r.Trusted {
			t.Errorf("%+v", r)
		}
	}
	served := 0
	for _, conn := range open {
		if _, err := ask(conn, "/"); err == nil {
			served++
		}
		conn.Close()
	}
	if served != 100 {
		t.Errorf("%d of the address were served", served)
	}
	eventually(t, "it may come again", func() bool {
		_, err := ask(dial(t, addr, "127.0.0.5"), "/")
		return err == nil
	})
	if n := seen.FilterMessage("too many connections of one address").Len(); n != 1 {
		t.Errorf("logged %d times", n)
	}
}

func TestMoreConnectionsThanMayBeAreClosed(t *testing.T) {
	h := newHouse(t, front.Config{MaxConnections: 10, MaxPerAddress: -1})
	addr := h.listen(front.Options{})
	var open []net.Conn
	for range 10 {
		conn := dial(t, addr)
		mustAsk(t, conn, "/")
		open = append(open, conn)
	}
	closed(t, dial(t, addr))
	if n := h.Counts(); n.OverLimit != 1 || n.Open != 10 {
		t.Errorf("%+v", n)
	}
	mustAsk(t, open[9], "/")
	open[0].Close()
	eventually(t, "there is room again", func() bool { return h.Counts().Open < 10 })
	mustAsk(t, dial(t, addr), "/")
}

func TestShutdownEndsConnectionsThatHaveNotSaidWhatTheyAre(t *testing.T) {
	h := newHouse(t, front.Config{})
	authority := newAuthority(t)
	asked := make(chan struct{}, 1)
	release := make(chan struct{})
	clear := h.listen(front.Options{})
	secure := h.listen(front.Options{TLS: serverTLS(authority)})
	stuck := h.listen(front.Options{TLS: &tls.Config{GetCertificate: func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
		asked <- struct{}{}
		select {
		case <-release:
		case <-hello.Context().Done():
		}
		return nil, hello.Context().Err()
	}}})
	var open []net.Conn
	for _, c := range []struct{ addr, sent string }{{clear, ""}, {clear, "PRI *"}, {secure, ""}, {secure, "\x16\x03\x01\x00\xf0"}} {
		conn := dial(t, c.addr)
		if _, err := io.WriteString(conn, c.sent); err != nil {
			t.Fatal(err)
		}
		open = append(open, conn)
	}
	conn := dial(t, stuck)
	go func() { _ = tls.Client(conn, &tls.Config{ServerName: "a.test"}).Handshake() }()
	<-asked
	eventually(t, "all have come", func() bool { return h.Counts().Open == 5 })
	if err := h.Shutdown(context.Background()); err != nil {
		t.Fatal(err)
	}
	if n := h.Counts().Open; n != 0 {
		t.Errorf("%d are open", n)
	}
	for _, conn := range open {
		closed(t, conn)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if err := h.Serve(l); err != nil {
		t.Errorf("a listener that comes late: %v", err)
	}
	if _, err := net.Dial("tcp", l.Addr().String()); err == nil {
		t.Error("a listener that comes late is open")
	}
}

// flaky is a listener whose Accept fails now and then.
type flaky struct {
	net.Listener
	errs chan error
}

func (l flaky) Accept() (net.Conn, error) {
	select {
	case err := <-l.errs:
		return nil, err
	default:
		return l.Listener.Accept()
	}
}

func TestTroubleThatPassesDoesNotEndAccepting(t *testing.T) {
	h := newHouse(t, front.Config{})
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := flaky{inner, make(chan error, 10)}
	for _, errno := range []syscall.Errno{syscall.EMFILE, syscall.ENFILE, syscall.ENOMEM, syscall.ECONNABORTED, syscall.ENETUNREACH} {
		l.errs <- &net.OpError{Op: "accept", Err: errno}
	}
	ended := make(chan error, 1)
	h.served.Go(func() { ended <- h.Serve(l) })
	mustAsk(t, dial(t, inner.Addr().String()), "/")
	l.errs <- syscall.EBADF
	dial(t, inner.Addr().String()) // so that Accept is called again
	if err := <-ended; err != syscall.EBADF {
		t.Errorf("ended with %v", err)
	}
}

func TestListenerWithAHandlerServesThatAlone(t *testing.T) {
	h := newHouse(t, front.Config{})
	addr := h.listen(front.Options{Handler: front.Redirect("")})
	for host, want := range map[string]string{
		"example.com": "https://example.com/a/b?c=d", "example.com:80": "https://example.com/a/b?c=d", "[2001:db8::1]:80": "https://[2001:db8::1]/a/b?c=d",
	} {
		if got := location(t, addr, host); got != want {
			t.Errorf("%s: redirected to %q, want %q", host, got, want)
		}
	}
	other := h.listen(front.Options{Handler: front.Redirect("8443")})
	if got := location(t, other, "example.com:8080"); got != "https://example.com:8443/a/b?c=d" {
		t.Errorf("redirected to %q", got)
	}
	for _, bad := range []string{"", "a b", "evil.example/x", "a@b"} {
		if got := location(t, addr, bad); got != "" {
			t.Errorf("%q: redirected to %q", bad, got)
		}
	}
}

func TestARedirectDoesNotSendATrustedProxyRoundInACircle(t *testing.T) {
	trusting := newHouse(t, front.Config{Trust: guard.NewTrust(netip.MustParsePrefix("127.0.0.0/8"))})
	trusted, other := trusting.listen(front.Options{Handler: front.Redirect("")}), newHouse(t, front.Config{}).listen(front.Options{Handler: front.Redirect("")})
	for _, c := range []struct{ what, addr, header, want string }{
		{"a trusted proxy's client over HTTPS", trusted, "X-Forwarded-For: 192.0.2.1\r\nX-Forwarded-Proto: https\r\n", "HTTP/1.1 421 "},
		{"a trusted proxy's client in clear text", trusted, "X-Forwarded-For: 192.0.2.1\r\nX-Forwarded-Proto: http\r\n", "HTTP/1.1 308 "},
		{"one that says nothing", trusted, "", "HTTP/1.1 308 "},
		{"one that is not trusted", other, "X-Forwarded-For: 192.0.2.1\r\nX-Forwarded-Proto: https\r\n", "HTTP/1.1 308 "},
	} {
		conn := dial(t, c.addr)
		if _, err := io.WriteString(conn, "GET /a HTTP/1.1\r\nHost: example.com\r\n"+c.header+"Connection: close\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
		all, _ := io.ReadAll(conn)
		if !strings.HasPrefix(string(all), c.want) {
			t.Errorf("%s: %q", c.what, all)
		}
		if strings.HasSuffix(c.want, "421 ") && !strings.Contains(string(all), "proxy.tls.redirect") {
			t.Errorf("%s is not told what to do: %q", c.what, all)
		}
	}
}

func location(t *testing.T, addr, host string) string {
	t.Helper()
	conn := dial(t, addr)
	if _, err := io.WriteString(conn, "GET /a/b?c=d HTTP/1.1\r\nHost: "+host+"\r\nConnection: close\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	var all bytes.Buffer
	_, _ = io.Copy(&all, conn)
	head, _, _ := strings.Cut(all.String(), "\r\n\r\n")
	for line := range strings.SplitSeq(head, "\r\n") {
		if value, ok := strings.CutPrefix(line, "Location: "); ok && strings.HasPrefix(head, "HTTP/1.1 308 ") {
			return value
		}
	}
	if !strings.HasPrefix(head, "HTTP/1.1 400 ") {
		t.Errorf("%q: %q", host, head)
	}
	return ""
}

func get(t testing.TB, transport http.RoundTripper, url string) (report, string) {
	t.Helper()
	res, err := (&http.Client{Transport: transport, Timeout: patience}).Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	return decode(t, res.Body), res.Proto
}
