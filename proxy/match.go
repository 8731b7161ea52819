package proxy

import "strings"

// Match selects requests.
type Match struct {
	Method string // empty: any
	Path   string // as CleanPath gives it: this path and all below it; "" is every path
}

// Covers reports whether m selects r. What lies below a path begins at a segment's
// border; a path that ends in a slash selects only what lies below it.
func (m Match) Covers(r *Request) bool {
	if m.Method != "" && m.Method != r.Method {
		return false
	}
	rest, below := strings.CutPrefix(r.Path, m.Path)
	return below && (rest == "" || rest[0] == '/' || strings.HasSuffix(m.Path, "/"))
}
