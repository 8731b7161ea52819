package proxy_test

import (
	"net/netip"
	"testing"

	"github.com/segue-run/segue/proxy"
)

func TestAClientIsAnAddressOfIPv4OrANetworkOfIPv6(t *testing.T) {
	of := func(addr string) uint64 { return proxy.Network(netip.MustParseAddr(addr)) }
	for _, c := range []struct {
		a, b string
		same bool
	}{
		{"192.0.2.1", "192.0.2.1", true},
		{"192.0.2.1", "::ffff:192.0.2.1", true},
		{"192.0.2.1", "192.0.2.2", false},
		{"2001:db8::1", "2001:db8::ffff:0:0:1", true},
		{"2001:db8::1", "2001:db8:0:1::1", false},
		{"fe80::1%eth0", "fe80::2%eth1", true},
		{"::c000:201", "192.0.2.1", false},
		{"0:0:c000:201::", "192.0.2.1", false},
	} {
		if same := of(c.a) == of(c.b); same != c.same {
			t.Errorf("%s and %s are one: %t", c.a, c.b, same)
		}
	}
	if n := proxy.Network(netip.Addr{}); n != 0 {
		t.Errorf("nobody is %x", n)
	}
}
