package conformance_test

import (
	"io"
	"net/http"
	"strings"
	"testing"
)

func TestAnswersWithoutABodyKeepTheirHeaders(t *testing.T) {
	head := strings.Replace(plainGet, "GET", "HEAD", 1)
	answer := func(first string, lines ...string) string {
		return "HTTP/1.1 " + first + "\r\n" + strings.Join(append(lines, "\r\n"), "\r\n")
	}
	runCases(t, []exchangeCase{
		{name: "HEAD keeps the length", rfc: "RFC 9110, 9.3.2", send: head, methods: "HEAD", status: "200", answer: answer("200 OK", "Content-Length: 1234"), got: []string{"content-length: 1234\r\n"}, saw: []string{"head /a "}},
		{name: "HEAD with chunks", rfc: "RFC 9112, 6.1", send: head, methods: "HEAD", status: "200", answer: answer("200 OK", "Transfer-Encoding: chunked"), gotNot: []string{"\r\n\r\n0\r\n"}},
		{name: "HEAD without a length", rfc: "RFC 9110, 9.3.2", send: head, methods: "HEAD", status: "200", answer: answer("200 OK", "X-A: b"), got: []string{"x-a: b\r\n"}, gotNot: []string{"content-length: 0"}},
		{name: "HEAD of what is missing", rfc: "RFC 9110, 9.3.2", send: head, methods: "HEAD", status: "404", answer: answer("404 Not Found", "Content-Length: 99"), got: []string{"content-length: 99\r\n"}},
		{name: "HEAD of our own answer", rfc: "RFC 9110, 9.3.2", send: head, methods: "HEAD", status: "502", answer: hangUp, gotNot: []string{"hello broke off"}},
		{name: "304 keeps the length", rfc: "RFC 9110, 15.4.5", send: request("If-None-Match: \"a\""), status: "304", answer: answer("304 Not Modified", "Etag: \"a\"", "Content-Length: 1234"),
			got: []string{"etag: \"a\"\r\n"}, saw: []string{"if-none-match: \"a\"\r\n"}},
		{name: "304 with chunks", rfc: "RFC 9112, 6.1", send: plainGet, status: "304", answer: answer("304 Not Modified", "Transfer-Encoding: chunked"), gotNot: []string{"\r\n\r\n0\r\n"}},
		{name: "204", rfc: "RFC 9110, 15.3.5", send: plainGet, status: "204", answer: answer("204 No Content", "X-A: b"), got: []string{"x-a: b\r\n"}, gotNot: []string{"content-length", "transfer-encoding"}},
		{name: "204 with a length of nothing", rfc: "RFC 9110, 8.6", send: plainGet, status: "204", answer: answer("204 No Content", "Content-Length: 0"), gotNot: []string{"content-length", "transfer-encoding"}},
		{name: "205", rfc: "RFC 9110, 15.3.6", send: plainGet, status: "205", answer: answer("205 Reset Content", "Content-Length: 0"), got: []string{"content-length: 0\r\n"}},
		{name: "200 with a length of nothing", rfc: "RFC 9110, 8.6", send: plainGet, status: "200", answer: answer("200 OK", "Content-Length: 0"), got: []string{"content-length: 0\r\n"}},
	})
}

// What comes late of a body that was declared would be the answer to the next client.
func TestAnAnswerThatDeclaresABodyAndHasNoneEndsItsConnectionToTheModule(t *testing.T) {
	for _, c := range []struct {
		name, method, length string
		status               int
		opened               int64
	}{
		{"HEAD", "HEAD", "5", 200, 3},
		{"HEAD of nothing", "HEAD", "0", 200, 1},
		{"304", "GET", "5", 304, 3},
		{"304 without a length", "GET", "", 304, 1},
		{"HEAD without a length", "HEAD", "", 204, 1},
	} {
		h, m := usual(t, func(w http.ResponseWriter, r *http.Request) {
			if c.status == 304 { // net/http would leave its length out
				speak304(w, c.length)
				return
			}
			if c.length != "" {
				w.Header().Set("Content-Length", c.length)
			}
			w.WriteHeader(c.status)
		})
		for range 3 {
			req, _ := http.NewRequestWithContext(t.Context(), c.method, h.url("/"), nil)
			res, err := h.client.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			if read(t, res); res.StatusCode != c.status || c.status == 200 && res.Header.Get("Content-Length") != c.length {
				t.Errorf("%s: %s %v", c.name, res.Status, res.Header)
			}
		}
		if n := m.opened.Load(); n != c.opened {
			t.Errorf("%s: %d connections", c.name, n)
		}
	}
}

