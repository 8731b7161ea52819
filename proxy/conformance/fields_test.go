package conformance_test

import (
	"strings"
	"testing"

	"github.com/segue-run/segue/proxy"
)

const (
	laxLF   = "net/http takes LF for the end of a line"
	laxFold = "net/http unfolds it"
	laxHost = "net/http takes it, and the connection goes on behind the refusal"
)

func TestHeaderLinesThatHaveTwoReadingsAreRefused(t *testing.T) { runRefusals(t, fieldRefusals()) }

func fieldRefusals() []refusal {
	line := func(s string) string { return "GET /a HTTP/1.1\r\nHost: x\r\n" + s + "\r\n\r\n" }
	return []refusal{
		{"bare LF everywhere", "RFC 9112, 2.2", "GET /a HTTP/1.1\nHost: x\n\n", 400, laxLF},
		{"bare LF behind the request line", "RFC 9112, 2.2", "GET /a HTTP/1.1\nHost: x\r\n\r\n", 400, laxLF},
		{"bare LF behind a header line", "RFC 9112, 2.2", line("X-A: b\nX-B: c"), 400, laxLF},
		{"bare LF at the end of the head", "RFC 9112, 2.2", "GET /a HTTP/1.1\r\nHost: x\r\n\n", 400, laxLF},
		{"bare CR in a value", "RFC 9112, 2.2", line("X-A: b\rX-B: c"), 400, ""},
		{"bare CR at the end of a value", "RFC 9112, 2.2", line("X-A: b\r"), 400, "net/http takes it for a space"},
		{"bare CR in a name", "RFC 9112, 2.2", line("X-\rA: b"), 400, ""},
		{"bare CR for a line end", "RFC 9112, 2.2", "GET /a HTTP/1.1\rHost: x\r\r\n\r\n", 400, ""},
		{"a folded line", "RFC 9112, 5.2", line("X-A: b\r\n c"), 400, laxFold},
		{"a line folded with a tab", "RFC 9112, 5.2", line("X-A: b\r\n\tTransfer-Encoding: chunked"), 400, laxFold},
		{"a folded line of spaces", "RFC 9112, 5.2", line("X-A: b\r\n  "), 400, laxFold},
		{"a first line that begins with a space", "RFC 9112, 2.2", "GET /a HTTP/1.1\r\n X-A: b\r\nHost: x\r\n\r\n", 400, ""},
		{"a space before the colon", "RFC 9112, 5.1", line("X-A : b"), 400, ""},
		{"a tab before the colon", "RFC 9112, 5.1", line("X-A\t: b"), 400, ""},
		{"a space before the colon of Host", "RFC 9112, 5.1", "GET /a HTTP/1.1\r\nHost : x\r\n\r\n", 400, ""},
		{"no colon", "RFC 9112, 5", line("X-A"), 400, ""},
		{"an empty name", "RFC 9110, 5.1", line(": b"), 400, ""},
		{"a space in a name", "RFC 9110, 5.1", line("X A: b"), 400, ""},
		{"a name in quotes", "RFC 9110, 5.1", line("\"X-A\": b"), 400, ""},
		{"a name with a slash", "RFC 9110, 5.1", line("X/A: b"), 400, ""},
		{"a name that is not ASCII", "RFC 9110, 5.1", line("X-\xc3\x84: b"), 400, ""},
		{"NUL in a name", "RFC 9110, 5.1", line("X-\x00A: b"), 400, ""},
		{"NUL in a value", "RFC 9110, 5.5", line("X-A: b\x00c"), 400, ""},
		{"BEL in a value", "RFC 9110, 5.5", line("X-A: b\ac"), 400, ""},
		{"DEL in a value", "RFC 9110, 5.5", line("X-A: b\x7fc"), 400, ""},
		{"a vertical tab in a value", "RFC 9110, 5.5", line("X-A: b\vc"), 400, ""},
		{"no Host", "RFC 9112, 3.2", "GET /a HTTP/1.1\r\nX-A: b\r\n\r\n", 400, ""},
		{"two Hosts", "RFC 9112, 3.2", line("Host: y"), 400, ""},
		{"two equal Hosts", "RFC 9112, 3.2", line("Host: x"), 400, ""},
		{"an empty Host", "RFC 9110, 4.2.1", "GET /a HTTP/1.1\r\nHost: \r\n\r\n", 400, "net/http takes it for none"},
		{"a Host with a path", "RFC 9112, 3.2", "GET /a HTTP/1.1\r\nHost: x/y\r\n\r\n", 400, ""},
		{"a Host with user information", "RFC 9112, 3.2", "GET /a HTTP/1.1\r\nHost: me@x\r\n\r\n", 400, ""},
		{"a Host that is a list", "RFC 9112, 3.2", "GET /a HTTP/1.1\r\nHost: x, y\r\n\r\n", 400, ""},
		{"a Host with a space", "RFC 9112, 3.2", "GET /a HTTP/1.1\r\nHost: x y\r\n\r\n", 400, ""},
		{"a Host that is not ASCII", "RFC 9112, 3.2", "GET /a HTTP/1.1\r\nHost: \xc3\xa4\r\n\r\n", 400, ""},
		{"a Host with a port that is none", "RFC 9112, 3.2", "GET /a HTTP/1.1\r\nHost: x:8o\r\n\r\n", 400, laxHost},
		{"a Host with an open bracket", "RFC 9112, 3.2", "GET /a HTTP/1.1\r\nHost: [::1\r\n\r\n", 400, laxHost},
	}
}

