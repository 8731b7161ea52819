package wire_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/segue-run/segue/proxy/h1/wire"
)

// decoded is what a chunked body came to.
type decoded struct {
	data    string
	trailer []wire.Field
	rest    string // what was not taken
	done    bool
	err     error
}

func (d decoded) same(o decoded) bool {
	return d.data == o.data && d.rest == o.rest && d.done == o.done && d.err == o.err && slices.Equal(d.trailer, o.trailer)
}

// decode gives the bytes to a decoder in pieces of that size, as a reader would whose
// buffer holds as much as the decoder asks for.
func decode(t testing.TB, body string, piece int) decoded {
	c := &wire.Chunks{Limits: limits}
	var d decoded
	var buf []byte
	for {
		data, n, done, err := c.Next(buf)
		if n < 0 || n > len(buf) || len(data) > n || err != nil && (len(data) != 0 || done) {
			t.Fatalf("took %d of %q, data %q, done %v, %v", n, buf, data, done, err)
		}
		d.data += string(data)
		buf = buf[n:]
		if done || err != nil {
			d.done, d.err = done, err
			d.trailer = slices.Clone(c.Trailer)
			if err == nil {
				d.rest = string(buf) + body
			}
			return d
		}
		if n > 0 {
			continue
		}
		if body == "" {
			return d
		}
		more := min(piece, len(body))
		buf = append(slices.Clone(buf), body[:more]...)
		body = body[more:]
	}
}

func TestAChunkedBodyIsDecodedHoweverItComes(t *testing.T) {
	for _, c := range []struct {
		body string
		want decoded
	}{
		{"0\r\n\r\n", decoded{done: true}},
		{"5\r\nhello\r\n0\r\n\r\nGET /", decoded{data: "hello", rest: "GET /", done: true}},
		{"5\r\nhello\r\n00a\r\n, world..\n\r\n000\r\n\r\n", decoded{data: "hello, world..\n", done: true}},
		{"A\r\n0123456789\r\n0\r\n\r\n", decoded{data: "0123456789", done: true}},
		{"1;a\r\nx\r\n1;a=b;c=\"d\\\"\t;e\"\r\ny\r\n0;end\r\n\r\n", decoded{data: "xy", done: true}},
		{"1\r\nx\r\n0\r\nX-Sum: 1 \r\nx-other:\r\n\r\nrest", decoded{data: "x", rest: "rest", done: true, trailer: []wire.Field{{"X-Sum", "1"}, {"x-other", ""}}}},
		{"5\r\nhel", decoded{data: "hel"}},
		{"5\r\nhello\r", decoded{data: "hello"}},
		{"0\r\nA: b\r\n", decoded{}},
	} {
		for piece := range len(c.body) {
			if got := decode(t, c.body, piece+1); !got.same(c.want) {
				t.Errorf("%q in pieces of %d: got %+v", c.body, piece+1, got)
			}
		}
	}
}

