package grant

import (
	"net/netip"
	"strings"

	"github.com/segue-run/segue/sdk/manifest"
)

// meet is what two entries both hold, as an entry of its own; not ok where that is
// nothing.
func meet(kind, entry, other, allowed string) (in, narrower string, ok bool) {
	if kind != other {
		// Who may write may read; between all other kinds there is nothing.
		if kind != "read" && kind != "write" || other != "read" && other != "write" {
			return "", "", false
		}
		kind = "read"
	}
	if entry == allowed {
		return kind, entry, true
	}
	switch kind {
	case "read", "write":
		narrower, ok = narrowest(entry, allowed, manifest.IsIn)
	case "connect":
		narrower, ok = meetPeers(entry, allowed)
	case "listen":
		narrower, ok = narrowest(entry, allowed, within)
	case "tenants":
		narrower, ok = narrowest(entry, allowed, func(_, tenants string) bool { return tenants == "*" })
	}
	return kind, narrower, ok
}

// narrowest is the one of a and b that the other holds.
func narrowest(a, b string, holds func(inner, outer string) bool) (string, bool) {
	switch {
	case holds(a, b):
		return a, true
	case holds(b, a):
		return b, true
	}
	return "", false
}

// free reports whether an entry needs no grant: it is in the module's own folders.
func free(kind, entry string) bool {
	return (kind == "read" || kind == "write") && (manifest.IsIn(entry, manifest.DataFolder) || manifest.IsIn(entry, manifest.TempFolder))
}

// within reports whether all that inner listens on is in outer.
func within(inner, outer string) bool {
	in, err := manifest.ParseListen(inner)
	all, wrong := manifest.ParseListen(outer)
	return err == nil && wrong == nil && holdsAddr(all, in)
}

// holdsAddr reports whether what listens on addr listens on nothing but all. An address
// that is not valid, or the one of IPv6 that means every one, is every one of both.
func holdsAddr(all, addr netip.AddrPort) bool {
	if all.Port() != addr.Port() {
		return false
	}
	switch one := addr.Addr().Unmap(); {
	case !all.Addr().IsValid():
		return true
	case !one.IsValid() || one == netip.IPv6Unspecified():
		return false
	case all.Addr() == netip.IPv4Unspecified():
		return one.Is4()
	default:
		return one == all.Addr()
	}
}

// meetPeers is what two entries of connect both hold: the narrower hosts at the narrower
// port.
func meetPeers(a, b string) (string, bool) {
	one, err := manifest.ParsePeers(a)
	other, wrong := manifest.ParsePeers(b)
	if err != nil || wrong != nil {
		return "", false
	}
	switch {
	case one.Port == 0:
		one.Port = other.Port
	case other.Port != 0 && other.Port != one.Port:
		return "", false
	}
	switch {
	case holdsHosts(other, one):
	case holdsHosts(one, other):
		one.Name, one.Net = other.Name, other.Net
	default:
		return "", false
	}
	return one.String(), true
}

// holdsHosts reports whether all hosts of inner are of outer.
func holdsHosts(outer, inner manifest.Peers) bool {
	if outer.Name != "" || inner.Name != "" {
		return inner.Name != "" && holdsName(outer.Name, inner.Name)
	}
	return outer.Net.Bits() <= inner.Net.Bits() && outer.Net.Contains(inner.Net.Addr())
}

// holdsName reports whether name, which may have a wildcard itself, is all of pattern.
func holdsName(pattern, name string) bool {
	suffix, wild := strings.CutPrefix(pattern, "*")
	if !wild {
		return pattern == name
	}
	return strings.HasSuffix(strings.TrimPrefix(name, "*"), suffix)
}
