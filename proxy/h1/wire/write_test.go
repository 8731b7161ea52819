package wire_test

import (
	"fmt"
	"testing"

	"github.com/segue-run/segue/proxy/h1/wire"
)

func TestWhatIsWritten(t *testing.T) {
	for _, c := range []struct{ got, want string }{
		{string(wire.AppendField([]byte("A: b\r\n"), "X", "y z")), "A: b\r\nX: y z\r\n"},
		{string(wire.AppendStatus(nil, 200)), "HTTP/1.1 200 OK\r\n"},
		{string(wire.AppendStatus(nil, 100)), "HTTP/1.1 100 Continue\r\n"},
		{string(wire.AppendStatus(nil, 299)), "HTTP/1.1 299 \r\n"},
		{string(wire.AppendStatus(nil, 999)), "HTTP/1.1 999 \r\n"},
		{string(wire.AppendChunkHead(nil, 255)), "ff\r\n"},
		{string(wire.AppendTrailer(nil, nil)), "0\r\n\r\n"},
		{string(wire.AppendTrailer(nil, []wire.Field{{"A", "b"}, {"C", ""}})), "0\r\nA: b\r\nC: \r\n\r\n"},
	} {
		if c.got != c.want {
			t.Errorf("got %q, want %q", c.got, c.want)
		}
	}
}

func TestEveryStatusThatIsWrittenIsReadBack(t *testing.T) {
	for status := 100; status < 1000; status++ {
		r := new(wire.Response)
		head := append(wire.AppendStatus(nil, status), "\r\n"...)
		if n, err := r.Parse(head, "GET", limits); n != len(head) || err != nil || r.Status != status {
			t.Errorf("%q: got %d, %v, %d", head, n, err, r.Status)
		}
	}
}

func ExampleAppendTrailer() {
	var body []byte
	body = wire.AppendChunkHead(body, 5)
	body = append(body, "hello\r\n"...)
	body = wire.AppendTrailer(body, []wire.Field{{Name: "X-Sum", Value: "1"}})
	fmt.Printf("%q", body)
	// Output: "5\r\nhello\r\n0\r\nX-Sum: 1\r\n\r\n"
}
