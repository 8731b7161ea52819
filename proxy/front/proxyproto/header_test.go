package proxyproto_test

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/segue-run/segue/proxy/front/proxyproto"
)

// v2 is a header of version 2.
func v2(command, family byte, body string) string {
	return "\r\n\r\n\x00\r\nQUIT\n" + string([]byte{command, family, byte(len(body) >> 8), byte(len(body))}) + body
}

const (
	four = "\xcb\x00\x71\x07\xc0\x00\x02\x01\x12\x67\x01\xbb" // 203.0.113.7:4711 to 192.0.2.1:443
	six  = "\x20\x01\x0d\xb8\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x07" +
		"\x20\x01\x0d\xb8\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01\x12\x67\x01\xbb"
)

var headers = []struct{ header, source, destination string }{
	{"PROXY TCP4 203.0.113.7 192.0.2.1 4711 443\r\n", "203.0.113.7:4711", "192.0.2.1:443"},
	{"PROXY TCP4 255.255.255.255 255.255.255.255 65535 65535\r\n", "255.255.255.255:65535", "255.255.255.255:65535"},
	{"PROXY TCP4 203.0.113.7 192.0.2.1 0 443\r\n", "203.0.113.7:0", "192.0.2.1:443"},
	{"PROXY TCP6 2001:db8::7 2001:db8::1 4711 443\r\n", "[2001:db8::7]:4711", "[2001:db8::1]:443"},
	{"PROXY UNKNOWN\r\n", "", ""},
	{"PROXY UNKNOWN ffff:f...f:ffff ffff:f...f:ffff 65535 65535\r\n", "", ""},
	{v2(0x21, 0x11, four), "203.0.113.7:4711", "192.0.2.1:443"},
	{v2(0x21, 0x21, six), "[2001:db8::7]:4711", "[2001:db8::1]:443"},
	{v2(0x21, 0x11, four+"\x04\x00\x02ab\x03\x00\x00"), "203.0.113.7:4711", "192.0.2.1:443"},
	{v2(0x21, 0x31, strings.Repeat("u", 216)), "", ""},
	{v2(0x21, 0x00, ""), "", ""},
	{v2(0x21, 0x00, "whatever"), "", ""},
	{v2(0x20, 0x00, ""), "", ""},
	{v2(0x20, 0x11, four), "", ""},
	{v2(0x20, 0xff, "xyz"), "", ""},
}

func text(a netip.AddrPort) string {
	if !a.IsValid() {
		return ""
	}
	return a.String()
}

func TestHeaderIsReadHoweverItIsCutIntoPieces(t *testing.T) {
	for _, c := range headers {
		for size := range len(c.header) {
			if h, n, err := proxyproto.Parse([]byte(c.header[:size])); n != 0 || err != nil || h != (proxyproto.Header{}) {
				t.Fatalf("%q: %d bytes are taken for a header: %+v, %d, %v", c.header, size, h, n, err)
			}
		}
		for _, behind := range []string{"", "GET / HTTP/1.1\r\n", "\r\n", "PROXY UNKNOWN\r\n"} {
			h, n, err := proxyproto.Parse([]byte(c.header + behind))
			if err != nil || n != len(c.header) || text(h.Source) != c.source || text(h.Destination) != c.destination {
				t.Errorf("%q: %+v, %d, %v", c.header, h, n, err)
			}
		}
	}
}

func TestWhatIsNoHeaderToTheLetterIsRefused(t *testing.T) {
	for _, header := range []string{
		"G", "GET / HTTP/1.1\r\n", "proxy TCP4 1.2.3.4 1.2.3.4 1 2\r\n", "\r\n\r\n\x00\r\nQUIX",
		"PROXY  TCP4 1.2.3.4 1.2.3.4 1 2\r\n", "PROXY TCP4  1.2.3.4 1.2.3.4 1 2\r\n", "PROXY TCP4 1.2.3.4 1.2.3.4 1 2 \r\n",
		"PROXY\tTCP4 1.2.3.4 1.2.3.4 1 2\r\n", "PROXY TCP4 1.2.3.4 1.2.3.4 1 2\n", "PROXY TCP4 1.2.3.4 1.2.3.4 1 2\r\r\n",
		"PROXY TCP4 1.2.3.4 1.2.3.4 1\r\n", "PROXY TCP4 1.2.3.4 1.2.3.4 1 2 3\r\n", "PROXY TCP4 1.2.3.4 1.2.3.4 01 2\r\n",
		"PROXY TCP4 1.2.3.4 1.2.3.4 65536 2\r\n", "PROXY TCP4 1.2.3.4 1.2.3.4 -1 2\r\n", "PROXY TCP4 1.2.3.4 1.2.3.4 +1 2\r\n",
		"PROXY TCP4 1.2.3 1.2.3.4 1 2\r\n", "PROXY TCP4 01.2.3.4 1.2.3.4 1 2\r\n", "PROXY TCP4 ::1 1.2.3.4 1 2\r\n",
		"PROXY TCP6 1.2.3.4 ::1 1 2\r\n", "PROXY TCP6 fe80::1%eth0 ::1 1 2\r\n", "PROXY UDP4 1.2.3.4 1.2.3.4 1 2\r\n", "PROXY UNKNOWNX\r\n",
		"PROXY TCP4 " + strings.Repeat("1", 107), "PROXY UNKNOWN " + strings.Repeat("x", 93) + "\r\n",
		v2(0x22, 0x11, four), v2(0x11, 0x11, four), v2(0x01, 0x11, four), v2(0x21, 0x12, four), v2(0x21, 0x41, four), v2(0x21, 0x10, four),
		v2(0x21, 0x11, four[:11]), v2(0x21, 0x21, four), v2(0x21, 0x31, four),
		v2(0x21, 0x11, four+"\x04"), v2(0x21, 0x11, four+"\x04\x00\x03ab"), v2(0x21, 0x11, four+"\x04\xff\xff"),
		v2(0x21, 0x11, strings.Repeat("\x00", proxyproto.MaxLen-15)),
	} {
		if h, n, err := proxyproto.Parse([]byte(header)); err == nil {
			t.Errorf("%.60q is taken for %+v, %d bytes", header, h, n)
		}
	}
}

func FuzzHeaderHasOneReading(f *testing.F) {
	for _, c := range headers {
		f.Add([]byte(c.header + "GET / HTTP/1.1\r\n"))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		whole, taken, wrong := proxyproto.Parse(data)
		if taken > len(data) || taken > proxyproto.MaxLen || wrong != nil && taken != 0 {
			t.Fatalf("%d bytes, %v", taken, wrong)
		}
		if taken == 0 && wrong == nil && len(data) >= proxyproto.MaxLen {
			t.Fatal("more is asked for than a header may have")
		}
		for size := range min(len(data), 300) {
			h, n, err := proxyproto.Parse(data[:size])
			switch {
			case err != nil && wrong == nil:
				t.Fatalf("refused after %d bytes, but not after %d: %v", size, len(data), err)
			case n != 0 && (n != taken || h != whole):
				t.Fatalf("after %d bytes: %+v %d; after %d: %+v %d", size, h, n, len(data), whole, taken)
			case n == 0 && taken != 0 && size >= taken:
				t.Fatal("a whole header is not seen")
			}
		}
	})
}
