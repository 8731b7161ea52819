package replay

import (
	"net/http"
	"net/textproto"
	"slices"
	"strings"

	"github.com/segue-run/segue/proxy"
)

// RehearsalHeader tells a module that nobody waits for its answer: "rehearsal" or
// "mirror". No client can set it.
const RehearsalHeader = "Segue-Rehearsal"

// The values of RehearsalHeader.
const (
	viaRehearsal = "rehearsal"
	viaMirror    = "mirror"
)

// harmless request headers are recorded without being asked for.
var harmless = []string{"Accept", "Accept-Language", "Accept-Encoding", "Content-Type", "User-Agent"}

// alwaysKept are the headers of an answer without which its body cannot be read.
var alwaysKept = []string{"Content-Type", "Content-Encoding"}

// sendable reports whether a recorded header may go to a module: what the engine lets
// pass, but that nobody waits to be asked for a body.
func sendable(name string) bool {
	return name != "Expect" && proxy.Forwards(textproto.CanonicalMIMEHeaderKey(name))
}

// cookies are headers of an answer that are never kept.
var cookies = []string{"Set-Cookie", "Set-Cookie2", "Www-Authenticate", "Proxy-Authenticate", "Authentication-Info",
	"Proxy-Authentication-Info"}

// unsteady headers of an answer differ from one to the next, or say nothing of it.
var unsteady = []string{"Date", "Age", "Content-Length", "Connection", "Keep-Alive", "Transfer-Encoding", "Trailer"}

// CheckKeep refuses with an *Error the name of a request header that cannot be
// recorded. It is for the operator's list of those that are, beside the harmless ones.
func CheckKeep(name string) error {
	if !isToken(name) {
		return &Error{Value: name, Msg: "is no header name", Hint: "write one such as Authorization"}
	}
	if !sendable(name) {
		return &Error{Value: name, Msg: "is a header that is not passed on as a client sent it", Hint: "leave it out"}
	}
	return nil
}

// CheckHeader refuses with an *Error the name of an answer's header that cannot be
// compared.
func CheckHeader(name string) error {
	canonical := textproto.CanonicalMIMEHeaderKey(name)
	switch {
	case !isToken(name):
		return &Error{Value: name, Msg: "is no header name", Hint: "write one such as Location"}
	case slices.Contains(cookies, canonical):
		return &Error{Value: name, Msg: "is a header that is never kept", Hint: "leave it out"}
	case slices.Contains(unsteady, canonical):
		return &Error{Value: name, Msg: "is a header that never matters", Hint: "leave it out"}
	}
	return nil
}

// canonicalNames checks names and gives them as http.Header has them.
func canonicalNames(names []string, check func(string) error) ([]string, error) {
	out := make([]string, 0, len(names))
	for _, name := range names {
		if err := check(name); err != nil {
			return nil, err
		}
		out = append(out, textproto.CanonicalMIMEHeaderKey(name))
	}
	return out, nil
}

func isToken(name string) bool {
	for i := range len(name) {
		c := name[i]
		if c|0x20 >= 'a' && c|0x20 <= 'z' || c >= '0' && c <= '9' || strings.IndexByte("!#$%&'*+-.^_`|~", c) >= 0 {
			continue
		}
		return false
	}
	return name != ""
}

// recorded copies the harmless and the kept headers of a request.
func recorded(from proxy.Header, kept []string) http.Header {
	some := make(http.Header, len(harmless))
	all, listed := proxy.HeaderOf(from)
	for _, names := range [...][]string{harmless, kept} {
		for _, name := range names {
			if listed {
				if values, ok := all[name]; ok {
					some[name] = values
				}
			} else if value := from.Get(name); value != "" {
				some[name] = []string{value}
			}
		}
	}
	return copied(some)
}

// copied is all of a request's header that a module may get of it, in memory of its own;
// of a Header that can only be asked by name, the harmless ones and credentials.
func copied(from proxy.Header) http.Header {
	all, ok := proxy.HeaderOf(from)
	if !ok {
		return recorded(from, []string{"Authorization", "Cookie"})
	}
	to := proxy.ForwardHeader(all)
	delete(to, "Expect")
	for name := range to {
		keepHeader(to, to, name)
	}
	return to
}
