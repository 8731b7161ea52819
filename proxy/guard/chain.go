package guard

import (
	"net/netip"
	"slices"
	"strings"
)

// maxHops is how many addresses of a chain are read, from its end.
const maxHops = 16

// told is what trusted peers say that the client asked for; empty where they do not.
type told struct{ host, proto string }

// readChain reads the client's address, and those of the trusted peers behind it, from
// X-Forwarded-For; or from Forwarded where that is not there: a peer that appends to one
// of them may pass on the other as its own client wrote it. It appends to hops, which has
// room for maxHops.
func readChain(hops []netip.Addr, trusts func(netip.Addr) bool, h Header) ([]netip.Addr, told) {
	lines := h.Values(headerFor)
	if len(lines) == 0 {
		if forwarded := h.Values(headerForwarded); len(forwarded) > 0 {
			return readForwarded(hops, trusts, forwarded)
		}
	}
	for element := range backward(lines) {
		addr := parseNode(element)
		if !addr.IsValid() {
			break
		}
		hops = append(hops, addr)
		if len(hops) == maxHops || trusts == nil || !trusts(addr) {
			break
		}
	}
	slices.Reverse(hops)
	at := max(len(hops)-1, 0) // the client's place in the list, from its end
	return hops, told{host: hostIn(place(h.Values(headerHost), at)), proto: protoIn(place(h.Values(headerProto), at))}
}

// backward gives the elements of a list that is spread over lines, the last first; empty
// ones are left out.
func backward(lines []string) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		for i := len(lines) - 1; i >= 0; i-- {
			for rest := lines[i]; rest != ""; {
				comma := strings.LastIndexByte(rest, ',')
				element := strings.Trim(rest[comma+1:], " \t")
				rest = rest[:max(comma, 0)]
				if element != "" && !yield(element) {
					return
				}
			}
		}
	}
}

// place is the element of a list at a place from its end; the first, where it is shorter:
// some peers set these where others append.
func place(lines []string, at int) (element string) {
	for e := range backward(lines) {
		element = e
		if at--; at < 0 {
			break
		}
	}
	return element
}

// parseNode reads an address with or without a port; invalid where it is none.
func parseNode(s string) netip.Addr {
	if len(s) > 64 {
		return netip.Addr{}
	}
	if rest, ok := strings.CutPrefix(s, "["); ok {
		end := strings.IndexByte(rest, ']')
		if end < 0 || rest[end+1:] != "" && (rest[end+1] != ':' || !isPort(rest[end+2:])) {
			return netip.Addr{}
		}
		s = rest[:end]
		if strings.IndexByte(s, ':') < 0 {
			return netip.Addr{}
		}
	} else if colon := strings.IndexByte(s, ':'); colon >= 0 && strings.IndexByte(s[colon+1:], ':') < 0 {
		if !isPort(s[colon+1:]) {
			return netip.Addr{}
		}
		s = s[:colon]
	}
	addr, err := netip.ParseAddr(s)
	if err != nil {
		return netip.Addr{}
	}
	return plain(addr)
}

// protoIn is "http" or "https", as a peer says it; empty where it is none of ours.
func protoIn(s string) string {
	switch {
	case strings.EqualFold(s, "https"), strings.EqualFold(s, "wss"):
		return "https"
	case strings.EqualFold(s, "http"), strings.EqualFold(s, "ws"):
		return "http"
	}
	return ""
}

// hostIn is a host as a peer says it; empty where it is none.
func hostIn(s string) string {
	if !isHost(s) {
		return ""
	}
	return s
}
