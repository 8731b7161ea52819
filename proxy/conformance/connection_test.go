package conformance_test

import (
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"

	"github.com/segue-run/segue/proxy"
)

func TestAConnectionGoesOnOrEndsAsBothSidesSay(t *testing.T) {
	closing := "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok" + hangUp
	runCases(t, []exchangeCase{
		{name: "it goes on", rfc: "RFC 9112, 9.3", send: plainGet, status: "200", gotNot: []string{"connection: close"}},
		{name: "the client closes", rfc: "RFC 9112, 9.6", send: request("Connection: close"), status: "200", closes: true, got: []string{"connection: close\r\n"}},
		{name: "the client closes, in a list", rfc: "RFC 9110, 7.6.1", send: request("Connection: x-a ,\tCLOSE, x-b"), status: "200", closes: true, got: []string{"connection: close\r\n"}},
		{name: "the client closes, on a second line", rfc: "RFC 9110, 7.6.1", send: request("Connection: x-a", "Connection: close"), status: "200", closes: true},
		{name: "the client names something else", rfc: "RFC 9110, 7.6.1", send: request("Connection: closed, not-close"), status: "200"},
		{name: "the client wants it to go on", rfc: "RFC 9112, 9.3", send: request("Connection: keep-alive"), status: "200"},
		{name: "a Proxy-Connection means nothing", rfc: "RFC 9112, C.2.2", send: request("Proxy-Connection: close"), status: "200", sawNot: []string{"proxy-connection"}},
		{name: "the module closes", rfc: "RFC 9110, 7.6.1", send: plainGet, status: "200", answer: closing, gotNot: []string{"connection: close"}},
		{name: "the client closes, the module is not told", rfc: "RFC 9110, 7.6.1", send: request("Connection: close"), status: "200", closes: true, sawNot: []string{"connection: close"}},
		{name: "nothing follows a request that closes", rfc: "RFC 9112, 9.6", send: request("Connection: close") + plainGet, status: "200", closes: true},
		{name: "empty lines before a request", rfc: "RFC 9112, 2.2", send: "\r\n\r\n" + plainGet, status: "200", ours: "net/http takes them for a request line"},
		{name: "empty lines between requests", rfc: "RFC 9112, 2.2", send: plainGet + "\r\n" + plainGet, status: "200 200", ours: "net/http takes them for a request line"},
		{name: "an empty line behind a body", rfc: "RFC 9112, 2.2", send: post("hello", "Content-Length: 5") + "\r\n" + plainGet, methods: "POST GET", status: "200 200", ours: "net/http takes it for a request line"},
		{name: "a 404 goes on", rfc: "RFC 9112, 9.3", send: plainGet, status: "404", answer: strings.Replace(okAnswer, "200 OK", "404 Not Found", 1)},
		{name: "a 500 goes on", rfc: "RFC 9112, 9.3", send: plainGet, status: "500", answer: strings.Replace(okAnswer, "200 OK", "500 Oh", 1)},
		{name: "a 400 of the module's goes on", rfc: "RFC 9112, 9.3", send: plainGet, status: "400", answer: strings.Replace(okAnswer, "200 OK", "400 No", 1)},
		{name: "a module that breaks off is a 502 that goes on", rfc: "RFC 9110, 15.6.3", send: plainGet, status: "502", answer: hangUp},
	})
}

func TestAClientThatEndsItsSideStillGetsItsAnswer(t *testing.T) {
	m := newRawModule(t, okAnswer)
	client := newHouse(t, proxy.Config{}, stable(t, m.target)).dial("")
	io.WriteString(client.conn, request("Connection: close"))
	_ = client.conn.(*net.TCPConn).CloseWrite()
	answer, err := client.read()
	// Who is gone for good looks the same: nobody has to answer.
	if err == nil && answer.body != "ok" || err != nil && !errors.Is(err, io.EOF) {
		t.Errorf("got %v, %q", err, client.raw())
	}
}

func TestRequestsOfOneConnectionAreAnsweredInTheirOrder(t *testing.T) {
	runCases(t, []exchangeCase{
		{name: "three at once", rfc: "RFC 9112, 9.3.2", send: plainGet + strings.Replace(plainGet, "/a", "/b", 1) + strings.Replace(plainGet, "/a", "/c", 1), status: "200 200 200", saw: []string{"get /a ", "get /b ", "get /c "}},
		{name: "one with a body first", rfc: "RFC 9112, 9.3.2", send: post("hello", "Content-Length: 5") + plainGet, methods: "POST GET", status: "200 200", saw: []string{"hello" + "GET /a"}},
		{name: "a HEAD first", rfc: "RFC 9112, 9.3.2", send: strings.Replace(plainGet, "GET", "HEAD", 1) + plainGet, methods: "HEAD GET", status: "200 200", body: "ok"},
		{name: "one that is refused behind", rfc: "RFC 9112, 9.3.2", send: plainGet + "GET /b HTTP/1.1\r\n\r\n" + behind, status: "200 400", closes: true, sawNot: []string{"/b", "smuggled"}},
		{name: "a part of one behind", rfc: "RFC 9112, 9.3.2", send: plainGet + "GET /b HTT", status: "200 408", sawNot: []string{"/b"}, closes: true, cfg: proxy.Config{HeadTimeout: shortly}, ours: "net/http answers nothing to a head that does not come"},
	})
}

func TestAHundredRequestsAtOnceGetAHundredAnswers(t *testing.T) {
	h, _ := usual(t, echoPath)
	client := h.dial("")
	var all strings.Builder
	for i := range 100 {
		fmt.Fprintf(&all, "GET /%d HTTP/1.1\r\nHost: x\r\n\r\n", i)
	}
	go func() { _, _ = io.WriteString(client.conn, all.String()) }()
	for i := range 100 {
		if answer, err := client.read(); err != nil || answer.body != fmt.Sprintf("/%d", i) {
			t.Fatalf("answer %d: %q, %v", i, answer.body, err)
		}
	}
	client.ends(t, false, "RFC 9112, 9.3.2")
}

func TestARequestIsReadHoweverItComes(t *testing.T) {
	h, _ := usual(t, echoBody)
	send := post("5\r\nhello\r\n7;a=b\r\n, world\r\n0\r\n\r\n", "Transfer-Encoding: chunked", "X-A: b")
	client := h.dial("POST POST POST")
	for _, piece := range []int{1, 2, 7} {
		for rest := send; rest != ""; {
			n := min(piece, len(rest))
			io.WriteString(client.conn, rest[:n])
			rest = rest[n:]
		}
		if answer, err := client.read(); err != nil || answer.body != "hello, world" {
			t.Fatalf("in pieces of %d: %q, %v", piece, answer.body, err)
		}
	}
}

func TestAHeadThatDoesNotComeEndsTheConnection(t *testing.T) {
	for _, part := range []string{"", "GET", "GET /a HTTP/1.1\r\nHost: x\r\n"} {
		m := newRawModule(t, okAnswer)
		client := newHouse(t, proxy.Config{HeadTimeout: shortly, IdleTimeout: shortly}, stable(t, m.target)).dial("")
		io.WriteString(client.conn, part)
		if answer, err := client.read(); err == nil && answer.Status != 408 && answer.Status != 400 {
			t.Errorf("%q: got %q", part, client.raw())
		}
		client.buf = nil
		client.ends(t, true, "RFC 9110, 15.5.9")
		if m.all() != "" {
			t.Errorf("%q: the module got %q", part, m.all())
		}
	}
}
