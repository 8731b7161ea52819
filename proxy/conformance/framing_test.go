package conformance_test

import (
	"testing"

	"github.com/segue-run/segue/proxy"
)

const laxLength = "net/http takes equal lengths for one"

func TestFramingThatHasTwoReadingsIsRefused(t *testing.T) { runRefusals(t, framingRefusals()) }

func framingRefusals() []refusal {
	body := "5\r\nhello\r\n0\r\n\r\n"
	return []refusal{
		{"both lengths", "RFC 9112, 6.1", post(body, "Content-Length: 5", "Transfer-Encoding: chunked"), 400, "net/http drops the Content-Length"},
		{"both lengths, turned round", "RFC 9112, 6.1", post(body, "Transfer-Encoding: chunked", "Content-Length: 5"), 400, "net/http drops the Content-Length"},
		{"two lengths", "RFC 9112, 6.3", post("hello", "Content-Length: 5", "Content-Length: 6"), 400, ""},
		{"two equal lengths", "RFC 9112, 6.3", post("hello", "Content-Length: 5", "Content-Length: 5"), 400, laxLength},
		{"a list of lengths", "RFC 9112, 6.3", post("hello", "Content-Length: 5, 6"), 400, ""},
		{"a list of equal lengths", "RFC 9110, 8.6", post("hello", "Content-Length: 5, 5"), 400, ""},
		{"a positive length", "RFC 9110, 8.6", post("hello", "Content-Length: +5"), 400, ""},
		{"a negative length", "RFC 9110, 8.6", post("hello", "Content-Length: -5"), 400, ""},
		{"a length of two words", "RFC 9110, 8.6", post("hello", "Content-Length: 5 5"), 400, ""},
		{"a length in hexadecimal digits", "RFC 9110, 8.6", post("hello", "Content-Length: 0x5"), 400, ""},
		{"a length with a fraction", "RFC 9110, 8.6", post("hello", "Content-Length: 5.0"), 400, ""},
		{"a length in quotes", "RFC 9110, 8.6", post("hello", "Content-Length: \"5\""), 400, ""},
		{"an empty length", "RFC 9110, 8.6", post("hello", "Content-Length: "), 400, "net/http takes it for none"},
		{"a length beyond 63 bits", "RFC 9110, 8.6", post("hello", "Content-Length: 9223372036854775808"), 400, ""},
		{"a length beyond 64 bits", "RFC 9110, 8.6", post("hello", "Content-Length: 18446744073709551621"), 400, ""},
		{"a length in other digits", "RFC 9110, 8.6", post("hello", "Content-Length: \xd9\xa5"), 400, ""},
		{"another coding", "RFC 9112, 6.1", post(body, "Transfer-Encoding: gzip"), 501, ""},
		{"identity", "RFC 9112, 6.1", post(body, "Transfer-Encoding: identity"), 501, ""},
		{"another coding before chunked", "RFC 9112, 6.1", post(body, "Transfer-Encoding: gzip, chunked"), 501, ""},
		{"another coding before chunked, on two lines", "RFC 9112, 6.1", post(body, "Transfer-Encoding: gzip", "Transfer-Encoding: chunked"), 501, ""},
		{"chunked twice", "RFC 9112, 6.1", post(body, "Transfer-Encoding: chunked, chunked"), 400, ""},
		{"chunked twice, on two lines", "RFC 9112, 6.1", post(body, "Transfer-Encoding: chunked", "Transfer-Encoding: chunked"), 400, ""},
		{"chunked not last", "RFC 9112, 6.3", post(body, "Transfer-Encoding: chunked, identity"), 400, ""},
		{"chunked with a parameter", "RFC 9112, 7", post(body, "Transfer-Encoding: chunked;q=1"), 400, ""},
		{"chunked in quotes", "RFC 9112, 7", post(body, "Transfer-Encoding: \"chunked\""), 400, ""},
		{"an empty coding", "RFC 9112, 6.1", post(body, "Transfer-Encoding:"), 400, ""},
		{"an empty item before chunked", "RFC 9112, 6.1", post(body, "Transfer-Encoding: ,chunked"), 400, ""},
		{"nearly chunked", "RFC 9112, 6.1", post(body, "Transfer-Encoding: xchunked"), 501, ""},
		{"chunked behind a vertical tab", "RFC 9110, 5.5", post(body, "Transfer-Encoding: \vchunked"), 400, ""},
		{"chunked behind a NUL", "RFC 9110, 5.5", post(body, "Transfer-Encoding: \x00chunked"), 400, ""},
		{"chunked behind a folded line", "RFC 9112, 5.2", post(body, "Transfer-Encoding:\r\n chunked"), 400, "net/http unfolds it"},
		{"chunked in HTTP/1.0", "RFC 9112, 6.1", "POST /a HTTP/1.0\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n" + body, 400, "net/http takes it for a request without a body"},
		{"a space before the colon of Transfer-Encoding", "RFC 9112, 5.1", post(body, "Transfer-Encoding : chunked"), 400, ""},
		{"a space before the colon of Content-Length", "RFC 9112, 5.1", post("hello", "Content-Length : 5"), 400, ""},
	}
}