func TestChunksThatAreRefused(t *testing.T) {
	for _, c := range []struct{ name, body, msg string }{
		{"no size", "\r\nx\r\n", "chunk size"},
		{"no number", "zz\r\n", "chunk size"},
		{"a sign", "+1\r\nx\r\n", "chunk size"},
		{"a minus", "-1\r\nx\r\n", "chunk size"},
		{"0x", "0x1\r\nx\r\n", "behind a chunk size"},
		{"an underscore", "1_0\r\n", "behind a chunk size"},
		{"a space before", " 1\r\nx\r\n", "chunk size"},
		{"a space behind", "1 \r\nx\r\n", "behind a chunk size"},
		{"a tab behind", "1\t\r\nx\r\n", "behind a chunk size"},
		{"a space before an extension", "1 ;a\r\nx\r\n", "behind a chunk size"},
		{"a space in an extension", "1; a\r\nx\r\n", "behind a chunk size"},
		{"a space before the value", "1;a= b\r\nx\r\n", "behind a chunk size"},
		{"an empty extension", "1;\r\nx\r\n", "behind a chunk size"},
		{"an empty value", "1;a=\r\nx\r\n", "behind a chunk size"},
		{"an open quote", "1;a=\"b\r\nx\r\n0\r\n\r\n", "behind a chunk size"},
		{"NUL in a quote", "1;a=\"\x00\"\r\nx\r\n", "behind a chunk size"},
		{"a quoted LF", "1;a=\"\\\n\"\r\nx\r\n", "behind a chunk size"},
		{"something behind a quote", "1;a=\"b\"c\r\nx\r\n", "behind a chunk size"},
		{"a size beyond 60 bits", "1000000000000000\r\n", "chunk size"},
		{"a size beyond 64 bits", "10000000000000001\r\n", "chunk size"},
		{"many zeros", "0000000000000001\r\nx\r\n", "chunk size"},
		{"bare LF behind the size", "1\nx\r\n0\r\n\r\n", "CR and LF"},
		{"bare CR behind the size", "1\rx\r\n0\r\n\r\n", "CR and LF"},
		{"bare LF behind the data", "1\r\nx\n0\r\n\r\n", "longer than its size"},
		{"more data than was said", "1\r\nxy\r\n0\r\n\r\n", "longer than its size"},
		{"CR without LF behind the data", "1\r\nx\ry", "longer than its size"},
		{"less data than was said", "3\r\nx\r\n0\r\n\r\n", "longer than its size"},
		{"a long line", "1;" + strings.Repeat("a", 600), "too much"},
		{"a long quote", "1;a=\"" + strings.Repeat("a", 600), "too much"},
		{"long lines for little data", strings.Repeat("1;"+strings.Repeat("a", 500)+"\r\nx\r\n", 50), "too much"},
		{"bare LF behind the last chunk", "0\n\r\n", "CR and LF"},
		{"bare LF at the end", "0\r\n\n", "CR and LF"},
		{"a folded trailer", "0\r\nA: b\r\n c\r\n\r\n", "begins with a space"},
		{"a trailer without a colon", "0\r\nGET / HTTP/1.1\r\n\r\n", "name"},
		{"a trailer with a space before the colon", "0\r\nA : b\r\n\r\n", "before the colon"},
		{"NUL in a trailer", "0\r\nA: \x00\r\n\r\n", "control character"},
		{"too many trailers", "0\r\n" + strings.Repeat("A: b\r\n", 21) + "\r\n", "too many"},
		{"too large trailers", "0\r\nA: " + strings.Repeat("b", 5000), "too large"},
		{"Content-Length in a trailer", "0\r\nContent-Length: 1\r\n\r\n", "may only stand in a head"},
		{"Transfer-Encoding in a trailer", "0\r\nA: b\r\ntransfer-encoding: chunked\r\n\r\n", "may only stand in a head"},
		{"Host in a trailer", "0\r\nHOST: x\r\n\r\n", "may only stand in a head"},
		{"If-Match in a trailer", "0\r\nIf-Match: x\r\n\r\n", "may only stand in a head"},
		{"Set-Cookie in a trailer", "0\r\nSet-Cookie: x\r\n\r\n", "may only stand in a head"},
	} {
		t.Run(c.name, func(t *testing.T) {
			want := decode(t, c.body, len(c.body))
			if refusal, ok := errors.AsType[*wire.SyntaxError](want.err); !ok || !strings.Contains(refusal.Error(), c.msg) || want.done {
				t.Errorf("%q: got %+v", c.body, want)
			}
			for _, piece := range []int{1, 2, 3, 7, 100} {
				if got := decode(t, c.body, piece); !got.same(want) {
					t.Errorf("%q in pieces of %d: got %+v, want %+v", c.body, piece, got, want)
				}
			}
		})
	}
}

func TestDataThatIsReadAlreadyIsGivenAtOnceUpToTheEndOfTheBody(t *testing.T) {
	c := &wire.Chunks{Limits: limits}
	body := "5\r\nhello\r\n0\r\n\r\nGET /"
	data, n, done, err := c.Next([]byte(body))
	if string(data) != "hello" || body[n:] != "GET /" || !done || err != nil {
		t.Errorf("got %q, %d, %v, %v", data, n, done, err)
	}
}
