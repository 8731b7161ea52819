package conformance_test

import (
	"io"
	"net/http"
	"strings"
	"testing"
)

func TestExpectationsAreMetOrRefused(t *testing.T) {
	asks := "HTTP/1.1 100 Continue\r\n\r\n"
	early := "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\nConnection: x-hop\r\nX-Hop: 1\r\nSegue-X: 1\r\n\r\n"
	runCases(t, []exchangeCase{
		{name: "another expectation", rfc: "RFC 9110, 10.1.1", send: post("hello", "Content-Length: 5", "Expect: pony"), status: "417", closes: true, unseen: true},
		{name: "a list of expectations", rfc: "RFC 9110, 10.1.1", send: post("hello", "Content-Length: 5", "Expect: 100-continue, pony"), status: "417", closes: true, unseen: true, ours: "net/http looks for 100-continue in the list"},
		{name: "an expectation without a body", rfc: "RFC 9110, 10.1.1", send: request("Expect: 100-continue"), status: "200", gotNot: []string{"100 continue"}},
		{name: "an expectation with a body of nothing", rfc: "RFC 9110, 10.1.1", send: post("", "Content-Length: 0", "Expect: 100-continue"), status: "200", gotNot: []string{"100 continue"}},
		{name: "an expectation in HTTP/1.0", rfc: "RFC 9110, 10.1.1", send: "POST /a HTTP/1.0\r\nHost: x\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\nhello", status: "200", closes: true, gotNot: []string{"100 continue"}, saw: []string{"hello"}},
		{name: "early hints", rfc: "RFC 8297, 2", send: plainGet, answer: early + okAnswer, status: "103 200", got: []string{"103 early hints\r\n", "link: </a>\r\n"}, gotNot: []string{"x-hop", "segue-x", "103 early hints\r\nlink: </a>\r\ncontent-length"}, body: "ok"},
		{name: "hints on hints", rfc: "RFC 9110, 15.2", send: plainGet, answer: early + early + okAnswer, status: "103 103 200", body: "ok"},
		{name: "hints to HTTP/1.0", rfc: "RFC 9110, 15.2", send: "GET /a HTTP/1.0\r\nHost: x\r\n\r\n", answer: early + okAnswer, status: "200", closes: true, gotNot: []string{"103 "}, body: "ok",
			ours: "net/http's server sends them"},
		{name: "processing", rfc: "RFC 9110, 15.2", send: plainGet, answer: "HTTP/1.1 102 Processing\r\n\r\n" + okAnswer, status: "102 200", body: "ok"},
		{name: "a 100 that nobody waits for", rfc: "RFC 9110, 15.2.1", send: plainGet, answer: asks + okAnswer, status: "200", body: "ok"},
		{name: "hints before an upgrade that was not asked for", rfc: "RFC 9110, 7.8", send: plainGet, answer: early + "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: other\r\n\r\n", status: "103 502"},
		{name: "hints and the end", rfc: "RFC 9110, 15.2", send: plainGet, answer: early + hangUp, status: "103 502"},
	})
}

func TestAClientIsAskedForItsBodyOnce(t *testing.T) {
	h, _ := usual(t, echoBody)
	client := h.dial("POST")
	io.WriteString(client.conn, post("", "Content-Length: 5", "Expect: 100-continue"))
	if answer, err := client.read(); err != nil || answer.Status != 100 || len(answer.Fields) != 0 {
		t.Fatalf("got %v, %q", err, client.raw())
	}
	io.WriteString(client.conn, "hello")
	if answer, err := client.read(); err != nil || answer.Status != 200 || answer.body != "hello" {
		t.Fatalf("got %v, %q", err, client.raw())
	}
	client.ends(t, false, "RFC 9110, 10.1.1")
	if n := strings.Count(client.raw(), "100 Continue"); n != 1 {
		t.Errorf("asked %d times", n)
	}
}

func TestAClientThatDoesNotWaitToBeAskedIsServed(t *testing.T) {
	h, _ := usual(t, echoBody)
	client := h.dial("POST")
	io.WriteString(client.conn, post("hello", "Content-Length: 5", "Expect: 100-continue"))
	answer, err := client.read()
	if err == nil && answer.Status == 100 {
		answer, err = client.read()
	}
	if err != nil || answer.Status != 200 || answer.body != "hello" {
		t.Fatalf("got %v, %q", err, client.raw())
	}
}

// A client that was not asked for its body may send it or not: what comes next can be
// either, so nothing may come next.
func TestAClientThatIsNotAskedForItsBodyLosesItsConnection(t *testing.T) {
	h, _ := usual(t, func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(http.StatusForbidden) })
	client := h.dial("POST")
	io.WriteString(client.conn, post("", "Content-Length: 5", "Expect: 100-continue"))
	if answer, err := client.read(); err != nil || answer.Status != 403 || !answer.Close {
		t.Fatalf("got %v, %q", err, client.raw())
	}
	client.ends(t, true, "RFC 9110, 10.1.1")
}
