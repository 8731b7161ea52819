package wire_test

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httputil"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/segue-run/segue/proxy/h1/wire"
)

var requestSeeds = []string{
	small, browser,
	"\r\nPOST http://x.example:80?a HTTP/1.1\r\nHost: y\r\nTransfer-Encoding: chunked\r\nTrailer: X\r\n\r\n5;a=\"b\"\r\nhello\r\n0\r\nX: y\r\n\r\n",
	"PUT /a/%2f/../b?x=%zz HTTP/1.0\r\nConnection: keep-alive\r\nContent-Length: 3\r\n\r\nabcGET",
	"OPTIONS * HTTP/1.1\r\nHost: [::1]\r\nExpect: 100-continue\r\nTE: trailers\r\n\r\n",
	"CONNECT x:443 HTTP/1.1\r\nHost: x:443\r\nConnection: upgrade, close\r\nUpgrade: websocket\r\n\r\n",
	"GET /a HTTP/1.1\r\nHost: x\r\nA : b\r\n c\r\n\r\n",
	"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nContent-Length: 5\r\nTransfer-Encoding: chunked, identity\r\n\r\n",
	"GET / HTTP/1.1\nHost: x\n\n",
	"GET //x/y?z#f HTTP/1.1\r\nHost: a..b%41\r\nPragma: no-cache\r\nX:\t \xff\r\n\r\n",
}

// FuzzRequest checks that what is read has one reading: in pieces, by net/http, and when it
// is written again.
func FuzzRequest(f *testing.F) {
	for i, seed := range requestSeeds {
		f.Add([]byte(seed), i*7)
	}
	f.Fuzz(func(t *testing.T, in []byte, cut int) {
		r := new(wire.Request)
		n, err := r.Parse(in, limits)
		part := new(wire.Request)
		cut = max(0, min(cut, len(in)))
		switch m, partErr := part.Parse(in[:cut:cut], limits); {
		case partErr != nil && partErr != err:
			t.Fatalf("the first %d bytes are refused with %v, all with %v", cut, partErr, err)
		case m != 0 && (m != n || !sameRequest(r, part)):
			t.Fatalf("the first %d bytes are %+v, all %+v", cut, part, r)
		case m == 0 && partErr == nil && n != 0 && cut >= n:
			t.Fatalf("the first %d bytes are not enough, %d are", cut, n)
		}
		if n == 0 {
			return
		}
		checkWrittenRequest(t, r)
		body := decode(t, string(in[n:]), len(in))
		std, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(bytes.TrimLeft(in, "\r\n"))))
		if err != nil {
			return // stricter than we are, or of another taste
		}
		checkStandardRequest(t, r, std)
		checkFields(t, r.Fields, std.Header)
		checkStandardBody(t, r.Framing, r.Length, in[n:], body, std.Body, std.ContentLength)
	})
}

// checkWrittenRequest writes a head again and reads it.
func checkWrittenRequest(t *testing.T, r *wire.Request) {
	head := fmt.Appendf(nil, "%s %s HTTP/1.%d\r\n", r.Method, r.Target, r.Minor)
	for _, field := range r.Fields {
		head = wire.AppendField(head, field.Name, field.Value)
	}
	head = append(head, "\r\n"...)
	again := new(wire.Request)
	roomy := &wire.Limits{Bytes: 2 * limits.Bytes, Fields: limits.Fields, Target: limits.Target}
	if n, err := again.Parse(head, roomy); n != len(head) || err != nil || !sameRequest(r, again) {
		t.Fatalf("written again as %q: %d, %v, %+v instead of %+v", head, n, err, again, r)
	}
}

