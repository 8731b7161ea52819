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

func TestAProcessListensOnAnAddressOnce(t *testing.T) {
	address := "127.0.0.1:" + freePort(t)
	may := manifest.Permissions{Listen: []string{address}}
	p := connect(t, &book{}, may)
	_, first := p.listen("tcp", address)
	if first < 0 {
		t.Fatal("it does not listen")
	}
	if a, fd := p.listen("tcp4", address); fd >= 0 || a.Denied || a.Errno != uint32(unix.EADDRINUSE) || !strings.Contains(a.Error, "the module listens on "+address+" already") {
		t.Errorf("a second time: %+v", a)
	}
	// It is the same while any descriptor of it is open anywhere.
	duplicate, err := unix.Dup(first)
	if err != nil {
		t.Fatal(err)
	}
	unix.Close(first)
	if a, fd := p.listen("tcp", address); fd >= 0 {
		t.Errorf("beside a duplicate: %+v", a)
	}
	// Another release has the address as well.
	other := connect(t, &book{}, may)
	_, beside := other.listen("tcp", address)
	if beside < 0 {
		t.Error("another process does not listen")
	}
	unix.Close(duplicate)
	a, again := p.listen("tcp", address)
	if again < 0 {
		t.Errorf("when it is closed: %+v", a)
	}
	for _, fd := range []int{beside, again} {
		if fd >= 0 {
			unix.Close(fd)
		}
	}
}

func TestAProcessListensOnSoManyAddressesAtMost(t *testing.T) {
	port := freePort(t)
	var may manifest.Permissions
	for n := range 300 {
		may.Listen = append(may.Listen, netip.AddrFrom4([4]byte{127, 0, byte(2 + n/200), byte(1 + n%200)}).String()+":"+port)
	}
	p := connect(t, &book{}, may)
	var open []int
	for n, address := range may.Listen {
		a, fd := p.listen("tcp", address)
		if fd >= 0 {
			open = append(open, fd)
		} else if a.Errno != uint32(unix.EMFILE) {
			t.Fatalf("number %d: %+v", n, a)
		}
	}
	if len(open) != 256 {
		t.Errorf("it has %d", len(open))
	}
	for _, fd := range open {
		unix.Close(fd)
	}
}

func TestAProgramThatBindsByItselfHasAnAddressOnceAsWell(t *testing.T) {
	address := "127.0.0.1:" + freePort(t)
	s := run(t, &book{}, manifest.Permissions{Listen: []string{address}}, nothing, "listen-twice "+address)
	if o := s.next(); o.Result != "both ways in use" {
		t.Error(o)
	}
	if d := s.denied(); len(d) > 0 {
		t.Error("denied:", d)
	}
}
