package wire_test

import (
	"strings"
	"testing"

	"github.com/segue-run/segue/proxy/h1/wire"
)

const browser = "GET /assets/app.js?v=1234 HTTP/1.1\r\n" +
	"Host: shop.example.com\r\n" +
	"User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:130.0) Gecko/20100101 Firefox/130.0\r\n" +
	"Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8\r\n" +
	"Accept-Language: de,en-US;q=0.7,en;q=0.3\r\n" +
	"Accept-Encoding: gzip, deflate, br\r\n" +
	"Referer: https://shop.example.com/\r\n" +
	"Cookie: session=0123456789abcdef0123456789abcdef; theme=dark\r\n" +
	"Connection: keep-alive\r\n" +
	"Cache-Control: no-cache\r\n\r\n"

const answer = "HTTP/1.1 200 OK\r\n" +
	"Content-Type: text/html; charset=utf-8\r\n" +
	"Date: Mon, 02 Jan 2006 15:04:05 GMT\r\n" +
	"Etag: \"0123456789abcdef\"\r\n" +
	"Content-Length: 512\r\n\r\n"

// small is what curl and load generators send.
const small = "GET / HTTP/1.1\r\nHost: 127.0.0.1:8080\r\nUser-Agent: curl/8\r\nAccept: */*\r\n\r\n"

var production = &wire.Limits{Bytes: 64 << 10, Fields: 100, Target: 8 << 10}

func TestAHeadCostsOneAllocationAndAnIncompleteOneNone(t *testing.T) {
	request, response := new(wire.Request), new(wire.Response)
	in, out := []byte(browser), []byte(answer)
	body := []byte("5;a=b\r\nhello\r\n0\r\n\r\n")
	for _, c := range []struct {
		name string
		want float64
		do   func() (int, error)
	}{
		{"a request", 1, func() (int, error) { return request.Parse(in, production) }},
		{"an answer", 1, func() (int, error) { return response.Parse(out, "GET", production) }},
		{"a part of a request", 0, func() (int, error) { return request.Parse(in[:len(in)-1], production) }},
		{"a chunked body", 0, func() (int, error) {
			chunks := wire.Chunks{Limits: production}
			_, n, _, err := chunks.Next(body)
			return n, err
		}},
		{"a refusal", 0, func() (int, error) {
			if _, err := request.Parse([]byte("GET /\x00 HTTP/1.1\r\n"), production); err == nil {
				t.Error("not refused")
			}
			return 0, nil
		}},
	} {
		got := testing.AllocsPerRun(100, func() {
			if _, err := c.do(); err != nil {
				t.Error(err)
			}
		})
		if got != c.want {
			t.Errorf("%s: %v allocations, want %v", c.name, got, c.want)
		}
	}
}

func BenchmarkRequest(b *testing.B) {
	for name, head := range map[string]string{"small": small, "browser": browser} {
		b.Run(name, func(b *testing.B) {
			r, in := new(wire.Request), []byte(head)
			b.ReportAllocs()
			b.SetBytes(int64(len(in)))
			for b.Loop() {
				if _, err := r.Parse(in, production); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkResponse(b *testing.B) {
	r, in := new(wire.Response), []byte(answer)
	b.ReportAllocs()
	b.SetBytes(int64(len(in)))
	for b.Loop() {
		if _, err := r.Parse(in, "GET", production); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkByteByByte is the whole cost of the largest kind of head from a client that
// sends it byte by byte.
func BenchmarkByteByByte(b *testing.B) {
	in := []byte(browser)[:len(browser)-2]
	for range production.Fields - 9 {
		in = wire.AppendField(in, "X-Filler", strings.Repeat("a", 700))
	}
	in = append(in, "\r\n"...)
	r := new(wire.Request)
	for b.Loop() {
		for i := range in {
			if n, err := r.Parse(in[:i], production); n != 0 || err != nil {
				b.Fatal(n, err)
			}
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(len(in)), "ns/byte")
}

func BenchmarkChunks(b *testing.B) {
	var in []byte
	for range 16 {
		in = wire.AppendChunkHead(in, 4096)
		in = append(append(in, make([]byte, 4096)...), "\r\n"...)
	}
	in = wire.AppendTrailer(in, nil)
	b.SetBytes(int64(len(in)))
	for b.Loop() {
		chunks := wire.Chunks{Limits: production}
		for rest, done := in, false; !done; {
			_, n, end, err := chunks.Next(rest)
			if err != nil {
				b.Fatal(err)
			}
			rest, done = rest[n:], end
		}
	}
}
