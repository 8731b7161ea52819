package grant_test

import (
	"net/netip"
	"testing"

	"github.com/segue-run/segue/runtime/grant"
)

func TestAModuleDialsWhatItsPermissionsName(t *testing.T) {
	p := perms("connect", "api.example.com:443", "*.wild.example:8443", "any.example:*", "10.0.0.0/8:5432", "192.0.2.7:*", "[2001:db8::/32]:443")
	for _, c := range []struct {
		host string
		port uint16
		want bool
	}{
		{"api.example.com", 443, true},
		{"API.Example.com.", 443, true},
		{"api.example.com..", 443, false},
		{"api.example.com", 80, false},
		{"xapi.example.com", 443, false},
		{"example.com", 443, false},
		{"api.example.com.evil.example", 443, false},
		{"api.example.com\x00.evil.example", 443, false},
		{"a.wild.example", 8443, true},
		{"a.b.wild.example", 8443, true},
		{"wild.example", 8443, false},
		{"*.wild.example", 8443, false},
		{".wild.example", 8443, false},
		{"any.example", 1, true},
		{"any.example", 0, false},
		{"", 443, false},
		{".", 443, false},
		{"10.1.2.3", 5432, true},
		{"::ffff:10.1.2.3", 5432, true},
		{"10.1.2.3", 5433, false},
		{"11.1.2.3", 5432, false},
		{"10.1.2", 5432, false},
		{"167838211", 5432, false},
		{"192.0.2.7", 22, true},
		{"192.0.2.8", 22, false},
		{"2001:db8::1", 443, true},
		{"2001:db8::1%eth0", 443, false},
		{"2001:db9::1", 443, false},
	} {
		if got := grant.Connects(p, c.host, c.port); got != c.want {
			t.Errorf("%q at %d: %t", c.host, c.port, got)
		}
	}
}

func TestAllAddressesAreThoseOfTheirFamily(t *testing.T) {
	p := perms("connect", "0.0.0.0/0:80")
	for host, want := range map[string]bool{"127.0.0.1": true, "::ffff:127.0.0.1": true, "::1": false, "localhost": false} {
		if got := grant.Connects(p, host, 80); got != want {
			t.Errorf("%s: %t", host, got)
		}
	}
	if p := perms("connect", "[::/0]:80"); grant.Connects(p, "127.0.0.1", 80) || grant.Connects(p, "::ffff:127.0.0.1", 80) || !grant.Connects(p, "::1", 80) {
		t.Error("all of IPv6 is not all of IPv6 alone")
	}
}

func TestAModuleListensWhereItsPermissionsSay(t *testing.T) {
	for _, c := range []struct {
		entry, addr string
		want        bool
	}{
		{":9000", "127.0.0.1:9000", true},
		{":9000", "0.0.0.0:9000", true},
		{":9000", "[::]:9000", true},
		{":9000", "127.0.0.1:9001", false},
		{":9000", "[fe80::1%eth0]:9000", false},
		{"0.0.0.0:9000", "127.0.0.1:9000", true},
		{"0.0.0.0:9000", "[::ffff:0.0.0.0]:9000", true},
		{"0.0.0.0:9000", "[::]:9000", false},
		{"0.0.0.0:9000", "[::1]:9000", false},
		{"127.0.0.1:9000", "127.0.0.1:9000", true},
		{"127.0.0.1:9000", "[::ffff:127.0.0.1]:9000", true},
		{"127.0.0.1:9000", "127.0.0.2:9000", false},
		{"127.0.0.1:9000", "0.0.0.0:9000", false},
		{"127.0.0.1:9000", "127.0.0.1:0", false},
		{"[::1]:9000", "[::1]:9000", true},
		{"[::1]:9000", "[::]:9000", false},
		{"?", "127.0.0.1:9000", false},
		{"", "127.0.0.1:0", false},
	} {
		if got := grant.Listens(perms("listen", c.entry), netip.MustParseAddrPort(c.addr)); got != c.want {
			t.Errorf("%s for %s: %t", c.addr, c.entry, got)
		}
	}
	if grant.Listens(perms("listen", ":9000"), netip.AddrPort{}) {
		t.Error("no address at all is permitted")
	}
}
