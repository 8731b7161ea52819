package wire_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/segue-run/segue/proxy/h1/wire"
)

func TestAnAnswerIsReadWithWhatFollowsFromIt(t *testing.T) {
	for _, c := range []struct {
		method, head string
		want         wire.Response
	}{
		{"GET", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n",
			wire.Response{Minor: 1, Status: 200, Reason: "OK", Framing: wire.Length, Length: 5}},
		{"GET", "HTTP/1.1 200 All is well\r\nTransfer-Encoding: chunked\r\n\r\n",
			wire.Response{Minor: 1, Status: 200, Reason: "All is well", Framing: wire.Chunked, Length: -1}},
		{"GET", "HTTP/1.1 200 \r\n\r\n",
			wire.Response{Minor: 1, Status: 200, Framing: wire.UntilClose, Length: -1, Close: true}},
		{"GET", "HTTP/1.1 200\r\nConnection: keep-alive\r\n\r\n",
			wire.Response{Minor: 1, Status: 200, Framing: wire.UntilClose, Length: -1, Close: true}},
		{"GET", "HTTP/1.1 999 x\r\nContent-Length: 0\r\nConnection: X, close\r\n\r\n",
			wire.Response{Minor: 1, Status: 999, Reason: "x", Framing: wire.Length, Close: true}},
		{"GET", "HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\n",
			wire.Response{Status: 200, Reason: "OK", Framing: wire.Length, Length: 5, Close: true}},
		{"GET", "HTTP/1.0 200 OK\r\nContent-Length: 5\r\nConnection: keep-alive\r\n\r\n",
			wire.Response{Status: 200, Reason: "OK", Framing: wire.Length, Length: 5}},
		{"HEAD", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n",
			wire.Response{Minor: 1, Status: 200, Reason: "OK", Length: 5}},
		{"HEAD", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
			wire.Response{Minor: 1, Status: 200, Reason: "OK", Length: -1}},
		{"HEAD", "HTTP/1.1 200 OK\r\n\r\n",
			wire.Response{Minor: 1, Status: 200, Reason: "OK", Length: -1}},
		{"GET", "HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n",
			wire.Response{Minor: 1, Status: 304, Reason: "Not Modified", Length: 5}},
		{"GET", "HTTP/1.1 304 Not Modified\r\nTransfer-Encoding: chunked\r\n\r\n",
			wire.Response{Minor: 1, Status: 304, Reason: "Not Modified", Length: -1}},
		{"GET", "HTTP/1.1 204 No Content\r\n\r\n",
			wire.Response{Minor: 1, Status: 204, Reason: "No Content", Length: -1}},
		{"DELETE", "HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n",
			wire.Response{Minor: 1, Status: 204, Reason: "No Content"}},
		{"GET", "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n",
			wire.Response{Minor: 1, Status: 103, Reason: "Early Hints", Length: -1}},
		{"GET", "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: Foo/2\r\n\r\n",
			wire.Response{Minor: 1, Status: 101, Reason: "Switching Protocols", Length: -1, Upgrade: "foo/2"}},
		{"GET", "HTTP/1.1 200 OK\r\nConnection: Upgrade\r\nUpgrade: foo\r\nContent-Length: 0\r\n\r\n",
			wire.Response{Minor: 1, Status: 200, Reason: "OK", Framing: wire.Length}},
	} {
		r := new(wire.Response)
		n, err := r.Parse([]byte(c.head+"what follows"), c.method, limits)
		got := *r
		got.Fields = nil
		if err != nil || n != len(c.head) || fmt.Sprint(got) != fmt.Sprint(c.want) {
			t.Errorf("%q: got %d, %v, %+v", c.head, n, err, got)
		}
		checkResponsePieces(t, []byte(c.head), c.method)
	}
}

