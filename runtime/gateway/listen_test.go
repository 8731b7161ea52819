package gateway_test

import (
	"net"
	"net/netip"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/segue-run/segue/runtime/gateway"
	"github.com/segue-run/segue/sdk/manifest"
	"github.com/segue-run/segue/sdk/wire"
)

// freePort is one of loopback's that nobody listens on.
func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return strconv.Itoa(l.Addr().(*net.TCPAddr).Port)
}

// listen asks for a listener, and gives its descriptor, which is -1 where there is none.
func (p *peer) listen(network, address string) (wire.LinkAnswer, int) {
	p.t.Helper()
	p.ask(wire.LinkRequest{ID: 1, Do: wire.LinkListen, Network: network, Address: address})
	return p.taken()
}

// boundTo is the address of a listener.
func boundTo(t *testing.T, fd int) string {
	t.Helper()
	name, err := unix.Getsockname(fd)
	if err != nil {
		t.Fatal(err)
	}
	switch name := name.(type) {
	case *unix.SockaddrInet4:
		return netip.AddrPortFrom(netip.AddrFrom4(name.Addr), uint16(name.Port)).String()
	case *unix.SockaddrInet6:
		return netip.AddrPortFrom(netip.AddrFrom16(name.Addr), uint16(name.Port)).String()
	}
	return ""
}

func TestWhatIsCheckedIsWhatIsListenedOn(t *testing.T) {
	four, six := "127.0.0.1:"+freePort(t), "[::1]:"+freePort(t)
	p := connect(t, &book{}, manifest.Permissions{Listen: []string{four, six}})
	_, port, _ := net.SplitHostPort(four)
	_, port6, _ := net.SplitHostPort(six)
	for _, c := range []struct{ network, address, want, refused string }{
		{"tcp", four, four, ""},
		{"tcp4", "localhost:" + port, four, ""},
		{"tcp", "LOCALHOST.:" + port, four, ""},
		{"tcp6", "localhost:" + port, "", "listen [::1]:" + port + " is not granted"},
		{"tcp6", "localhost:" + port6, six, ""},
		{"tcp", "localhost:" + port6, "", "listen 127.0.0.1:" + port6 + " is not granted"},
		{"tcp6", four, "", "none of tcp6"},
		{"tcp4", six, "", "none of tcp4"},
		{"tcp", "here.test:" + port, "", "names no address of this machine"},
	} {
		a, fd := p.listen(c.network, c.address)
		switch {
		case fd < 0 && c.want == six && a.Errno == uint32(unix.EADDRNOTAVAIL): // there is no IPv6
		case fd < 0 != (c.want == "") || !strings.Contains(a.Error, c.refused):
			t.Errorf("%s %s: %+v", c.network, c.address, a)
		case fd >= 0:
			if got := boundTo(t, fd); got != c.want {
				t.Errorf("%s %s: it listens on %s", c.network, c.address, got)
			}
			unix.Close(fd)
		}
	}
}

func TestEveryAddressOfOneFamilyIsNoneOfTheOther(t *testing.T) {
	for _, c := range []struct{ network, host, at, wantNetwork, want string }{
		{"tcp", "0.0.0.0", "0.0.0.0:9000", "tcp4", "0.0.0.0:9000"},
		{"tcp", "", "[::]:9000", "tcp", ":9000"},
		{"tcp6", "", "[::]:9000", "tcp6", ":9000"},
		{"tcp4", "", "0.0.0.0:9000", "tcp4", ":9000"},
		{"tcp", "::1", "[::1]:9000", "tcp6", "[::1]:9000"},
	} {
		if network, address := gateway.Exactly(c.network, c.host, netip.MustParseAddrPort(c.at)); network != c.wantNetwork || address != c.want {
			t.Errorf("%s %q: %s %s", c.network, c.host, network, address)
		}
	}
}
