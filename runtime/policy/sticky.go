package policy

import (
	"net/http"
	"strings"
)

// The ways to know a user that have no name in them.
const (
	NotSticky    Sticky = "none"
	StickyCookie Sticky = "cookie" // one that the proxy issues
)

// StickyHeader is "header NAME".
func StickyHeader(name string) Sticky { return Sticky("header " + http.CanonicalHeaderKey(name)) }

// ParseSticky reads "none", "cookie" or "header NAME".
func ParseSticky(text string) (Sticky, error) {
	switch s := Sticky(text); s {
	case NotSticky, StickyCookie:
		return s, nil
	}
	name, ok := strings.CutPrefix(text, "header ")
	if name = strings.TrimSpace(name); !ok || !isToken(name) {
		return "", wrong(text, "is nothing that a user is known by", "write none, cookie, or header and its name, such as `header X-User`")
	}
	return StickyHeader(name), nil
}

// Header is the name of the header that users are known by; empty where it is none.
func (s Sticky) Header() string {
	name, _ := strings.CutPrefix(string(s), "header ")
	if name == string(s) {
		return ""
	}
	return name
}