func TestHeaderLinesPassAsTheyAre(t *testing.T) {
	long := strings.Repeat("v", 8000)
	runCases(t, []exchangeCase{
		{name: "a value of several kinds of characters", rfc: "RFC 9110, 5.5", send: request("X-A: a:b, \"c\" \t d;e=f"), status: "200", saw: []string{"x-a: a:b, \"c\" \t d;e=f\r\n"}},
		{name: "a value that is not ASCII", rfc: "RFC 9110, 5.5", send: request("X-A: \xc3\xa4\xff"), status: "200", saw: []string{"x-a: \xc3\xa4\xff\r\n"}},
		{name: "an empty value", rfc: "RFC 9110, 5.5", send: request("X-A:", "X-B: \t "), status: "200", saw: []string{"x-a: \r\n", "x-b: \r\n"}},
		{name: "spaces around a value", rfc: "RFC 9112, 5.1", send: request("X-A: \t b \t", "X-B:c"), status: "200", saw: []string{"x-a: b\r\n", "x-b: c\r\n"}},
		{name: "a name of all characters", rfc: "RFC 9110, 5.6.2", send: request("!#$%&'*+-.^`|~09: b"), status: "200", saw: []string{"!#$%&'*+-.^`|~09: b\r\n"}},
		{name: "lines of one name in their order", rfc: "RFC 9110, 5.3", send: request("X-A: 1", "X-B: 2", "x-a: 3", "X-A: 1"), status: "200", saw: []string{"x-a: 1\r\n", "x-a: 3\r\n", "x-b: 2\r\n"}},
		{name: "a long value", rfc: "RFC 9110, 5.4", send: request("X-A: " + long), status: "200", saw: []string{"x-a: " + long + "\r\n"}},
		{name: "cookies on several lines", rfc: "RFC 6265, 5.4", send: request("Cookie: a=1; b=2", "Cookie: c=3"), status: "200", saw: []string{"cookie: a=1; b=2\r\n", "cookie: c=3\r\n"}},
		{name: "names of other methods", rfc: "RFC 9110, 9.1", send: "M-SEARCH /a HTTP/1.1\r\nHost: x\r\n\r\n", status: "200", saw: []string{"m-search /a http/1.1\r\n"}},
		{name: "Max-Forwards of another method", rfc: "RFC 9110, 7.6.2", send: request("Max-Forwards: 3"), status: "200", saw: []string{"max-forwards: 3\r\n"}},
		{name: "an answer's lines", rfc: "RFC 9110, 5.3", send: plainGet, status: "200",
			answer: "HTTP/1.1 200 OK\r\nSet-Cookie: a=1\r\nset-cookie: b=2\r\nX-A:\r\nX-B: \xff\t\"c\"\r\nContent-Length: 0\r\n\r\n",
			got:    []string{"set-cookie: a=1\r\nset-cookie: b=2\r\n", "x-a: \r\n", "x-b: \xff\t\"c\"\r\n"}},
		{name: "an answer with a status of its own", rfc: "RFC 9110, 15", send: plainGet, status: "799", answer: "HTTP/1.1 799 Whatever\r\nContent-Length: 2\r\n\r\nok", body: "ok"},
		{name: "an answer without a reason", rfc: "RFC 9112, 4", send: plainGet, status: "200", answer: "HTTP/1.1 200 \r\nContent-Length: 2\r\n\r\nok", body: "ok"},
		{name: "an answer without a space before no reason", rfc: "RFC 9112, 4", send: plainGet, status: "200", answer: "HTTP/1.1 200\r\nContent-Length: 2\r\n\r\nok", body: "ok"},
		{name: "an answer in HTTP/1.0", rfc: "RFC 9112, 2.3", send: plainGet, status: "200", answer: "HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok" + hangUp, body: "ok", got: []string{"http/1.1 200 "}},
		{name: "an answer's Date", rfc: "RFC 9110, 6.6.1", send: plainGet, status: "200",
			answer: "HTTP/1.1 200 OK\r\nDate: Mon, 02 Jan 2006 15:04:05 GMT\r\nContent-Length: 0\r\n\r\n", got: []string{"date: mon, 02 jan 2006 15:04:05 gmt\r\n"}},
		{name: "an answer without a type", rfc: "RFC 9110, 8.3", send: plainGet, status: "200", answer: "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n<html>", gotNot: []string{"content-type"}},
	})
}

