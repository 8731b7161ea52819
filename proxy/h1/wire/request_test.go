package wire_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/segue-run/segue/proxy/h1/wire"
)

func TestARequestIsReadWithWhatFollowsFromIt(t *testing.T) {
	for _, c := range []struct {
		head string
		want wire.Request
	}{
		{"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
			wire.Request{Method: "GET", Target: "/", Path: "/", Host: "x", Minor: 1, Length: -1}},
		{"\r\n\r\nGET /a%2Fb?x=1?&y HTTP/1.1\r\nhOST:\t shop.example:8080 \t\r\n\r\n",
			wire.Request{Method: "GET", Target: "/a%2Fb?x=1?&y", Path: "/a%2Fb", Query: "x=1?&y", HasQuery: true, Host: "shop.example:8080", Minor: 1, Length: -1}},
		{"GET /? HTTP/1.1\r\nHost: [::1]:80\r\nConnection: foo ,\tClose\r\n\r\n",
			wire.Request{Method: "GET", Target: "/?", Path: "/", HasQuery: true, Host: "[::1]:80", Minor: 1, Length: -1, Close: true}},
		{"GET / HTTP/1.0\r\n\r\n",
			wire.Request{Method: "GET", Target: "/", Path: "/", Length: -1, Close: true}},
		{"GET / HTTP/1.0\r\nConnection: Keep-Alive\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n",
			wire.Request{Method: "GET", Target: "/", Path: "/", Framing: wire.Length, Length: 3}},
		{"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\nExpect: 100-continue\r\n\r\n",
			wire.Request{Method: "POST", Target: "/", Path: "/", Host: "x", Minor: 1, Framing: wire.Length}},
		{"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9223372036854775807\r\nExpect: 100-Continue\r\n\r\n",
			wire.Request{Method: "POST", Target: "/", Path: "/", Host: "x", Minor: 1, Framing: wire.Length, Length: 1<<63 - 1, Continue: true}},
		{"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: Chunked\r\nTE: gzip;q=0.5, trailers;q=1\r\n\r\n",
			wire.Request{Method: "POST", Target: "/", Path: "/", Host: "x", Minor: 1, Framing: wire.Chunked, Length: -1, TETrailers: true}},
		{"GET HTTP://Shop.Example:80/a?b HTTP/1.1\r\nHost: other\r\n\r\n",
			wire.Request{Method: "GET", Target: "HTTP://Shop.Example:80/a?b", Path: "/a", Query: "b", HasQuery: true, Host: "Shop.Example:80", Minor: 1, Length: -1}},
		{"GET https://x?b HTTP/1.1\r\nHost: x\r\n\r\n",
			wire.Request{Method: "GET", Target: "https://x?b", Path: "/", Query: "b", HasQuery: true, Host: "x", Minor: 1, Length: -1}},
		{"OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n",
			wire.Request{Method: "OPTIONS", Target: "*", Path: "*", Host: "x", Minor: 1, Length: -1}},
		{"OPTIONS http://x HTTP/1.1\r\nHost: x\r\n\r\n",
			wire.Request{Method: "OPTIONS", Target: "http://x", Path: "*", Host: "x", Minor: 1, Length: -1}},
		{"CONNECT x:443 HTTP/1.1\r\nHost: y\r\n\r\n",
			wire.Request{Method: "CONNECT", Target: "x:443", Host: "x:443", Minor: 1, Length: -1}},
		{"GET / HTTP/1.1\r\nHost: x\r\nConnection: keep-alive, Upgrade\r\nUpgrade: WebSocket\r\n\r\n",
			wire.Request{Method: "GET", Target: "/", Path: "/", Host: "x", Minor: 1, Length: -1, Upgrade: "websocket"}},
		{"GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n\r\n",
			wire.Request{Method: "GET", Target: "/", Path: "/", Host: "x", Minor: 1, Length: -1}},
	} {
		r := new(wire.Request)
		n, err := r.Parse([]byte(c.head+"what follows"), limits)
		if err != nil || n != len(c.head) {
			t.Errorf("%q: got %d, %v", c.head, n, err)
			continue
		}
		got := *r
		got.Fields = nil
		if !sameRequest(&got, &c.want) {
			t.Errorf("%q: got %+v", c.head, got)
		}
	}
}

