package manifest

import (
	"errors"
	"net"
	"net/netip"
	"strconv"
	"strings"
)

// Peers are what an entry of Permissions.Connect means: the hosts of a name or of a
// network, at one port or at every one.
type Peers struct {
	// Name is a host's, or "*.example.com" for all names below example.com, without
	// itself. It is empty where Net says which hosts.
	Name string
	// Net are addresses; a single one is a network of one.
	Net netip.Prefix
	// Port is 0 for every port.
	Port uint16
}

// ParsePeers reads HOST:PORT as Permissions.Connect has it. Names are in lower case, an
// address of IPv6 and its networks stand in brackets, and everything has one spelling:
// what is read is what String writes.
func ParsePeers(s string) (Peers, error) {
	const example = "write HOST:PORT, such as api.example.com:443, *.example.com:443, 10.0.0.0/8:* or [2001:db8::1]:443"
	wrong := func(msg, hint string) (Peers, error) { return Peers{}, &Error{Value: s, Msg: msg, Hint: hint} }
	if strings.Contains(s, "://") {
		return wrong("is a URL", example)
	}
	host, port, err := net.SplitHostPort(s)
	if err != nil {
		return wrong("is no HOST:PORT", example)
	}
	var p Peers
	if port != "*" {
		if p.Port, err = parsePort(port); err != nil {
			return wrong(noPort(port), "write a number from 1 to 65535, or * for every port, behind the last ':'")
		}
	}
	switch {
	case host == "" || host == "*":
		return wrong("names no host", "write a name, *.example.com, or a network; 0.0.0.0/0 and [::/0] are all addresses")
	case strings.ContainsAny(host, ":/") || isNumeric(host):
		if p.Net, err = parseNet(host); err != nil {
			return wrong("is no address and no network", example)
		}
	default:
		name := strings.TrimPrefix(host, "*.")
		if name == "" || strings.Contains(name, "*") {
			return wrong("has a wildcard in the wrong place", "write *.example.com for all names below example.com")
		}
		if problem, bad := errors.AsType[*Error](CheckHost(name)); bad {
			return wrong(problem.Msg, problem.Hint)
		}
		p.Name = host
	}
	if one := p.String(); one != s {
		return wrong("is not how it is written", "write "+one)
	}
	return p, nil
}

// String is what ParsePeers reads.
func (p Peers) String() string {
	host, port := p.Name, "*"
	if host == "" {
		if host = p.Net.String(); p.Net.IsSingleIP() {
			host = p.Net.Addr().String()
		}
	}
	if p.Port != 0 {
		port = strconv.Itoa(int(p.Port))
	}
	return net.JoinHostPort(host, port)
}

// ParseListen reads ADDRESS:PORT as Permissions.Listen has it. The address is invalid
// where it means every one of the machine's; 0.0.0.0 is every one of IPv4.
func ParseListen(s string) (netip.AddrPort, error) {
	const example = "write ADDRESS:PORT, such as 127.0.0.1:9000, or :9000 for every address"
	wrong := func(msg, hint string) (netip.AddrPort, error) {
		return netip.AddrPort{}, &Error{Value: s, Msg: msg, Hint: hint}
	}
	host, text, err := net.SplitHostPort(s)
	if err != nil {
		return wrong("is no ADDRESS:PORT", example)
	}
	port, err := parsePort(text)
	if err != nil {
		return wrong(noPort(text), "write a number from 1 to 65535 behind the last ':'")
	}
	if host == "" {
		if one := ":" + strconv.Itoa(int(port)); one != s {
			return wrong("is not how it is written", "write "+one)
		}
		return netip.AddrPortFrom(netip.Addr{}, port), nil
	}
	addr, err := netip.ParseAddr(host)
	if err != nil || addr.Zone() != "" {
		return wrong("names no address of this machine", example)
	}
	one := netip.AddrPortFrom(addr.Unmap(), port).String()
	if addr == netip.IPv6Unspecified() { // sockets of IPv6 take connections of IPv4 as well
		one = ":" + strconv.Itoa(int(port))
	}
	if one != s {
		return wrong("is not how it is written", "write "+one)
	}
	return netip.AddrPortFrom(addr, port), nil
}

func parsePort(s string) (uint16, error) {
	port, err := strconv.ParseUint(s, 10, 16)
	if err == nil && port == 0 {
		err = strconv.ErrRange
	}
	return uint16(port), err
}

// noPort says what is wrong where a port is meant.
func noPort(s string) string {
	if s == "" {
		return "has no port"
	}
	return s + " is no port"
}

// parseNet reads an address or a network, without a zone, and gives it as Prefix.Masked
// does; those of IPv4 are never written as ones of IPv6.
func parseNet(s string) (netip.Prefix, error) {
	if !strings.Contains(s, "/") {
		addr, err := netip.ParseAddr(s)
		if err != nil || addr.Zone() != "" {
			return netip.Prefix{}, &Error{Value: s, Msg: "is no address"}
		}
		addr = addr.Unmap()
		return netip.PrefixFrom(addr, addr.BitLen()), nil
	}
	network, err := netip.ParsePrefix(s)
	if err != nil || network.Addr().Is4In6() {
		return netip.Prefix{}, &Error{Value: s, Msg: "is no network"}
	}
	return network.Masked(), nil
}

// isNumeric reports whether a resolver could take the name for an address: its last part
// is a number.
func isNumeric(host string) bool {
	last := host[strings.LastIndexByte(host, '.')+1:]
	return last != "" && strings.Trim(last, "0123456789") == "" || strings.HasPrefix(last, "0x")
}
