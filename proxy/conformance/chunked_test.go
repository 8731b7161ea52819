package conformance_test

import (
	"strings"
	"testing"

	"github.com/segue-run/segue/proxy"
)

// chunkRefusals are bodies.
func chunkRefusals() []refusal {
	const lax = "net/http cuts off spaces"
	return []refusal{
		{"no size", "RFC 9112, 7.1", "\r\nhello\r\n0\r\n\r\n", 400, ""},
		{"a size that is no number", "RFC 9112, 7.1", "xyz\r\nhello\r\n0\r\n\r\n", 400, ""},
		{"a positive size", "RFC 9112, 7.1", "+5\r\nhello\r\n0\r\n\r\n", 400, ""},
		{"a negative size", "RFC 9112, 7.1", "-5\r\nhello\r\n0\r\n\r\n", 400, ""},
		{"a size with 0x", "RFC 9112, 7.1", "0x5\r\nhello\r\n0\r\n\r\n", 400, ""},
		{"a size with an underscore", "RFC 9112, 7.1", "0_5\r\nhello\r\n0\r\n\r\n", 400, ""},
		{"a size in quotes", "RFC 9112, 7.1", "\"5\"\r\nhello\r\n0\r\n\r\n", 400, ""},
		{"a space before a size", "RFC 9112, 7.1", " 5\r\nhello\r\n0\r\n\r\n", 400, ""},
		{"a space behind a size", "RFC 9112, 7.1.1", "5 \r\nhello\r\n0\r\n\r\n", 400, lax},
		{"a tab behind a size", "RFC 9112, 7.1.1", "5\t\r\nhello\r\n0\r\n\r\n", 400, lax},
		{"a space before an extension", "RFC 9112, 7.1.1", "5 ;a=b\r\nhello\r\n0\r\n\r\n", 400, lax},
		{"a space in an extension", "RFC 9112, 7.1.1", "5;a =b\r\nhello\r\n0\r\n\r\n", 400, "net/http does not look at extensions"},
		{"an empty extension", "RFC 9112, 7.1.1", "5;\r\nhello\r\n0\r\n\r\n", 400, "net/http does not look at extensions"},
		{"NUL in an extension", "RFC 9112, 7.1.1", "5;a=\"\x00\"\r\nhello\r\n0\r\n\r\n", 400, "net/http does not look at extensions"},
		{"bare LF in an extension", "RFC 9112, 7.1.1", "5;a\nhello\r\n0\r\n\r\n", 400, ""},
		{"bare CR in an extension", "RFC 9112, 7.1.1", "5;a\rb\r\nhello\r\n0\r\n\r\n", 400, "net/http does not look at extensions"},
		{"bare LF behind a size", "RFC 9112, 7.1", "5\nhello\r\n0\r\n\r\n", 400, ""},
		{"bare CR behind a size", "RFC 9112, 7.1", "5\rhello\r\n0\r\n\r\n", 400, ""},
		{"bare LF behind data", "RFC 9112, 7.1", "5\r\nhello\n0\r\n\r\n", 400, ""},
		{"nothing behind data", "RFC 9112, 7.1", "5\r\nhello0\r\n\r\n", 400, ""},
		{"more data than was said", "RFC 9112, 7.1", "4\r\nhello\r\n0\r\n\r\n", 400, ""},
		{"less data than was said", "RFC 9112, 7.1", "6\r\nhello\r\n0\r\n\r\n", 400, ""},
		{"bare LF behind the last chunk", "RFC 9112, 7.1", "5\r\nhello\r\n0\n\r\n", 400, ""},
		{"a size beyond 60 bits", "RFC 9112, 7.1", "1000000000000005\r\nhello\r\n0\r\n\r\n", 400, "net/http counts up to 64 bits, and waits"},
		{"a size beyond 64 bits", "RFC 9112, 7.1", "10000000000000005\r\nhello\r\n0\r\n\r\n", 400, ""},
		{"a line without an end", "RFC 9112, 7.1.1", "5;a=" + strings.Repeat("b", 20<<10), 400, ""},
		{"long lines for little data", "RFC 9112, 7.1.1", strings.Repeat("1;a="+strings.Repeat("b", 500)+"\r\nx\r\n", 100) + "0\r\n\r\n", 400, ""},
		{"a trailer without a colon", "RFC 9112, 7.1.2", "5\r\nhello\r\n0\r\nGET / HTTP/1.1\r\n\r\n", 400, ""},
		{"a folded trailer", "RFC 9112, 5.2", "5\r\nhello\r\n0\r\nX-A: b\r\n c\r\n\r\n", 400, "net/http unfolds it"},
		{"NUL in a trailer", "RFC 9110, 5.5", "5\r\nhello\r\n0\r\nX-A: b\x00c\r\n\r\n", 400, "net/http takes it"},
		{"a length in a trailer", "RFC 9110, 6.5.1", "5\r\nhello\r\n0\r\nContent-Length: 5\r\n\r\n", 400, "net/http takes it, and nobody reads it"},
		{"a coding in a trailer", "RFC 9110, 6.5.1", "5\r\nhello\r\n0\r\nTransfer-Encoding: chunked\r\n\r\n", 400, "net/http takes it, and nobody reads it"},
		{"a host in a trailer", "RFC 9110, 6.5.1", "5\r\nhello\r\n0\r\nHost: y\r\n\r\n", 400, "net/http takes it, and nobody reads it"},
		{"too many trailers", "RFC 6585, 5", "5\r\nhello\r\n0\r\n" + strings.Repeat("X-A: b\r\n", 200) + "\r\n", 400, "net/http has no such limit"},
	}
}