func TestAnUpgradeIsOneThatMayPass(t *testing.T) {
	for fields, want := range map[string]string{
		"Connection: upgrade\r\nUpgrade: websocket":                         "websocket",
		"Connection: upgrade\r\nUpgrade: Foo/2.1":                           "foo/2.1",
		"Upgrade: websocket":                                                "",
		"Connection: upgrade":                                               "",
		"Connection: upgrade\r\nUpgrade: websocket, foo":                    "",
		"Connection: upgrade\r\nUpgrade: websocket\r\nUpgrade: foo":         "",
		"Connection: upgrade\r\nUpgrade: a b":                               "",
		"Connection: upgrade\r\nUpgrade: a/":                                "",
		"Connection: upgrade\r\nUpgrade: TLS/1.0":                           "",
		"Connection: upgrade\r\nUpgrade: HTTP/2.0":                          "",
		"Connection: upgrade\r\nUpgrade: H2C":                               "",
		"Connection: x\r\nConnection: y, UPGRADE\r\nUpgrade: websocket":     "websocket",
		"Connection: close, upgrade\r\nX: y\r\nUpgrade: websocket\r\nTE: x": "websocket",
	} {
		r := new(wire.Request)
		if _, err := r.Parse([]byte("GET / HTTP/1.1\r\nHost: x\r\n"+fields+"\r\n\r\n"), limits); err != nil || r.Upgrade != want {
			t.Errorf("%q: got %q, %v", fields, r.Upgrade, err)
		}
	}
	r := new(wire.Request)
	if _, err := r.Parse([]byte("GET / HTTP/1.0\r\nHost: x\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n"), limits); err != nil || r.Upgrade != "" {
		t.Errorf("in HTTP/1.0: got %q, %v", r.Upgrade, err)
	}
}

func TestFieldsAreGivenAsTheyCameWithoutTheSpacesAround(t *testing.T) {
	r := new(wire.Request)
	if _, err := r.Parse([]byte("GET / HTTP/1.1\r\nHost: x\r\nX-a:b\r\nEMPTY:\r\nblank: \t \r\nLong: \t a\tb \xff  \r\nx-A: \"c : d\"\r\n\r\n"), limits); err != nil {
		t.Fatal(err)
	}
	want := []wire.Field{{"Host", "x"}, {"X-a", "b"}, {"EMPTY", ""}, {"blank", ""}, {"Long", "a\tb \xff"}, {"x-A", "\"c : d\""}}
	if !slices.Equal(r.Fields, want) {
		t.Errorf("got %q", r.Fields)
	}
}

// get is a request with that in its place.
func get(fields string) string { return "GET / HTTP/1.1\r\n" + fields + "\r\n\r\n" }

// post has a Host already.
func post(fields string) string { return "POST / HTTP/1.1\r\nHost: x\r\n" + fields + "\r\n\r\n" }

