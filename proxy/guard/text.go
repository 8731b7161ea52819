package guard

import (
	"strconv"
	"strings"
)

const alphanumeric = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"

var (
	inHost  = setOf(alphanumeric + "-._:[]")
	inToken = setOf(alphanumeric + "!#$%&'*+-.^_`|~")
)

func setOf(chars string) (set [256]bool) {
	for i := range len(chars) {
		set[chars[i]] = true
	}
	return set
}

func within(s string, set *[256]bool) bool {
	for i := range len(s) {
		if !set[s[i]] {
			return false
		}
	}
	return s != ""
}

// isHost accepts what can be written into a line as a host, with or without a port.
func isHost(s string) bool { return len(s) <= 260 && within(s, &inHost) }

func isToken(s string) bool { return within(s, &inToken) }

func isPort(s string) bool {
	if s == "" || len(s) > 5 {
		return false
	}
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return true
}

// portOf is the port of an authority; empty where it names none.
func portOf(host string) string {
	colon := strings.LastIndexByte(host, ':')
	if colon < 0 || !isPort(host[colon+1:]) || strings.IndexByte(host[:colon], ':') >= 0 && host[colon-1] != ']' {
		return ""
	}
	return host[colon+1:]
}

// toldPort is the port that a trusted peer says; empty where it says none.
func toldPort(h Header) string {
	port := h.Get(headerPort)
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
		return ""
	}
	return port
}
