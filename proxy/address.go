package proxy

import (
	"bytes"
	"net/netip"
	"strings"
)

// The only errors of CleanHost and CleanPath; made once, since a client can ask
// for them at will.
var (
	errHost      = &AddressError{"host", "not a host name or address, with or without a port"}
	errNoSlash   = &AddressError{"path", "does not begin with a slash"}
	errPercent   = &AddressError{"path", "a percent sign without two hexadecimal digits"}
	errHidden    = &AddressError{"path", "an encoded slash, backslash or control character"}
	errRaw       = &AddressError{"path", "a character that may not stand in a path"}
	errAboveRoot = &AddressError{"path", "climbs above the root"}
)

// CleanPath gives the one spelling of an escaped path (no query) that routes are
// matched with and that modules get:
//
//   - Percent-encodings are decoded once; what RFC 3986 lets stand in a segment
//     stands there bare, everything else is encoded with capital digits. Two paths
//     that decode to the same bytes are spelt the same.
//   - "." and ".." segments, encoded or not, are resolved.
//   - Slashes in a row become one. A trailing slash stays.
//
// It refuses with an *AddressError what different readers read differently: an
// encoded slash, a backslash, control characters, "?" or "#" in bare form, a
// broken encoding, and ".." above the root. A path that is clean already costs no
// allocation.
func CleanPath(escaped string) (string, error) {
	if escaped == "" || escaped[0] != '/' {
		return "", errNoSlash
	}
	if isClean(escaped) {
		return escaped, nil
	}
	out := make([]byte, 0, len(escaped)+16)
	for rest := escaped; rest != ""; {
		segment := rest[1:]
		if end := strings.IndexByte(segment, '/'); end >= 0 {
			segment, rest = segment[:end], segment[end:]
		} else {
			rest = ""
		}
		start := len(out)
		out = append(out, '/')
		var err error
		if out, err = appendSegment(out, segment); err != nil {
			return "", err
		}
		last := rest == ""
		switch name := out[start+1:]; {
		case string(name) == "." || len(name) == 0 && !last:
			out = out[:start]
		case string(name) == "..":
			if start == 0 {
				return "", errAboveRoot
			}
			out = out[:bytes.LastIndexByte(out[:start], '/')]
		default:
			continue
		}
		if last {
			out = append(out, '/')
		}
	}
	return string(out), nil
}

// isClean reports whether CleanPath would change nothing. It may say no to a clean
// path that holds an encoding.
func isClean(path string) bool {
	for i := 0; i < len(path); i++ {
		c := path[i]
		if c != '/' {
			if !inSegment[c] {
				return false
			}
			continue
		}
		if rest := path[i+1:]; strings.HasPrefix(rest, "/") || startsWithDots(rest) {
			return false
		}
	}
	return true
}

// startsWithDots reports whether the first segment of rest is "." or "..".
func startsWithDots(rest string) bool {
	for dots := range 3 {
		if dots > 0 && (dots == len(rest) || rest[dots] == '/') {
			return true
		}
		if dots == len(rest) || rest[dots] != '.' {
			return false
		}
	}
	return false
}

// appendSegment appends one segment in its one spelling.
func appendSegment(out []byte, segment string) ([]byte, error) {
	for i := 0; i < len(segment); i++ {
		c, encoded := segment[i], false
		if c == '%' {
			if i+2 >= len(segment) || hexValue[segment[i+1]] < 0 || hexValue[segment[i+2]] < 0 {
				return nil, errPercent
			}
			c = byte(hexValue[segment[i+1]])<<4 | byte(hexValue[segment[i+2]])
			encoded = true
			i += 2
		}
		switch {
		case inSegment[c]:
			out = append(out, c)
		case c < 0x20 || c == 0x7f || c == '\\' || c == '/':
			if encoded {
				return nil, errHidden
			}
			return nil, errRaw
		case !encoded && (c == '?' || c == '#'):
			return nil, errRaw
		default:
			out = append(out, '%', upperHex[c>>4], upperHex[c&15])
		}
	}
	return out, nil
}

// CleanHost gives the one spelling of a Host header: without port, in lower case,
// without the root's trailing dot; an IPv6 address bare and in canonical form. It
// refuses with an *AddressError what is no host. The empty host is its own
// spelling.
func CleanHost(host string) (string, error) {
	if host == "" {
		return "", nil
	}
	if host[0] == '[' {
		return cleanIPv6(host)
	}
	if colon := strings.IndexByte(host, ':'); colon >= 0 {
		if !isPort(host[colon+1:]) {
			return "", errHost
		}
		host = host[:colon]
	}
	host = strings.TrimSuffix(host, ".")
	if host == "" || len(host) > 253 || host[0] == '.' || host[len(host)-1] == '.' {
		return "", errHost
	}
	upper := false
	for i := 0; i < len(host); i++ {
		if !inHost[host[i]] || host[i] == '.' && host[i-1] == '.' {
			return "", errHost
		}
		upper = upper || 'A' <= host[i] && host[i] <= 'Z'
	}
	if upper {
		return strings.ToLower(host), nil
	}
	return host, nil
}

func cleanIPv6(host string) (string, error) {
	end := strings.IndexByte(host, ']')
	if end < 0 {
		return "", errHost
	}
	if after := host[end+1:]; after != "" && (after[0] != ':' || !isPort(after[1:])) {
		return "", errHost
	}
	addr, err := netip.ParseAddr(host[1:end])
	if err != nil || !addr.Is6() || addr.Zone() != "" {
		return "", errHost
	}
	return addr.String(), nil
}

// isPort accepts what RFC 3986 calls a port: digits, none included.
func isPort(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return len(s) <= 5
}

const (
	upperHex     = "0123456789ABCDEF"
	alphanumeric = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
)

var (
	inSegment = setOf(alphanumeric + "-._~" + "!$&'()*+,;=" + ":@") // RFC 3986 pchar
	inHost    = setOf(alphanumeric + "-._")
	hexValue  = hexTable()
)

func setOf(chars string) (set [256]bool) {
	for i := range len(chars) {
		set[chars[i]] = true
	}
	return set
}

func hexTable() (table [256]int8) {
	for i := range table {
		table[i] = -1
	}
	for i := range 16 {
		table[upperHex[i]] = int8(i)
		table[strings.ToLower(upperHex)[i]] = int8(i)
	}
	return table
}