func TestRequestsThatAreRefused(t *testing.T) {
	long := func(n int) string { return strings.Repeat("a", n) }
	for _, c := range []struct {
		name, head string
		status     int
		msg        string
	}{
		// The request line.
		{"bare LF", "GET / HTTP/1.1\nHost: x\n\n", 400, "CR and LF"},
		{"bare LF first", "\nGET / HTTP/1.1\r\nHost: x\r\n\r\n", 400, "CR and LF"},
		{"bare CR first", "\rGET / HTTP/1.1\r\nHost: x\r\n\r\n", 400, "method"},
		{"bare CR between", "GET / HTTP/1.1\rHost: x\r\n\r\n", 400, "request line"},
		{"CR CR LF", "GET / HTTP/1.1\r\r\nHost: x\r\n\r\n", 400, "request line"},
		{"two spaces", "GET  / HTTP/1.1\r\nHost: x\r\n\r\n", 400, "target"},
		{"two spaces before the version", "GET /  HTTP/1.1\r\nHost: x\r\n\r\n", 400, "request line"},
		{"a space behind the version", "GET / HTTP/1.1 \r\nHost: x\r\n\r\n", 400, "request line"},
		{"a space before the method", " GET / HTTP/1.1\r\nHost: x\r\n\r\n", 400, "method"},
		{"a tab between", "GET\t/ HTTP/1.1\r\nHost: x\r\n\r\n", 400, "method"},
		{"no version", "GET /\r\nHost: x\r\n\r\n", 400, "request line"},
		{"no target", "GET HTTP/1.1\r\nHost: x\r\n\r\n", 400, "request line"},
		{"a method that is no token", "G(T / HTTP/1.1\r\nHost: x\r\n\r\n", 400, "method"},
		{"a TLS handshake", "\x16\x03\x01\x02", 400, "method"},
		{"a long method", long(33), 501, "method"},
		{"HTTP/0.9", "GET / HTTP/0.9\r\nHost: x\r\n\r\n", 505, "version"},
		{"HTTP/1.2", "GET / HTTP/1.2\r\nHost: x\r\n\r\n", 505, "version"},
		{"HTTP/2.0", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505, "version"},
		{"http/1.1", "GET / http/1.1\r\nHost: x\r\n\r\n", 400, "request line"},
		{"HTTP/1.10", "GET / HTTP/1.10\r\nHost: x\r\n\r\n", 400, "request line"},
		{"HTTP/11", "GET / HTTP/11\r\nHost: x\r\n\r\n", 400, "request line"},
		{"another protocol", "GET / RTSP/1.0\r\nHost: x\r\n\r\n", 400, "request line"},

		// The target.
		{"a fragment", "GET /a#b HTTP/1.1\r\nHost: x\r\n\r\n", 400, "target"},
		{"not ASCII", "GET /\xc3\xa4 HTTP/1.1\r\nHost: x\r\n\r\n", 400, "target"},
		{"NUL in the target", "GET /a\x00b HTTP/1.1\r\nHost: x\r\n\r\n", 400, "target"},
		{"DEL in the target", "GET /a\x7fb HTTP/1.1\r\nHost: x\r\n\r\n", 400, "target"},
		{"a space in the target", "GET /a b HTTP/1.1\r\nHost: x\r\n\r\n", 400, "request line"},
		{"a long target", "GET /" + long(200), 414, "target"},
		{"a relative path", "GET a HTTP/1.1\r\nHost: x\r\n\r\n", 400, "target"},
		{"an asterisk for GET", "GET * HTTP/1.1\r\nHost: x\r\n\r\n", 400, "form"},
		{"an authority for GET", "GET x:80 HTTP/1.1\r\nHost: x\r\n\r\n", 400, "target"},
		{"a path for CONNECT", "CONNECT /a HTTP/1.1\r\nHost: x\r\n\r\n", 400, "form"},
		{"an address for CONNECT", "CONNECT http://x/ HTTP/1.1\r\nHost: x\r\n\r\n", 400, "form"},
		{"no port for CONNECT", "CONNECT x HTTP/1.1\r\nHost: x\r\n\r\n", 400, "form"},
		{"an empty port for CONNECT", "CONNECT x: HTTP/1.1\r\nHost: x\r\n\r\n", 400, "form"},
		{"another scheme", "GET ftp://x/ HTTP/1.1\r\nHost: x\r\n\r\n", 400, "target"},
		{"no authority", "GET http:///a HTTP/1.1\r\nHost: x\r\n\r\n", 400, "address"},
		{"user information", "GET http://me@x/a HTTP/1.1\r\nHost: x\r\n\r\n", 400, "address"},

		// Host.
		{"no Host", get("X: y"), 400, "no Host"},
		{"two Hosts", get("Host: x\r\nHost: x"), 400, "more than one Host"},
		{"two Hosts in HTTP/1.0", "GET / HTTP/1.0\r\nHost: x\r\nHost: y\r\n\r\n", 400, "more than one Host"},
		{"an empty Host", get("Host:"), 400, "a Host that is none"},
		{"a Host with a path", get("Host: x/y"), 400, "a Host that is none"},
		{"a Host with a space", get("Host: x y"), 400, "a Host that is none"},
		{"a Host with a user", get("Host: me@x"), 400, "a Host that is none"},
		{"a Host with a long port", get("Host: x:123456"), 400, "a Host that is none"},
		{"a Host with a port that is none", get("Host: x:8a"), 400, "a Host that is none"},
		{"a Host of a port", get("Host: :80"), 400, "a Host that is none"},
		{"a Host not ASCII", get("Host: \xe4"), 400, "a Host that is none"},
		{"a Host with a broken escape", get("Host: a%2"), 400, "a Host that is none"},
		{"an open bracket", get("Host: [::1"), 400, "a Host that is none"},
		{"a zone", get("Host: [fe80::1%25eth0]"), 400, "a Host that is none"},
		{"something behind a bracket", get("Host: [::1]a"), 400, "a Host that is none"},
		{"IPv4 in brackets", get("Host: [1.2.3.4]"), 400, "a Host that is none"},
		{"a bad Host with an absolute target", "GET http://x/ HTTP/1.1\r\nHost: a b\r\n\r\n", 400, "a Host that is none"},

		// Header lines.
		{"a folded line", get("Host: x\r\nA: b\r\n c"), 400, "begins with a space"},
		{"a folded line with a tab", get("Host: x\r\nA: b\r\n\tc: d"), 400, "begins with a space"},
		{"a first line with a space", get(" A: b\r\nHost: x"), 400, "begins with a space"},
		{"a space before the colon", get("Host : x"), 400, "before the colon"},
		{"a tab before the colon", get("Host\t: x"), 400, "before the colon"},
		{"no colon", get("Host: x\r\nA"), 400, "header name"},
		{"an empty name", get("Host: x\r\n: b"), 400, "header name"},
		{"a space in the name", get("Host: x\r\nA b: c"), 400, "header name"},
		{"a name that is no token", get("Host: x\r\nA(b): c"), 400, "header name"},
		{"a name not ASCII", get("Host: x\r\nA\xe4: c"), 400, "header name"},
		{"NUL in the name", get("Host: x\r\nA\x00: c"), 400, "header name"},
		{"NUL in the value", get("Host: x\r\nA: b\x00c"), 400, "control character"},
		{"CR in the value", get("Host: x\r\nA: b\rc"), 400, "control character"},
		{"CR before the end", get("Host: x\r\nA: b\r"), 400, "control character"},
		{"LF in the value", get("Host: x\r\nA: b\nC: d"), 400, "CR and LF"},
		{"DEL in a long value", get("Host: x\r\nA: 12345678901234567890\x7f45678"), 400, "control character"},
		{"VT in a long value", get("Host: x\r\nA: 1234567\v01234567890"), 400, "control character"},
		{"an end with bare LF", "GET / HTTP/1.1\r\nHost: x\r\n\n", 400, "CR and LF"},
		{"too many lines", get("Host: x" + strings.Repeat("\r\nA: b", 20)), 431, "too many"},
		{"too large", get("Host: x\r\nA: " + long(4096)), 431, "too large"},
		{"too many empty lines", strings.Repeat("\r\n", 2048), 431, "too large"},

		// Framing.
		{"both lengths", post("Content-Length: 1\r\nTransfer-Encoding: chunked"), 400, "both"},
		{"both lengths, turned round", post("Transfer-Encoding: chunked\r\nContent-Length: 1"), 400, "both"},
		{"two lengths", post("Content-Length: 1\r\nContent-Length: 2"), 400, "more than one Content-Length"},
		{"two equal lengths", post("Content-Length: 1\r\ncontent-length: 1"), 400, "more than one Content-Length"},
		{"a list of lengths", post("Content-Length: 1, 1"), 400, "Content-Length"},
		{"an empty length", post("Content-Length:"), 400, "Content-Length"},
		{"a signed length", post("Content-Length: +1"), 400, "Content-Length"},
		{"a negative length", post("Content-Length: -1"), 400, "Content-Length"},
		{"a hexadecimal length", post("Content-Length: 0x1"), 400, "Content-Length"},
		{"a length with a space", post("Content-Length: 1 1"), 400, "Content-Length"},
		{"a length beyond 63 bits", post("Content-Length: 9223372036854775808"), 400, "Content-Length"},
		{"a length beyond 64 bits", post("Content-Length: 18446744073709551617"), 400, "Content-Length"},
		{"gzip", post("Transfer-Encoding: gzip"), 501, "coding other than chunked"},
		{"gzip, then chunked", post("Transfer-Encoding: gzip, chunked"), 501, "coding other than chunked"},
		{"gzip, then chunked, on two lines", post("Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked"), 501, "coding other than chunked"},
		{"identity", post("Transfer-Encoding: identity"), 501, "coding other than chunked"},
		{"chunked twice", post("Transfer-Encoding: chunked, chunked"), 400, "once and last"},
		{"chunked twice, on two lines", post("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked"), 400, "once and last"},
		{"chunked not last", post("Transfer-Encoding: chunked, gzip"), 400, "once and last"},
		{"chunked with a parameter", post("Transfer-Encoding: chunked;a=b"), 400, "once and last"},
		{"an empty coding", post("Transfer-Encoding:"), 400, "once and last"},
		{"an empty item", post("Transfer-Encoding: , chunked"), 400, "once and last"},
		{"an empty item behind", post("Transfer-Encoding: chunked,"), 400, "once and last"},
		{"a coding in quotes", post("Transfer-Encoding: \"chunked\""), 400, "once and last"},
		{"a coding that is not chunked quite", post("Transfer-Encoding: xchunked"), 501, "coding other than chunked"},
		{"a coding with VT", post("Transfer-Encoding: \vchunked"), 400, "control character"},
		{"a coding in HTTP/1.0", "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", 400, "HTTP/1.0"},
		{"another expectation", post("Expect: pony"), 417, "expectation"},
		{"two expectations", post("Expect: 100-continue, pony"), 417, "expectation"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := new(wire.Request)
			n, err := r.Parse([]byte(c.head), limits)
			refusal, ok := errors.AsType[*wire.SyntaxError](err)
			if !ok || n != 0 || refusal.Status != c.status || !strings.Contains(refusal.Error(), c.msg) || refusal.Section == "" {
				t.Errorf("%q: got %d, %+v", c.head, n, err)
			}
			checkPieces(t, []byte(c.head))
		})
	}
}

