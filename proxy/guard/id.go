package guard

import "math/rand/v2"

const hexDigits = "0123456789abcdef"

// NewID is a new request's id: 128 random bits in hexadecimal digits, as a trace id is.
func NewID() string {
	var buf [32]byte
	return string(appendID(buf[:0]))
}

// appendID appends a new id. The generator is the runtime's own, which is seeded by the
// system at each start and takes no lock.
func appendID(buf []byte) []byte {
	for range 2 {
		bits := rand.Uint64()
		for shift := 60; shift >= 0; shift -= 4 {
			buf = append(buf, hexDigits[bits>>shift&15])
		}
	}
	return buf
}

// SaneID reports whether an id is one to take over: 1 to 128 visible ASCII characters.
func SaneID(id string) bool {
	if id == "" || len(id) > 128 {
		return false
	}
	for i := range len(id) {
		if id[i] <= ' ' || id[i] > '~' {
			return false
		}
	}
	return true
}

// traced reports whether there is one traceparent line, and a valid one (W3C Trace
// Context, 3.2).
func traced(h Header) bool {
	parent := h.Get("Traceparent")
	return parent != "" && validTraceparent(parent) && len(h.Values("Traceparent")) == 1
}

// validTraceparent accepts version 00, and of later ones what that has too.
func validTraceparent(s string) bool {
	const trace, span, flags, end = 3, 36, 53, 55
	if len(s) < end || s[2] != '-' || s[span-1] != '-' || s[flags-1] != '-' {
		return false
	}
	version := s[:2]
	if !isHex(version) || version == "ff" || version == "00" && len(s) > end || len(s) > end && s[end] != '-' {
		return false
	}
	return isHex(s[trace:span-1]) && isHex(s[span:flags-1]) && isHex(s[flags:end]) &&
		!isZero(s[trace:span-1]) && !isZero(s[span:flags-1])
}

func isHex(s string) bool {
	for i := range len(s) {
		if c := s[i]; (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}

func isZero(s string) bool {
	for i := range len(s) {
		if s[i] != '0' {
			return false
		}
	}
	return true
}