func TestTheLimitsOfAHead(t *testing.T) {
	small := proxy.Config{Limits: proxy.Limits{HeadBytes: 8 << 10, Headers: 20, URLBytes: 1 << 10, AnswerBytes: 8 << 10}}
	const noLimit = "net/http's server has no such limit, or a looser one"
	path := func(n int) string { return "GET /" + strings.Repeat("a", n-1) + " HTTP/1.1\r\nHost: x\r\n\r\n" }
	lines := func(n int) string { return request(strings.Split(strings.Repeat("X-A: b,", n), ",")[:n]...) }
	answer := func(filler string) string {
		return "HTTP/1.1 200 OK\r\n" + filler + "Content-Length: 2\r\n\r\nok"
	}
	runCases(t, []exchangeCase{
		{name: "a target as long as it may be", rfc: "RFC 9112, 3", cfg: small, send: path(1 << 10), status: "200"},
		{name: "a longer target", rfc: "RFC 9110, 15.5.15", cfg: small, send: path(1<<10 + 1), status: "414", closes: true, unseen: true, ours: noLimit},
		{name: "a target without an end", rfc: "RFC 9110, 15.5.15", cfg: small, send: "GET /" + strings.Repeat("a", 2<<10), status: "414", closes: true, unseen: true, ours: noLimit},
		{name: "as many lines as there may be", rfc: "RFC 9110, 5.4", cfg: small, send: lines(19), status: "200"},
		{name: "more lines", rfc: "RFC 6585, 5", cfg: small, send: lines(20), status: "431", closes: true, unseen: true, ours: noLimit},
		{name: "lines without an end", rfc: "RFC 6585, 5", cfg: small, send: "GET /a HTTP/1.1\r\nHost: x\r\n" + strings.Repeat("X-A: b\r\n", 30), status: "431", closes: true, unseen: true, ours: noLimit},
		{name: "a large head", rfc: "RFC 9110, 5.4", cfg: small, send: request("X-A: " + strings.Repeat("b", 8000)), status: "200"},
		{name: "a larger head", rfc: "RFC 6585, 5", cfg: small, send: request("X-A: " + strings.Repeat("b", 8<<10)), status: "431", closes: true, unseen: true, ours: noLimit},
		{name: "a value without an end", rfc: "RFC 6585, 5", cfg: small, send: "GET /a HTTP/1.1\r\nHost: x\r\nX-A: " + strings.Repeat("b", 20<<10), status: "431", closes: true, unseen: true},
		{name: "a name without an end", rfc: "RFC 6585, 5", cfg: small, send: "GET /a HTTP/1.1\r\nHost: x\r\n" + strings.Repeat("b", 20<<10), status: "431", closes: true, unseen: true},
		{name: "a method without an end", rfc: "RFC 9112, 3", cfg: small, send: strings.Repeat("A", 20<<10), status: "501", closes: true, unseen: true, ours: "net/http answers 431"},
		{name: "empty lines without an end", rfc: "RFC 9112, 2.2", cfg: small, send: strings.Repeat("\r\n", 10<<10), status: "431", closes: true, unseen: true, ours: "net/http refuses the first with 400"},
		{name: "a large head of an answer", rfc: "RFC 9110, 5.4", cfg: small, send: plainGet, status: "200", answer: answer("X-A: " + strings.Repeat("b", 8000) + "\r\n"), body: "ok"},
		{name: "a larger head of an answer", rfc: "RFC 9110, 15.6.3", cfg: small, send: plainGet, status: "502", answer: answer("X-A: " + strings.Repeat("b", 8<<10) + "\r\n")},
		{name: "an answer of many lines", rfc: "RFC 9110, 5.4", cfg: small, send: plainGet, status: "200", answer: answer(strings.Repeat("X-A: b\r\n", 50)), body: "ok"},
		{name: "a body as long as it may be", rfc: "RFC 9110, 15.5.14", cfg: proxy.Config{Limits: proxy.Limits{Body: 5}}, send: post("hello", "Content-Length: 5"), status: "200"},
		{name: "a longer body", rfc: "RFC 9110, 15.5.14", cfg: proxy.Config{Limits: proxy.Limits{Body: 4}}, send: post("hello", "Content-Length: 5"), status: "413", closes: true, unseen: true},
		{name: "a longer body that is not sent yet", rfc: "RFC 9110, 10.1.1", cfg: proxy.Config{Limits: proxy.Limits{Body: 4}}, send: post("", "Content-Length: 5", "Expect: 100-continue"), status: "413", closes: true, unseen: true},
		{name: "chunks as long as they may be", rfc: "RFC 9110, 15.5.14", cfg: proxy.Config{Limits: proxy.Limits{Body: 5}}, send: post("2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n", "Transfer-Encoding: chunked"), status: "200"},
		{name: "more chunks", rfc: "RFC 9110, 15.5.14", cfg: proxy.Config{Limits: proxy.Limits{Body: 4}}, send: post("2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n", "Transfer-Encoding: chunked"), status: "413", closes: true, sawNot: []string{"0\r\n\r\n"}},
	})
}