func TestAnswersThatAreRefused(t *testing.T) {
	for name, head := range map[string]string{
		"bare LF":                      "HTTP/1.1 200 OK\nContent-Length: 0\r\n\r\n",
		"an empty line first":          "\r\nHTTP/1.1 200 OK\r\n\r\n",
		"nonsense":                     "secret: x\r\n\r\n",
		"a status below 100":           "HTTP/1.1 099 x\r\n\r\n",
		"a status of zeros":            "HTTP/1.1 000 x\r\n\r\n",
		"a signed status":              "HTTP/1.1 +20 OK\r\n\r\n",
		"two digits":                   "HTTP/1.1 20 OK\r\n\r\n",
		"four digits":                  "HTTP/1.1 2000 OK\r\n\r\n",
		"two spaces":                   "HTTP/1.1  200 OK\r\n\r\n",
		"another version":              "HTTP/1.2 200 OK\r\n\r\n",
		"HTTP/2":                       "HTTP/2.0 200 OK\r\n\r\n",
		"lower case":                   "http/1.1 200 OK\r\n\r\n",
		"CR in the reason":             "HTTP/1.1 200 a\rb\r\n\r\n",
		"NUL in the reason":            "HTTP/1.1 200 a\x00b\r\n\r\n",
		"a folded line":                "HTTP/1.1 200 OK\r\nA: b\r\n c\r\n\r\n",
		"a space before the colon":     "HTTP/1.1 200 OK\r\nA : b\r\n\r\n",
		"no colon":                     "HTTP/1.1 200 OK\r\nA\r\n\r\n",
		"both lengths":                 "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
		"two equal lengths":            "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n",
		"a list of lengths":            "HTTP/1.1 200 OK\r\nContent-Length: 1, 1\r\n\r\n",
		"gzip":                         "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
		"identity":                     "HTTP/1.1 200 OK\r\nTransfer-Encoding: identity\r\n\r\n",
		"a coding in HTTP/1.0":         "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
		"a body where there is none":   "HTTP/1.1 204 x\r\nContent-Length: 1\r\n\r\n",
		"chunks where there are none":  "HTTP/1.1 204 x\r\nTransfer-Encoding: chunked\r\n\r\n",
		"an informational with a body": "HTTP/1.1 103 x\r\nContent-Length: 1\r\n\r\n",
		"an upgrade with a body":       "HTTP/1.1 101 x\r\nTransfer-Encoding: chunked\r\n\r\n",
		"too many lines":               "HTTP/1.1 200 OK\r\n" + strings.Repeat("A: b\r\n", 21) + "\r\n",
		"too large":                    "HTTP/1.1 200 OK\r\nA: " + strings.Repeat("b", 4096),
		"a reason that is too large":   "HTTP/1.1 200 " + strings.Repeat("b", 4096),
	} {
		r := new(wire.Response)
		n, err := r.Parse([]byte(head), "GET", limits)
		if _, ok := errors.AsType[*wire.SyntaxError](err); !ok || n != 0 {
			t.Errorf("%s: got %d, %v, %+v", name, n, err, r)
		}
		checkResponsePieces(t, []byte(head), "GET")
	}
}

// checkResponsePieces is checkPieces for answers.
func checkResponsePieces(t *testing.T, head []byte, method string) {
	t.Helper()
	whole, part := new(wire.Response), new(wire.Response)
	n, err := whole.Parse(head, method, limits)
	for i := range head {
		m, partErr := part.Parse(head[:i:i], method, limits)
		switch {
		case partErr != nil && partErr != err:
			t.Fatalf("%q: refused with %v, of it all %v", head[:i], partErr, err)
		case partErr == nil && m != 0 && (m != n || fmt.Sprint(*whole) != fmt.Sprint(*part)):
			t.Fatalf("%q: read as %+v, all of it as %+v", head[:i], part, whole)
		case m == 0 && partErr == nil && n != 0 && i >= n:
			t.Fatalf("%q: not read, all of it is", head[:i])
		}
	}
}
