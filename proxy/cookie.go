package proxy

import "strings"

// internalPrefix begins the names of the runtime's own headers and cookies.
const internalPrefix = "Segue-"

// IsInternal reports whether the name of a header or a cookie is the runtime's own, in
// whatever case. Modules neither see such ones nor set them.
func IsInternal(name string) bool {
	return len(name) >= len(internalPrefix) && strings.EqualFold(name[:len(internalPrefix)], internalPrefix)
}

// ForeignCookies gives the lines of a Cookie header without the runtime's own cookies,
// and the others as they stand. Lines that have none of them are given back as they
// are, the slice too.
func ForeignCookies(lines []string) []string {
	for i, line := range lines {
		if !hasInternal(line) {
			continue
		}
		foreign := append([]string(nil), lines[:i]...)
		for _, line := range lines[i:] {
			if line = withoutInternal(line); line != "" {
				foreign = append(foreign, line)
			}
		}
		return foreign
	}
	return lines
}

func hasInternal(line string) bool {
	for pair := range strings.SplitSeq(line, ";") {
		if IsInternal(strings.TrimLeft(pair, cookieSpace)) {
			return true
		}
	}
	return false
}

func withoutInternal(line string) string {
	var kept []string
	for pair := range strings.SplitSeq(line, ";") {
		if !IsInternal(strings.TrimLeft(pair, cookieSpace)) {
			kept = append(kept, pair)
		}
	}
	return strings.TrimLeft(strings.Join(kept, ";"), " \t")
}

// cookieSpace may stand before a cookie's name. The equals sign is there for a cookie
// without a name, which browsers send back as its bare value: "=Segue-Client=x" comes
// back as "Segue-Client=x".
const cookieSpace = " \t="

// SetsInternalCookie reports whether a Set-Cookie line sets a cookie of the runtime's
// own, or one that would be read as such when it comes back.
func SetsInternalCookie(line string) bool {
	return IsInternal(strings.TrimLeft(line, cookieSpace))
}
