package guard_test

import (
	"net/netip"
	"testing"

	"github.com/segue-run/segue/proxy/guard"
)

func prefixes(list ...string) []netip.Prefix {
	var out []netip.Prefix
	for _, s := range list {
		out = append(out, netip.MustParsePrefix(s))
	}
	return out
}

func TestAddressIsTrustedInWhateverSpellingItComes(t *testing.T) {
	trust := guard.NewTrust(append(prefixes("10.0.0.0/8", "2001:db8:1::/48", "::ffff:192.0.2.0/120", "fe80::/10"), netip.Prefix{})...)
	for addr, want := range map[string]bool{
		"10.1.2.3": true, "::ffff:10.1.2.3": true, "11.0.0.1": false,
		"192.0.2.7": true, "192.0.3.7": false,
		"2001:db8:1::7": true, "2001:db8:2::7": false,
		"fe80::1%eth0": true, "::1": false,
	} {
		if got := trust.Trusts(netip.MustParseAddr(addr)); got != want {
			t.Errorf("%s: trusted %v, want %v", addr, got, want)
		}
	}
	if trust.Trusts(netip.Addr{}) {
		t.Error("an invalid address is trusted")
	}
	var nobody *guard.Trust
	if nobody.Trusts(netip.MustParseAddr("10.0.0.1")) {
		t.Error("nil trusts somebody")
	}
}
