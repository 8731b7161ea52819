package wire

import (
	"encoding/binary"
	"net/netip"
	"strings"
)

const alphanumeric = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"

var (
	isToken  = setOf(alphanumeric + "!#$%&'*+-.^_`|~") // RFC 9110, 5.6.2
	isHost   = setOf(alphanumeric + "-._~%!$&'()*+,;=")
	isTarget = rangeOf('!', '~', "#")
	isValue  = valueSet()
	hexValue = hexTable()
)

func setOf(chars string) (set [256]bool) {
	for i := range len(chars) {
		set[chars[i]] = true
	}
	return set
}

// rangeOf is all from first to last, without some.
func rangeOf(first, last byte, without string) (set [256]bool) {
	for c := int(first); c <= int(last); c++ {
		set[c] = strings.IndexByte(without, byte(c)) < 0
	}
	return set
}

// valueSet is what may stand in a field's value: visible characters, spaces and tabs, and
// bytes that are not ASCII, which mean nothing here.
func valueSet() [256]bool {
	set := rangeOf(' ', 0xff, "\x7f")
	set['\t'] = true
	return set
}

// hexTable gives each hexadecimal digit its value, and all else 0xff.
func hexTable() (table [256]byte) {
	for i := range table {
		table[i] = 0xff
	}
	for i := range byte(16) {
		table["0123456789abcdef"[i]] = i
		table["0123456789ABCDEF"[i]] = i
	}
	return table
}

// tokenLen is how many bytes at the front of b may stand in a token.
func tokenLen(b []byte) int {
	for i, c := range b {
		if !isToken[c] {
			return i
		}
	}
	return len(b)
}

// IsToken reports whether s is a token, as the names of fields are (RFC 9110, 5.6.2).
func IsToken(s string) bool {
	for i := range len(s) {
		if !isToken[s[i]] {
			return false
		}
	}
	return s != ""
}

const (
	ones  = 0x0101010101010101
	highs = 0x8080808080808080
)

// cleanValue reports whether b may stand in a field's value. It looks at eight bytes at
// once, and closer only where one of them may be a control character.
func cleanValue(b []byte) bool {
	for len(b) >= 8 {
		x := binary.LittleEndian.Uint64(b)
		deletes := x ^ 0x7f*ones
		if ((x-' '*ones)&^x|(deletes-ones)&^deletes)&highs != 0 && !cleanBytes(b[:8]) {
			return false
		}
		b = b[8:]
	}
	return cleanBytes(b)
}

func cleanBytes(b []byte) bool {
	for _, c := range b {
		if !isValue[c] {
			return false
		}
	}
	return true
}

// validHost reports whether s is a host with or without a port (RFC 3986, 3.2.2), and not
// an empty one.
func validHost(s string) bool {
	host, port := s, ""
	if strings.HasPrefix(s, "[") {
		end := strings.IndexByte(s, ']')
		if end < 0 {
			return false
		}
		addr, err := netip.ParseAddr(s[1:end])
		if err != nil || !addr.Is6() || addr.Zone() != "" {
			return false
		}
		port = s[end+1:]
	} else {
		if colon := strings.IndexByte(s, ':'); colon >= 0 {
			host, port = s[:colon], s[colon:]
		}
		for i := range len(host) {
			if !isHost[host[i]] {
				return false
			}
			if host[i] == '%' && (i+2 >= len(host) || hexValue[host[i+1]] > 15 || hexValue[host[i+2]] > 15) {
				return false
			}
		}
	}
	return host != "" && validPort(port)
}

// validPort reports whether s is nothing, or a colon and a number of up to five digits.
func validPort(s string) bool {
	if s == "" {
		return true
	}
	if s[0] != ':' || len(s) > 6 {
		return false
	}
	for _, c := range []byte(s[1:]) {
		if c < '0' || c > '9' {
			return false
		}
	}
	return true
}

// lowerEqual reports whether s is lower, in whatever case; lower is in lower case, and has
// no characters but ASCII's.
func lowerEqual(s, lower string) bool {
	if len(s) != len(lower) {
		return false
	}
	for i := range len(s) {
		c := s[i]
		if 'A' <= c && c <= 'Z' {
			c |= 0x20
		}
		if c != lower[i] {
			return false
		}
	}
	return true
}

// hasToken reports whether the comma-separated list has a token, given in lower case.
func hasToken(list, token string) bool {
	for rest, more := list, true; more; {
		var item string
		item, rest, more = strings.Cut(rest, ",")
		if lowerEqual(trim(item), token) {
			return true
		}
	}
	return false
}

// trim is s without the spaces and tabs around.
func trim(s string) string {
	for s != "" && (s[0] == ' ' || s[0] == '\t') {
		s = s[1:]
	}
	for s != "" && (s[len(s)-1] == ' ' || s[len(s)-1] == '\t') {
		s = s[:len(s)-1]
	}
	return s
}