func TestABodyEndsWhereItsFramingSays(t *testing.T) {
	runCases(t, []exchangeCase{
		{name: "a length", rfc: "RFC 9112, 6.2", send: post("hello", "Content-Length: 5"), status: "200",
			saw: []string{"content-length: 5\r\n", "\r\n\r\nhello"}, sawNot: []string{"transfer-encoding"}},
		{name: "a length of nothing", rfc: "RFC 9110, 8.6", send: post("", "Content-Length: 0"), status: "200",
			saw: []string{"content-length: 0\r\n"}, sawNot: []string{"transfer-encoding"}},
		{name: "a length with zeros before it", rfc: "RFC 9110, 8.6", send: post("hello", "Content-Length: 0005"), status: "200",
			saw: []string{"content-length: 5\r\n", "hello"}},
		{name: "a length between spaces", rfc: "RFC 9112, 5.1", send: post("hello", "Content-Length: \t 5 \t"), status: "200",
			saw: []string{"content-length: 5\r\n", "hello"}},
		{name: "no length is no body", rfc: "RFC 9112, 6.3", send: post(plainGet), methods: "POST GET", status: "200 200",
			saw: []string{"post /a", "get /a"}, sawNot: []string{"transfer-encoding"}},
		{name: "chunks", rfc: "RFC 9112, 7.1", send: post("5\r\nhello\r\n0\r\n\r\n", "Transfer-Encoding: chunked"), status: "200",
			saw: []string{"transfer-encoding: chunked\r\n", "\r\n\r\nhello0\r\n\r\n"}, sawNot: []string{"content-length"}},
		{name: "chunks in capitals", rfc: "RFC 9112, 7", send: post("5\r\nhello\r\n0\r\n\r\n", "TRANSFER-ENCODING: ChUnKeD"), status: "200",
			saw: []string{"transfer-encoding: chunked\r\n", "hello"}},
		{name: "a GET with a body", rfc: "RFC 9110, 9.3.1", send: request("Content-Length: 5") + "hello", status: "200",
			saw: []string{"get /a ", "content-length: 5\r\n", "hello"}},
		{name: "a DELETE with chunks", rfc: "RFC 9110, 9.3.5", status: "200",
			send: "DELETE /a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", saw: []string{"delete /a ", "transfer-encoding: chunked", "hello"}},
		{name: "an underscore in the place of a hyphen", rfc: "RFC 9110, 5.1", send: post("hello", "Content-Length: 5", "Transfer_Encoding: chunked", "Content_Length: 2"), status: "200",
			saw: []string{"content-length: 5\r\n", "hello"}, sawNot: []string{"transfer_encoding", "content_length"}},
		{name: "an answer with a length", rfc: "RFC 9112, 6.2", send: plainGet, status: "200",
			got: []string{"content-length: 2\r\n", "\r\n\r\nok"}, gotNot: []string{"transfer-encoding"}},
		{name: "an answer in chunks", rfc: "RFC 9112, 7.1", send: plainGet, status: "200", body: "hello, world",
			answer: "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n7;a=b\r\nhello, \r\n5\r\nworld\r\n0\r\n\r\n",
			got:    []string{"transfer-encoding: chunked\r\n"}, gotNot: []string{"content-length", ";a=b"}},
		{name: "an answer to the end of the connection", rfc: "RFC 9112, 6.3", send: plainGet, status: "200", body: "hello",
			answer: "HTTP/1.1 200 OK\r\n\r\nhello" + hangUp, got: []string{"transfer-encoding: chunked\r\n"}},
	})
}

