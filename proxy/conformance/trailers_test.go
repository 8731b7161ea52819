package conformance_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
)

func TestTrailersPassWhereTheyMay(t *testing.T) {
	const coded = "Transfer-Encoding: chunked"
	answer := func(head, trailer string) string {
		return "HTTP/1.1 200 OK\r\n" + head + coded + "\r\n\r\n2\r\nok\r\n0\r\n" + trailer + "\r\n"
	}
	runCases(t, []exchangeCase{
		{name: "announced, of a request", rfc: "RFC 9110, 6.6.2", send: post("2\r\nok\r\n0\r\nX-Sum: 1\r\n\r\n", coded, "Trailer: X-Sum"), status: "200", saw: []string{"ok0\r\nx-sum: 1\r\n\r\n"}},
		{name: "of nothing but trailers", rfc: "RFC 9112, 7.1.2", send: post("0\r\nX-Sum: 1\r\n\r\n", coded, "Trailer: X-Sum"), status: "200", saw: []string{"0\r\nx-sum: 1\r\n\r\n"}},
		{name: "forwarded headers, of a request", rfc: "RFC 9110, 6.5.1", send: post("2\r\nok\r\n0\r\nX-Forwarded-For: 6.6.6.6\r\nX-Sum: 1\r\nSegue-Release: x\r\n\r\n", coded, "Trailer: X-Sum, X-Forwarded-For, Segue-Release"), status: "200",
			saw: []string{"x-sum: 1\r\n"}, sawNot: []string{"6.6.6.6", "segue-release"}},
		{name: "announced, of an answer", rfc: "RFC 9110, 6.6.2", send: request("TE: trailers"), answer: answer("Trailer: X-Sum\r\n", "X-Sum: 1\r\n"), status: "200", body: "ok", got: []string{"trailer: x-sum\r\n", "0\r\nx-sum: 1\r\n\r\n"}, saw: []string{"te: trailers\r\n"}},
		{name: "not announced, of an answer", rfc: "RFC 9110, 6.5.1", send: request("TE: trailers"), answer: answer("", "X-Sum: 1\r\n"), status: "200", body: "ok", got: []string{"0\r\nx-sum: 1\r\n\r\n"}},
		{name: "several, of an answer", rfc: "RFC 9110, 6.5", send: plainGet, answer: answer("Trailer: X-A, X-B\r\n", "X-A: 1\r\nX-B: 2\r\n"), status: "200", body: "ok", got: []string{"x-a: 1\r\n", "x-b: 2\r\n"}},
		{name: "announced and never sent", rfc: "RFC 9110, 6.6.2", send: plainGet, answer: answer("Trailer: X-Sum\r\n", ""), status: "200", body: "ok"},
		{name: "internal, of an answer", rfc: "RFC 9110, 6.5.1", send: plainGet, answer: answer("", "Segue-Release: forged@1\r\nX-A: 1\r\n"), status: "200", body: "ok", got: []string{"x-a: 1\r\n"}, gotNot: []string{"forged"}},
		{name: "a client's own id and trace", rfc: "RFC 9110, 6.5.1", send: post("2\r\nok\r\n0\r\nX-Request-Id: forged\r\nX_Request_Id: forged\r\nTraceparent: forged\r\nTracestate: forged\r\nX-Sum: 1\r\n\r\n", coded, "Trailer: X-Request-Id, X_Request_Id, Traceparent, Tracestate, X-Sum"), status: "200",
			saw: []string{"0\r\nx-sum: 1\r\n\r\n"}, sawNot: []string{"forged", "traceparent"}},
		{name: "a module's own id", rfc: "RFC 9110, 6.5.1", send: plainGet, answer: answer("Trailer: X-Request-Id, X-A\r\n", "X-Request-Id: forged\r\nX_Request_Id: forged\r\nX-A: 1\r\n"), status: "200", body: "ok", got: []string{"x-a: 1\r\n"}, gotNot: []string{"forged", "trailer: x-request-id"}},
		{name: "of a name that is none", rfc: "RFC 9110, 5.6.2", send: post("2\r\nok\r\n0\r\nX-Sum: 1\r\n\r\n", coded, "Trailer: X-\xfc, X-Sum"), status: "200", saw: []string{"trailer: x-sum\r\n"}, sawNot: []string{"x-\xfc"},
			ours: "net/http passes it on"},
		{name: "announced again and again, of a request", rfc: "RFC 9110, 6.6.2", send: post("2\r\nok\r\n0\r\nX-Sum: 1\r\n\r\n", coded, "Trailer: X-Sum"+strings.Repeat(",x-sum", 5000), "Trailer: X-Sum"), status: "200",
			saw: []string{"trailer: x-sum\r\n", "ok0\r\nx-sum: 1\r\n\r\n"}, sawNot: []string{"trailer: x-sum\r\ntrailer:"}},
		{name: "announced again and again, of an answer", rfc: "RFC 9110, 6.6.2", send: plainGet, answer: answer("Trailer: X-Sum"+strings.Repeat(",x-sum", 5000)+"\r\nTrailer: X-Sum\r\n", "X-Sum: 1\r\n"), status: "200", body: "ok",
			got: []string{"trailer: x-sum\r\n", "0\r\nx-sum: 1\r\n\r\n"}, gotNot: []string{"trailer: x-sum\r\ntrailer:"}},
		{name: "with a length", rfc: "RFC 9110, 6.5", send: plainGet, answer: "HTTP/1.1 200 OK\r\nTrailer: X-Sum\r\nContent-Length: 2\r\n\r\nok", status: "200", body: "ok"},
	})
}

func TestAnAnswerAnnouncesNoMoreTrailersThanAHeadMayHaveLines(t *testing.T) {
	var names []string
	for i := range 150 {
		names = append(names, fmt.Sprint("X-Sum-", i))
	}
	h, _ := usual(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Trailer", strings.Join(names, ","))
		_, _ = io.WriteString(w, "ok")
	})
	res := h.exchange("GET / HTTP/1.1\r\nHost: x\r\n\r\n")
	if len(res.Trailer) != 100 {
		t.Errorf("%d trailers are announced", len(res.Trailer))
	}
	if body := read(t, res); body != "ok" {
		t.Errorf("got %q", body)
	}
}
