package gateway

import (
	"net"
	"net/netip"
	"slices"
	"sync"
	"time"
)

// ownTime is how long the machine's addresses are used again.
const ownTime = 5 * time.Second

// machine knows which addresses no name may lead to: whoever runs a name's zone decides
// where it leads.
type machine struct {
	interfaces func() ([]net.Addr, error)

	mu    sync.Mutex // guards what follows
	own   []netip.Addr
	asked time.Time
	known bool
}

// has reports whether addr is this machine's own, its link's, that of a cloud's service
// for its machines, or no host's at all. Where the machine's addresses cannot be found
// out, every address may be one.
func (m *machine) has(addr netip.Addr) bool {
	if inner, ok := embedded(addr); ok {
		addr = inner
	}
	if isSpecial(addr) {
		return true
	}
	own, known := m.addresses()
	return !known || slices.Contains(own, addr)
}

// addresses are those of the machine's interfaces; not known where they never were.
func (m *machine) addresses() (own []netip.Addr, known bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if now := time.Now(); !m.known || now.Sub(m.asked) >= ownTime {
		found, err := m.interfaces()
		if err != nil {
			return m.own, m.known
		}
		m.own, m.asked, m.known = parseAddrs(found), now, true
	}
	return m.own, m.known
}

func parseAddrs(all []net.Addr) []netip.Addr {
	var addrs []netip.Addr
	for _, a := range all {
		if n, ok := a.(*net.IPNet); ok {
			if addr, ok := netip.AddrFromSlice(n.IP); ok {
				addrs = append(addrs, addr.Unmap())
			}
		}
	}
	return addrs
}

// translated are the networks of IPv6 whose addresses end with one of IPv4: those that
// translators serve, and the old compatible ones.
var translated = []netip.Prefix{
	netip.MustParsePrefix("64:ff9b::/96"), netip.MustParsePrefix("64:ff9b:1::/48"), netip.MustParsePrefix("::/96"),
}

// embedded is the address of IPv4 that one of IPv6 leads to, where there is one.
func embedded(addr netip.Addr) (netip.Addr, bool) {
	if addr == netip.IPv6Loopback() || !slices.ContainsFunc(translated, func(p netip.Prefix) bool { return p.Contains(addr) }) {
		return addr, false
	}
	b := addr.As16()
	return netip.AddrFrom4([4]byte(b[12:])), true
}

// isSpecial reports whether addr is the same on every machine and none of the network's.
func isSpecial(addr netip.Addr) bool {
	return addr.IsLoopback() || addr.IsUnspecified() || addr.IsLinkLocalUnicast() || addr.IsMulticast() ||
		thisNetwork.Contains(addr) || slices.Contains(metadata, addr)
}

// thisNetwork is 0.0.0.0/8.
var thisNetwork = netip.PrefixFrom(netip.IPv4Unspecified(), 8)

// metadata are where clouds tell a machine its secrets, beside the link's addresses.
var metadata = []netip.Addr{
	netip.MustParseAddr("fd00:ec2::254"),
	netip.MustParseAddr("fd20:ce::254"),
	netip.MustParseAddr("168.63.129.16"),
	netip.MustParseAddr("100.100.100.200"),
	netip.MustParseAddr("192.0.0.192"),
}
