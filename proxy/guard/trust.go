package guard

import "net/netip"

// Trust is a set of addresses whose word is believed. It does not change; nil is the
// empty set.
type Trust struct{ prefixes []netip.Prefix }

// NewTrust makes the set of all addresses in the prefixes. An IPv4 prefix that is written
// as an IPv6 one (::ffff:192.0.2.0/120) means the same. Invalid prefixes hold nothing.
func NewTrust(prefixes ...netip.Prefix) *Trust {
	t := new(Trust)
	for _, p := range prefixes {
		if p.Addr().Is4In6() && p.Bits() >= 96 {
			p = netip.PrefixFrom(p.Addr().Unmap(), p.Bits()-96)
		}
		if p.IsValid() {
			t.prefixes = append(t.prefixes, p.Masked())
		}
	}
	return t
}

// Trusts reports whether the address is in the set; an invalid one is not.
func (t *Trust) Trusts(addr netip.Addr) bool {
	if t == nil || len(t.prefixes) == 0 {
		return false
	}
	addr = plain(addr)
	for _, p := range t.prefixes {
		if p.Contains(addr) {
			return true
		}
	}
	return false
}

// plain is the one spelling of an address: no IPv4 in IPv6, no zone.
func plain(addr netip.Addr) netip.Addr { return addr.Unmap().WithZone("") }
