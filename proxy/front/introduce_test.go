package front_test

import (
	"crypto/tls"
	"io"
	"net"
	"testing"
	"time"

	"github.com/segue-run/segue/proxy/front"
	"github.com/segue-run/segue/proxy/guard"
)

// v2 is a header of version 2.
func v2(command, family byte, body string) string {
	return "\r\n\r\n\x00\r\nQUIT\n" + string([]byte{command, family, byte(len(body) >> 8), byte(len(body))}) + body
}

const (
	client4 = "\xcb\x00\x71\x07\xc0\x00\x02\x01\x12\x67\x01\xbb" // 203.0.113.7:4711 to 192.0.2.1:443
	tls2    = "\x20\x00\x05\x01\x00\x00\x00\x00"                 // says that the client came over TLS
)

func TestConnectionIsTheClientsThatItsProxyNames(t *testing.T) {
	h := newHouse(t, front.Config{Trust: guard.NewTrust(prefix("127.0.0.0/8"), prefix("198.51.100.0/24"))})
	addr := h.listen(front.Options{Proxies: guard.NewTrust(loopback)})
	for _, c := range []struct {
		header, want string
		trusted      bool
	}{
		{"PROXY TCP4 203.0.113.7 192.0.2.1 4711 443\r\n", "203.0.113.7:4711", false},
		{"PROXY TCP6 2001:db8::7 2001:db8::1 4711 443\r\n", "[2001:db8::7]:4711", false},
		{"PROXY TCP6 ::ffff:203.0.113.7 ::ffff:192.0.2.1 4711 443\r\n", "203.0.113.7:4711", false},
		{"PROXY TCP4 198.51.100.7 192.0.2.1 4711 443\r\n", "198.51.100.7:4711", true},
		{"PROXY UNKNOWN\r\n", "", true},
		{v2(0x21, 0x11, client4), "203.0.113.7:4711", false},
		{v2(0x21, 0x11, client4+tls2), "203.0.113.7:4711", false},
		{v2(0x20, 0x00, ""), "", true},
		{v2(0x20, 0x11, client4), "", true},
	} {
		for _, apart := range []bool{false, true} {
			conn := dial(t, addr)
			want := c.want
			if want == "" {
				want = conn.LocalAddr().String()
			}
			if apart {
				for i := range len(c.header) {
					if _, err := io.WriteString(conn, c.header[i:i+1]); err != nil {
						t.Fatal(err)
					}
				}
			} else if _, err := io.WriteString(conn, c.header+"GET / HTTP/1.1\r\nHost: a\r\n\r\n"); err != nil {
				t.Fatal(err)
			}
			var r report
			var err error
			if apart {
				r, err = ask(conn, "/")
			} else {
				r, err = read(conn)
			}
			if err != nil || r.Address != want || r.Trusted != c.trusted || r.Secure {
				t.Errorf("%q, apart %v: %+v, %v; want %s", c.header, apart, r, err, want)
			}
			conn.Close()
		}
	}
}

func TestStrangersAndBrokenIntroductionsAreShutOut(t *testing.T) {
	h := newHouse(t, front.Config{HeadTimeout: 200 * time.Millisecond})
	addr := h.listen(front.Options{Proxies: guard.NewTrust(prefix("127.0.0.2/32"))})
	closed(t, dial(t, addr, "127.0.0.1"))
	for _, header := range []string{
		"GET / HTTP/1.1\r\nHost: a\r\n\r\n", "\x16\x03\x01\x00\xff", "PROXY TCP4 1.2.3.4\r\n", "PROXY TCP4 203.0.113.7 192.0.2.1 4711", // no end
		v2(0x21, 0x12, client4), v2(0x21, 0x11, "short"),
	} {
		conn := dial(t, addr, "127.0.0.2")
		if _, err := io.WriteString(conn, header); err != nil {
			t.Fatal(err)
		}
		closed(t, conn)
	}
	eventually(t, "all are counted", func() bool { n := h.Counts(); return n.Unproven == 7 && n.Open == 0 })
}

func TestWithoutTheProtocolNoWordOfItIsBelieved(t *testing.T) {
	h := newHouse(t, front.Config{Trust: guard.NewTrust(loopback)})
	conn := dial(t, h.listen(front.Options{}))
	if _, err := io.WriteString(conn, "PROXY TCP4 203.0.113.7 192.0.2.1 4711 443\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	if r, err := read(conn); err == nil {
		t.Errorf("answered %+v", r)
	}
}

func TestLimitOfAnAddressHoldsForTheClientBehindAProxy(t *testing.T) {
	h := newHouse(t, front.Config{MaxPerAddress: 3})
	addr := h.listen(front.Options{Proxies: guard.NewTrust(loopback)})
	introduced := func(client string) net.Conn {
		conn := dial(t, addr)
		if _, err := io.WriteString(conn, "PROXY TCP4 "+client+" 192.0.2.1 4711 443\r\n"); err != nil {
			t.Fatal(err)
		}
		return conn
	}
	for range 3 {
		mustAsk(t, introduced("203.0.113.7"), "/")
	}
	closed(t, introduced("203.0.113.7"))
	for _, other := range []string{"203.0.113.8", "203.0.113.9", "203.0.113.10"} {
		if r := mustAsk(t, introduced(other), "/"); r.Address != other+":4711" {
			t.Errorf("%+v", r)
		}
	}
}

func TestTLSFollowsAnIntroduction(t *testing.T) {
	h := newHouse(t, front.Config{})
	authority := newAuthority(t)
	addr := h.listen(front.Options{Proxies: guard.NewTrust(loopback), TLS: serverTLS(authority)})
	inner := dial(t, addr)
	conn := tls.Client(&introducing{Conn: inner, header: v2(0x21, 0x11, client4)}, &tls.Config{RootCAs: authority.pool, ServerName: "a.test"})
	if r := mustAsk(t, conn, "/"); r.Address != "203.0.113.7:4711" || !r.Secure || r.Name != "a.test" {
		t.Errorf("%+v", r)
	}
}

// introducing writes a header together with the first bytes.
type introducing struct {
	net.Conn
	header string
}

func (c *introducing) Write(p []byte) (int, error) {
	if c.header != "" {
		p = append([]byte(c.header), p...)
		n, err := c.Conn.Write(p)
		n, c.header = max(n-len(c.header), 0), ""
		return n, err
	}
	return c.Conn.Write(p)
}
