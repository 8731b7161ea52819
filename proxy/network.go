package proxy

import (
	"encoding/binary"
	"net/netip"
)

// Network is what one client has, as a number: an address of IPv4, also where it is mapped
// into IPv6, or the first 64 bits of one of IPv6. The former stand behind 32 ones, which
// begin no client's address of IPv6. Of an invalid address it is 0.
func Network(addr netip.Addr) uint64 {
	if addr = addr.Unmap(); addr.Is4() {
		four := addr.As4()
		return 0xffff_ffff<<32 | uint64(binary.BigEndian.Uint32(four[:]))
	}
	all := addr.As16()
	return binary.BigEndian.Uint64(all[:8])
}