func TestAnAnswerWhoseFramingHasTwoReadingsIs502(t *testing.T) {
	chunks := "5\r\nhowdy\r\n0\r\n\r\n"
	second := "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nforged"
	var cases []exchangeCase
	for _, c := range []struct{ name, rfc, answer, ours string }{
		{"both lengths", "RFC 9112, 6.3", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks, "net/http drops the Content-Length"},
		{"two lengths", "RFC 9112, 6.3", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhowdy!", ""},
		{"two equal lengths", "RFC 9112, 6.3", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\nhowdy", laxLength},
		{"a list of lengths", "RFC 9112, 6.3", "HTTP/1.1 200 OK\r\nContent-Length: 5, 5\r\n\r\nhowdy", ""},
		{"a negative length", "RFC 9110, 8.6", "HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\nhowdy", ""},
		{"another coding", "RFC 9112, 6.1", "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n" + chunks, ""},
		{"chunked twice", "RFC 9112, 6.1", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked, chunked\r\n\r\n" + chunks, ""},
		{"chunked in HTTP/1.0", "RFC 9112, 6.1", "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks, "net/http takes the chunks for the body"},
		{"a body of a 204", "RFC 9112, 6.3", "HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\nhowdy", "net/http takes what follows for nobody's and closes that connection"},
		{"bare LF", "RFC 9112, 2.2", "HTTP/1.1 200 OK\nContent-Length: 5\n\nhowdy", "net/http takes LF for the end of a line"},
		{"a folded line", "RFC 9112, 5.2", "HTTP/1.1 200 OK\r\nX-A: b\r\n c\r\nContent-Length: 5\r\n\r\nhowdy", "net/http unfolds it"},
		{"a space before the colon", "RFC 9112, 5.1", "HTTP/1.1 200 OK\r\nContent-Length : 5\r\n\r\nhowdy", "net/http takes the space for a part of the name"},
		{"a line without a colon", "RFC 9112, 5", "HTTP/1.1 200 OK\r\nhowdy\r\nContent-Length: 5\r\n\r\nhowdy", ""},
		{"NUL in a value", "RFC 9110, 5.5", "HTTP/1.1 200 OK\r\nX-A: b\x00c\r\nContent-Length: 5\r\n\r\nhowdy", ""},
		{"CR in a value", "RFC 9110, 5.5", "HTTP/1.1 200 OK\r\nX-A: b\rSet-Cookie: c\r\nContent-Length: 5\r\n\r\nhowdy", ""},
		{"two digits for a status", "RFC 9112, 4", "HTTP/1.1 20 OK\r\nContent-Length: 5\r\n\r\nhowdy", ""},
		{"another version", "RFC 9112, 2.3", "HTTP/2.0 200 OK\r\nContent-Length: 5\r\n\r\nhowdy", "net/http takes it for HTTP/1.1"},
		{"nonsense", "RFC 9112, 4", "220 mail.example ESMTP\r\n", ""},
	} {
		cases = append(cases, exchangeCase{name: c.name, rfc: c.rfc, ours: c.ours, send: plainGet, answer: c.answer + second, status: "502", gotNot: []string{"howdy", "forged"}})
	}
	runCases(t, cases)
}

// What a module sends behind its answer is nobody's: it must not be taken for the answer
// to the next request.
func TestWhatFollowsAnAnswerIsNoAnswer(t *testing.T) {
	m := newRawModule(t, okAnswer+"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nforged")
	h := newHouse(t, proxy.Config{}, stable(t, m.target))
	requests := 2
	if engine.name == "net/http" {
		requests = 1 // its client looks at a kept connection in its own time, which may be late
	}
	for range 20 {
		client := h.dial("")
		for range requests {
			client.conn.Write([]byte(plainGet))
			// A connection that is found dead before anything was sent over it is no failure.
			if answer, err := client.read(); err != nil || answer.Status == 200 && answer.body != "ok" {
				t.Fatalf("got %v, %q", err, client.raw())
			}
		}
	}
}