func TestChunksThatHaveTwoReadingsAreRefused(t *testing.T) {
	var cases []exchangeCase
	for _, c := range chunkRefusals() {
		cases = append(cases, exchangeCase{name: c.name, rfc: c.rfc, ours: c.ours, send: post(c.send+behind, "Transfer-Encoding: chunked"), refused: true,
			status: "400", closes: true, sawNot: []string{"smuggled", "\r\n0\r\n", "hello0\r\n"}})
	}
	runCases(t, cases)
}

func TestChunksAreReadAndWrittenAnew(t *testing.T) { runCases(t, chunkPassages()) }

func chunkPassages() []exchangeCase {
	const coded = "Transfer-Encoding: chunked"
	return []exchangeCase{
		{name: "one chunk", rfc: "RFC 9112, 7.1", send: post("5\r\nhello\r\n0\r\n\r\n", coded), status: "200", saw: []string{"\r\n\r\nhello0\r\n\r\n"}},
		{name: "no chunk", rfc: "RFC 9112, 7.1", send: post("0\r\n\r\n", coded), status: "200", saw: []string{"\r\n\r\n0\r\n\r\n"}},
		{name: "sizes in capitals and with zeros", rfc: "RFC 9112, 7.1", send: post("00A\r\n0123456789\r\na\r\n0123456789\r\n000\r\n\r\n", coded), status: "200", saw: []string{"\r\n\r\n012345678901234567890\r\n\r\n"}},
		{name: "extensions", rfc: "RFC 9112, 7.1.1", send: post("2;a\r\nhe\r\n3;a=b;c=\"d;\\\" e\"\r\nllo\r\n0;f=g\r\n\r\n", coded), status: "200", saw: []string{"\r\n\r\nhello0\r\n\r\n"}, sawNot: []string{";a", ";f"}},
		{name: "data that looks like chunks", rfc: "RFC 9112, 7.1", send: post("a\r\n0\r\n\r\n0\r\n\r\n\r\n0\r\n\r\n", coded), status: "200", saw: []string{"\r\n\r\n0\r\n\r\n0\r\n\r\n0\r\n\r\n"}},
		{name: "a request behind", rfc: "RFC 9112, 9.3.2", send: post("5\r\nhello\r\n0\r\n\r\n", coded) + plainGet, methods: "POST GET", status: "200 200", saw: []string{"hello0\r\n\r\nGET /a"}},
		{name: "many small chunks", rfc: "RFC 9112, 7.1", send: post(strings.Repeat("1\r\nx\r\n", 5000)+"0\r\n\r\n", coded), status: "200", saw: []string{strings.Repeat("x", 5000) + "0\r\n\r\n"}},
		{name: "a large chunk", rfc: "RFC 9112, 7.1", send: post("30d40\r\n"+strings.Repeat("x", 200000)+"\r\n0\r\n\r\n", coded), status: "200", saw: []string{strings.Repeat("x", 200000) + "0\r\n\r\n"}},
		{name: "an answer in many small chunks", rfc: "RFC 9112, 7.1", send: plainGet, status: "200", body: strings.Repeat("x", 5000),
			answer: "HTTP/1.1 200 OK\r\n" + coded + "\r\n\r\n" + strings.Repeat("1\r\nx\r\n", 5000) + "0\r\n\r\n"},
		{name: "an answer of no chunk", rfc: "RFC 9112, 7.1", send: plainGet, status: "200", answer: "HTTP/1.1 200 OK\r\n" + coded + "\r\n\r\n0\r\n\r\n"},
	}
}

// An answer that breaks off must not look whole.
func TestAnAnswerWhoseChunksBreakIsNotWhole(t *testing.T) {
	for _, c := range []struct{ name, answer, ours string }{
		{"a size that is no number", "5\r\nhello\r\nxyz\r\nworld\r\n0\r\n\r\n", ""},
		{"more data than was said", "4\r\nhello\r\n0\r\n\r\n", ""},
		{"the end of the connection in the data", "5\r\nhel" + hangUp, ""},
		{"the end of the connection before the last chunk", "5\r\nhello\r\n" + hangUp, ""},
		{"the end of the connection before the end of the trailers", "5\r\nhello\r\n0\r\nX-A: b\r\n" + hangUp, ""},
		{"a size beyond 64 bits", "5\r\nhello\r\n10000000000000005\r\nworld\r\n0\r\n\r\n", ""},
		{"bare LF", "5\nhello\n0\n\n", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := newRawModule(t, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"+c.answer)
			client := newHouse(t, proxy.Config{}, stable(t, m.target)).dial("")
			client.conn.Write([]byte(plainGet))
			if answer, err := client.read(); err == nil && answer.Status != 502 {
				t.Errorf("a whole answer: %q", client.raw())
			}
		})
	}
}