func TestAHeadMayBeAsLargeAsItsLimits(t *testing.T) {
	head := get("Host: x" + strings.Repeat("\r\nA: b", 19))
	head = "GET /" + strings.Repeat("a", 199) + head[len("GET /"):]
	head = strings.Replace(head, "A: b", "A: "+strings.Repeat("b", limits.Bytes-len(head)+1), 1)
	if len(head) != limits.Bytes {
		t.Fatal(len(head))
	}
	r := new(wire.Request)
	if n, err := r.Parse([]byte(head), limits); n != len(head) || err != nil {
		t.Errorf("got %d, %v", n, err)
	}
}

// checkPieces checks that a head reads the same however much of it has come.
func checkPieces(t *testing.T, head []byte) {
	t.Helper()
	whole, part := new(wire.Request), new(wire.Request)
	n, err := whole.Parse(head, limits)
	for i := range head {
		m, partErr := part.Parse(head[:i:i], limits)
		switch {
		case partErr != nil && partErr != err:
			t.Fatalf("%q: refused with %v, of it all %v", head[:i], partErr, err)
		case partErr == nil && m != 0 && (m != n || !sameRequest(whole, part)):
			t.Fatalf("%q: read as %+v, all of it as %+v", head[:i], part, whole)
		case m == 0 && partErr == nil && n != 0 && i >= n:
			t.Fatalf("%q: not read, all of it is", head[:i])
		}
	}
}

func sameRequest(a, b *wire.Request) bool { return fmt.Sprintf("%+v", *a) == fmt.Sprintf("%+v", *b) }
