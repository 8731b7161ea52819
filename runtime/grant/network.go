package grant

import (
	"net/netip"
	"strings"

	"github.com/segue-run/segue/sdk/manifest"
)

// Connects reports whether p lets a module dial host at port. The host is a name, in any
// case and with or without a dot at its end, or an address as text. The two are apart: a
// permission for a name is none for the addresses that it has, which may be others'
// tomorrow, and one for addresses is none for the names that lead there. An address of
// IPv4 in IPv6 is the one of IPv4; one with a zone is never permitted, nor port 0.
func Connects(p manifest.Permissions, host string, port uint16) bool {
	if port == 0 {
		return false
	}
	for _, entry := range p.Connect {
		peers, err := manifest.ParsePeers(entry)
		if err == nil && (peers.Port == 0 || peers.Port == port) && isOf(peers, host) {
			return true
		}
	}
	return false
}

// isOf reports whether a host, by name or address, is one of peers.
func isOf(peers manifest.Peers, host string) bool {
	if addr, err := netip.ParseAddr(host); err == nil {
		return peers.Name == "" && peers.Net.Contains(addr.Unmap())
	}
	name := strings.ToLower(strings.TrimSuffix(host, "."))
	return peers.Name != "" && name != "" && manifest.CheckHost(name) == nil && holdsName(peers.Name, name)
}

// Listens reports whether p lets a module listen on addr. An unspecified address is
// every one of its family; that of IPv6 is every one of IPv4 as well, since its sockets
// take both. Port 0, which is any, is never permitted, nor an address with a zone.
func Listens(p manifest.Permissions, addr netip.AddrPort) bool {
	if addr.Port() == 0 || addr.Addr().Zone() != "" {
		return false
	}
	for _, entry := range p.Listen {
		if all, err := manifest.ParseListen(entry); err == nil && holdsAddr(all, addr) {
			return true
		}
	}
	return false
}