func checkStandardRequest(t *testing.T, r *wire.Request, std *http.Request) {
	if std.Method != r.Method || std.RequestURI != r.Target || std.ProtoMajor != 1 || std.ProtoMinor != r.Minor || std.Host != r.Host || std.Close != r.Close {
		t.Fatalf("read as %+v, by net/http as %+v", r, std)
	}
	if r.Method == "CONNECT" {
		return
	}
	path, err := url.PathUnescape(r.Path)
	if err != nil {
		t.Fatalf("net/http takes the path %q", r.Path)
	}
	asterisk := r.Path == "*" && std.URL.Path == "" // of an absolute target for OPTIONS
	root := r.Path == "/" && std.URL.Path == ""
	if std.URL.Path != path && !asterisk && !root || std.URL.RawQuery != r.Query || (std.URL.ForceQuery || std.URL.RawQuery != "") != r.HasQuery {
		t.Fatalf("read as path %q, query %q, by net/http as %+v", r.Path, r.Query, std.URL)
	}
}

// checkFields checks that net/http has read the same lines. It keeps some elsewhere, and
// makes some up.
func checkFields(t *testing.T, fields []wire.Field, std http.Header) {
	ours := make(http.Header)
	for _, field := range fields {
		ours.Add(field.Name, field.Value)
	}
	for name, values := range ours {
		switch name {
		case "Host", "Transfer-Encoding", "Trailer", "Content-Length":
		default:
			if !slices.Equal(values, std[name]) {
				t.Fatalf("%s: %q, by net/http %q", name, values, std[name])
			}
		}
	}
	for name, values := range std {
		if _, ok := ours[name]; !ok && name != "Cache-Control" {
			t.Fatalf("net/http has %s: %q", name, values)
		}
	}
}

// checkStandardBody checks that net/http finds the same end of the body, and the same in
// it, or refuses it.
func checkStandardBody(t *testing.T, framing wire.Framing, length int64, rest []byte, chunked decoded, std io.ReadCloser, stdLength int64) {
	if std == nil {
		std = http.NoBody
	}
	var want []byte
	switch framing {
	case wire.NoBody:
	case wire.Length:
		if stdLength != length {
			t.Fatalf("length %d, by net/http %d", length, stdLength)
		}
		want = rest[:min(length, int64(len(rest)))]
	case wire.UntilClose:
		want = rest
	case wire.Chunked:
		if stdLength != -1 {
			t.Fatalf("chunked, by net/http %d bytes", stdLength)
		}
		want = []byte(chunked.data)
	}
	got, err := io.ReadAll(std)
	if framing == wire.Chunked && !chunked.done {
		return // net/http takes more
	}
	if err == nil && !bytes.Equal(got, want) {
		t.Fatalf("body %q, by net/http %q", want, got)
	}
}

var responseSeeds = []string{
	answer,
	"HTTP/1.1 200\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nX: y\r\n\r\n",
	"HTTP/1.0 404 Not Found\r\nConnection: keep-alive, x\r\n\r\nnothing",
	"HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n",
	"HTTP/1.1 304 Not Modified\r\nTransfer-Encoding: chunked\r\n\r\n",
	"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n\x81\x00",
	"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\n\r\n",
	"HTTP/1.1 200 OK\r\nA: b\r\n c\r\n\r\n",
}