// speak304 answers all requests of a connection so.
func speak304(w http.ResponseWriter, length string) {
	conn, rw, _ := http.NewResponseController(w).Hijack()
	defer conn.Close()
	if length != "" {
		length = "Content-Length: " + length + "\r\n"
	}
	for err := error(nil); err == nil; _, err = http.ReadRequest(rw.Reader) {
		_, _ = io.WriteString(conn, "HTTP/1.1 304 Not Modified\r\n"+length+"\r\n")
	}
}

func TestRangesAndConditionsAreTheModules(t *testing.T) {
	runCases(t, []exchangeCase{
		{name: "a range", rfc: "RFC 9110, 14.2", send: request("Range: bytes=0-1", "If-Range: \"a\""), status: "206", body: "ab",
			answer: "HTTP/1.1 206 Partial Content\r\nContent-Range: bytes 0-1/10\r\nContent-Length: 2\r\nAccept-Ranges: bytes\r\n\r\nab",
			saw:    []string{"range: bytes=0-1\r\n", "if-range: \"a\"\r\n"}, got: []string{"content-range: bytes 0-1/10\r\n", "accept-ranges: bytes\r\n", "content-length: 2\r\n"}},
		{name: "several ranges", rfc: "RFC 9110, 14.6", send: request("Range: bytes=0-0,-1"), status: "206", body: "--a\r\n\r\nb\r\n--a--",
			answer: "HTTP/1.1 206 Partial Content\r\nContent-Type: multipart/byteranges; boundary=a\r\nContent-Length: 15\r\n\r\n--a\r\n\r\nb\r\n--a--", got: []string{"content-type: multipart/byteranges; boundary=a\r\n"}},
		{name: "a range that is none", rfc: "RFC 9110, 14.2", send: request("Range: lines=x-y"), status: "200", saw: []string{"range: lines=x-y\r\n"}},
		{name: "a range that there is not", rfc: "RFC 9110, 15.5.17", send: request("Range: bytes=99-"), status: "416",
			answer: "HTTP/1.1 416 Range Not Satisfiable\r\nContent-Range: bytes */10\r\nContent-Length: 0\r\n\r\n", got: []string{"content-range: bytes */10\r\n"}},
		{name: "a part that is sent", rfc: "RFC 9110, 14.4", send: "PUT /a HTTP/1.1\r\nHost: x\r\nContent-Range: bytes 0-1/10\r\nContent-Length: 2\r\n\r\nab", status: "200", saw: []string{"content-range: bytes 0-1/10\r\n", "ab"}},
		{name: "conditions", rfc: "RFC 9110, 13.1", send: request("If-Match: *", "If-Modified-Since: Mon, 02 Jan 2006 15:04:05 GMT"), status: "412", answer: "HTTP/1.1 412 Precondition Failed\r\nContent-Length: 0\r\n\r\n",
			saw: []string{"if-match: *\r\n", "if-modified-since: mon, 02 jan 2006 15:04:05 gmt\r\n"}},
		{name: "a coding of the content", rfc: "RFC 9110, 8.4", send: request("Accept-Encoding: gzip"), status: "200", body: "\x1f\x8b", answer: "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\n\x1f\x8b",
			saw: []string{"accept-encoding: gzip\r\n"}, got: []string{"content-encoding: gzip\r\n"}},
		{name: "no coding is asked for", rfc: "RFC 9110, 12.5.3", send: plainGet, status: "200", sawNot: []string{"accept-encoding"}},
	})
}
