package guard

import (
	"net/netip"
	"slices"
	"strings"
)

// element is one of a Forwarded line.
type element struct{ node, host, proto string }

// readForwarded is readChain for RFC 7239. Lines that are broken say nothing.
func readForwarded(hops []netip.Addr, trusts func(netip.Addr) bool, lines []string) ([]netip.Addr, told) {
	var ring [maxHops]element
	n := 0
	for _, line := range lines {
		for line != "" {
			var e element
			var ok bool
			if e, line, ok = cutElement(line); !ok {
				return hops, told{}
			}
			if e != (element{}) {
				ring[n%maxHops] = e
				n++
			}
		}
	}
	var t told
	for i := n - 1; i >= max(0, n-maxHops); i-- {
		e := ring[i%maxHops]
		addr := parseNode(e.node)
		if !addr.IsValid() {
			break
		}
		hops, t = append(hops, addr), told{host: hostIn(e.host), proto: protoIn(e.proto)}
		if trusts == nil || !trusts(addr) {
			break
		}
	}
	slices.Reverse(hops)
	return hops, t
}

// cutElement reads the first element of a line, and gives what is behind its comma.
func cutElement(line string) (e element, rest string, ok bool) {
	for {
		line = strings.TrimLeft(line, " \t")
		if line == "" {
			return e, "", true
		}
		switch line[0] {
		case ',':
			return e, line[1:], true
		case ';':
			line = line[1:]
			continue
		}
		name, value, found := strings.Cut(line, "=")
		if !found || !isToken(name) {
			return e, "", false
		}
		if value, line, ok = cutValue(value); !ok {
			return e, "", false
		}
		at := e.field(name)
		switch {
		case at == nil:
		case *at != "":
			return e, "", false
		default:
			*at = value
		}
		if line = strings.TrimLeft(line, " \t"); line != "" && line[0] != ',' && line[0] != ';' {
			return e, "", false
		}
	}
}

func (e *element) field(name string) *string {
	switch {
	case strings.EqualFold(name, "for"):
		return &e.node
	case strings.EqualFold(name, "host"):
		return &e.host
	case strings.EqualFold(name, "proto"):
		return &e.proto
	}
	return nil
}

// cutValue reads a token or a quoted string. One with an escape in it is none that could
// be an address, a host or a scheme: it is read as it stands.
func cutValue(s string) (value, rest string, ok bool) {
	if !strings.HasPrefix(s, `"`) {
		end := 0
		for end < len(s) && inToken[s[end]] {
			end++
		}
		return s[:end], s[end:], end > 0
	}
	for i := 1; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case '"':
			return s[1:i], s[i+1:], true
		}
	}
	return "", "", false
}

// appendNode appends an address as the node of an element.
func appendNode(buf []byte, addr netip.Addr) []byte {
	switch {
	case !addr.IsValid():
		return append(buf, "for=unknown"...)
	case addr.Is4():
		return addr.AppendTo(append(buf, "for="...))
	}
	return append(addr.AppendTo(append(buf, `for="[`...)), `]"`...)
}

// appendAsked appends what the client asked for.
func (c *Client) appendAsked(buf []byte) []byte {
	if c.Host != "" {
		buf = append(buf, ";host="...)
		if isToken(c.Host) {
			buf = append(buf, c.Host...)
		} else {
			buf = append(append(append(buf, '"'), c.Host...), '"')
		}
	}
	if c.Secure {
		return append(buf, ";proto=https"...)
	}
	return append(buf, ";proto=http"...)
}