// FuzzResponse is FuzzRequest for answers.
func FuzzResponse(f *testing.F) {
	for i, seed := range responseSeeds {
		f.Add([]byte(seed), i*9, i%2 == 0)
	}
	f.Fuzz(func(t *testing.T, in []byte, cut int, head bool) {
		method := "GET"
		if head {
			method = "HEAD"
		}
		r, part := new(wire.Response), new(wire.Response)
		n, err := r.Parse(in, method, limits)
		cut = max(0, min(cut, len(in)))
		switch m, partErr := part.Parse(in[:cut:cut], method, limits); {
		case partErr != nil && partErr != err:
			t.Fatalf("the first %d bytes are refused with %v, all with %v", cut, partErr, err)
		case m != 0 && (m != n || fmt.Sprint(*r) != fmt.Sprint(*part)):
			t.Fatalf("the first %d bytes are %+v, all %+v", cut, part, r)
		case m == 0 && partErr == nil && n != 0 && cut >= n:
			t.Fatalf("the first %d bytes are not enough, %d are", cut, n)
		}
		if n == 0 {
			return
		}
		checkWrittenResponse(t, r, method)
		body := decode(t, string(in[n:]), len(in))
		std, err := http.ReadResponse(bufio.NewReader(bytes.NewReader(in)), &http.Request{Method: method})
		if err != nil {
			return
		}
		if std.StatusCode != r.Status || std.ProtoMinor != r.Minor || strings.Trim(std.Status[3:], " \t") != r.Reason {
			t.Fatalf("read as %+v, by net/http as %+v", r, std)
		}
		if std.Close && !r.Close {
			t.Fatalf("the connection goes on, by net/http it does not: %+v", r)
		}
		if r.Status >= 200 {
			// net/http drops Connection where it says close.
			checkFields(t, slices.DeleteFunc(slices.Clone(r.Fields), func(f wire.Field) bool { return strings.EqualFold(f.Name, "Connection") }), without(std.Header, "Connection"))
			checkStandardBody(t, r.Framing, r.Length, in[n:], body, std.Body, std.ContentLength)
		}
	})
}

func without(h http.Header, name string) http.Header {
	h.Del(name)
	return h
}

// checkWrittenResponse writes a head again, with the usual reason, and reads it.
func checkWrittenResponse(t *testing.T, r *wire.Response, method string) {
	if r.Minor == 0 {
		return // none is written
	}
	head := wire.AppendStatus(nil, r.Status)
	for _, field := range r.Fields {
		head = wire.AppendField(head, field.Name, field.Value)
	}
	head = append(head, "\r\n"...)
	again := new(wire.Response)
	roomy := &wire.Limits{Bytes: 2 * limits.Bytes, Fields: limits.Fields, Target: limits.Target}
	n, err := again.Parse(head, method, roomy)
	again.Reason = r.Reason
	if n != len(head) || err != nil || fmt.Sprint(*r) != fmt.Sprint(*again) {
		t.Fatalf("written again as %q: %d, %v, %+v instead of %+v", head, n, err, again, r)
	}
}

// FuzzChunks checks that a chunked body has one reading, however it comes in pieces, and
// that net/http has it too.
func FuzzChunks(f *testing.F) {
	for i, seed := range []string{
		"0\r\n\r\n", "5\r\nhello\r\n0\r\n\r\nGET /", "00a\r\n0123456789\r\nF;a=b\r\n012345678901234\r\n0\r\nX: y\r\n\r\n",
		"1;a=\"b\\\"\";c\r\nx\r\n0;d\r\n\r\n", "5 \r\nhello\r\n0\r\n\r\n", "5\nhello\n0\n\n", "fffffffffffffff\r\nx",
		"1\r\nxy\r\n0\r\n\r\n", "0\r\nContent-Length: 5\r\n\r\n",
	} {
		f.Add([]byte(seed), i)
	}
	f.Fuzz(func(t *testing.T, in []byte, piece int) {
		whole := decode(t, string(in), max(1, len(in)))
		for _, size := range []int{max(1, min(piece, len(in))), 1} {
			if pieces := decode(t, string(in), size); !pieces.same(whole) {
				t.Fatalf("in pieces of %d %+v, at once %+v", size, pieces, whole)
			}
		}
		if !whole.done {
			return
		}
		if std, err := io.ReadAll(httputil.NewChunkedReader(bytes.NewReader(in))); err == nil && string(std) != whole.data {
			t.Fatalf("data %q, by net/http %q", whole.data, std)
		}
		var again []byte
		if whole.data != "" {
			again = wire.AppendChunkHead(again, len(whole.data))
			again = append(append(again, whole.data...), "\r\n"...)
		}
		again = append(wire.AppendTrailer(again, whole.trailer), whole.rest...)
		if read := decode(t, string(again), len(again)); !read.same(whole) {
			t.Fatalf("written again as %q: %+v instead of %+v", again, read, whole)
		}
	})
}
