package proxy

import (
	"errors"
	"iter"
	"net/http"
	"strings"
)

// hopByHop headers speak of one connection (RFC 9110, 7.6.1), whether or not
// Connection names them; framing is the engine's on either side.
var hopByHop = nameSet("Connection", "Proxy-Connection", "Keep-Alive", "Proxy-Authenticate",
	"Proxy-Authorization", "Te", "Trailer", "Transfer-Encoding", "Upgrade", "Http2-Settings")

// believed headers tell a module about the client or replace the address: a client
// may not set them. So are all that begin with X-Forwarded. Content-Length and Host
// are the engine's to write; "Proxy" becomes HTTP_PROXY in modules that follow CGI.
var believed = nameSet("Forwarded", "X-Real-Ip", "X-Client-Ip", "X-Cluster-Client-Ip", "Client-Ip",
	"True-Client-Ip", "Cf-Connecting-Ip", "Fastly-Client-Ip", "X-Envoy-External-Address",
	"X-Original-Forwarded-For", "X-Original-Url", "X-Original-Host", "X-Rewrite-Url", "X-Host", "Proxy", "Content-Length", "Host")

func nameSet(names ...string) map[string]bool {
	set := make(map[string]bool, len(names))
	for _, name := range names {
		set[name] = true
	}
	return set
}

// IsHopByHop reports whether the header of that canonical name speaks of one connection.
func IsHopByHop(name string) bool { return hopByHop[name] }

// Forwards reports whether a client may send the header, of a canonical name, to a
// module, or a trailer. Some servers take "_" for "-", so it counts as one.
func Forwards(name string) bool {
	name = Dashed(name)
	return !hopByHop[name] && !believed[name] &&
		!strings.HasPrefix(name, "X-Forwarded") && !IsInternal(name)
}

// ForwardHeader copies what of a client's header a module may get: neither what Forwards
// or Connection excludes, nor the runtime's own cookies. The values are shared with in. Where
// Connection names too much, which is for the caller to refuse, it copies nothing.
func ForwardHeader(in http.Header) http.Header {
	named, ok := NamedBy(in["Connection"])
	if !ok {
		return http.Header{}
	}
	out := make(http.Header, len(in)+4)
	for name, values := range in {
		if Forwards(name) && !named.Has(name) {
			out[name] = values
		}
	}
	if lines, ok := out["Cookie"]; ok {
		if lines = ForeignCookies(lines); len(lines) > 0 {
			out["Cookie"] = lines
		} else {
			delete(out, "Cookie")
		}
	}
	return out
}

// Dashed is a canonical name as a server reads it that takes "_" for "-".
func Dashed(name string) string {
	if strings.IndexByte(name, '_') < 0 {
		return name
	}
	return http.CanonicalHeaderKey(strings.ReplaceAll(name, "_", "-"))
}

// mostNamed is how many items the Connection lines of a head may have, empty ones too. Each
// is looked for among all other lines.
const mostNamed = 32

// Named are the fields that the Connection lines of a head name: they are for nobody further
// on. The zero value names none.
type Named struct {
	names [mostNamed]string
	n     int // of names
	items int
}

// NamedBy takes all Connection lines of a head; false where they name too much.
func NamedBy(lines []string) (named Named, ok bool) {
	for _, line := range lines {
		if !named.Add(line) {
			return Named{}, false
		}
	}
	return named, true
}

// Add takes a Connection line; false where it, with those before, names more than a head may.
func (n *Named) Add(line string) bool {
	for more := true; more; {
		var item string
		item, line, more = strings.Cut(line, ",")
		if n.items++; n.items > mostNamed {
			return false
		}
		item, _, _ = strings.Cut(item, ";")
		if item = strings.Trim(item, " \t"); item != "" {
			n.names[n.n] = item
			n.n++
		}
	}
	return true
}

// Has reports whether the field of that name is one of them, in whatever case.
func (n *Named) Has(name string) bool {
	for _, named := range n.names[:n.n] {
		if len(named) == len(name) && strings.EqualFold(named, name) {
			return true
		}
	}
	return false
}

// ErrNamed is a head whose Connection lines name too much.
var ErrNamed = errors.New("too many fields are named by Connection")

// HasToken reports whether one of the comma-separated lists has the token, in
// whatever case; parameters after a semicolon do not count.
func HasToken(lists []string, token string) bool {
	for _, list := range lists {
		for item := range strings.SplitSeq(list, ",") {
			item, _, _ = strings.Cut(item, ";")
			if strings.EqualFold(strings.Trim(item, " \t"), token) {
				return true
			}
		}
	}
	return false
}

// HeaderOf is all of a request's header; false where it can only be asked by name. It is
// not to be changed; it may be h itself.
func HeaderOf(h Header) (http.Header, bool) {
	if all, ok := h.(http.Header); ok {
		return all, true
	}
	lines, ok := h.(interface {
		All() iter.Seq2[string, string]
	})
	if !ok {
		return nil, false
	}
	all := http.Header{}
	for name, value := range lines.All() {
		all.Add(name, value)
	}
	return all, true
}
