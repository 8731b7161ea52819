package gateway

import (
	"encoding/binary"
	"net/netip"
	"strings"

	"golang.org/x/sys/unix"
)

// maxSockaddr is the size of struct sockaddr_storage.
const maxSockaddr = 128

// sockaddr is a socket address as a module wrote it.
type sockaddr struct {
	family int
	at     netip.AddrPort // of the internet families; with a zone where a scope was given
	path   string         // of the unix family; an abstract name begins with '@'
}

// parseSockaddr reads a socket address. EINVAL: it is too short for its family.
func parseSockaddr(b []byte) (sockaddr, error) {
	if len(b) < 2 {
		return sockaddr{}, unix.EINVAL
	}
	s := sockaddr{family: int(binary.NativeEndian.Uint16(b))}
	switch s.family {
	case unix.AF_INET:
		if len(b) < unix.SizeofSockaddrInet4 {
			return s, unix.EINVAL
		}
		s.at = netip.AddrPortFrom(netip.AddrFrom4([4]byte(b[4:8])), binary.BigEndian.Uint16(b[2:]))
	case unix.AF_INET6:
		if len(b) < unix.SizeofSockaddrInet6-4 { // the scope may be missing
			return s, unix.EINVAL
		}
		addr := netip.AddrFrom16([16]byte(b[8:24]))
		if len(b) >= unix.SizeofSockaddrInet6 && binary.NativeEndian.Uint32(b[24:]) != 0 {
			addr = addr.WithZone("scoped")
		}
		s.at = netip.AddrPortFrom(addr, binary.BigEndian.Uint16(b[2:]))
	case unix.AF_UNIX:
		name := string(b[2:])
		if strings.HasPrefix(name, "\x00") {
			name = "@" + name[1:]
		} else {
			name, _, _ = strings.Cut(name, "\x00")
		}
		s.path = name
	}
	return s, nil
}

// host is the address as grants have it; a zone cannot be granted.
func (s sockaddr) host() netip.AddrPort {
	return netip.AddrPortFrom(s.at.Addr().Unmap(), s.at.Port())
}

// kernel is the address for a socket of the family that it was written in.
func (s sockaddr) kernel() unix.Sockaddr {
	if s.family == unix.AF_INET {
		return &unix.SockaddrInet4{Port: int(s.at.Port()), Addr: s.at.Addr().As4()}
	}
	return &unix.SockaddrInet6{Port: int(s.at.Port()), Addr: s.at.Addr().As16()}
}
