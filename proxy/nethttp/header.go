package nethttp

import (
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/segue-run/segue/proxy"
)

// ReleaseHeader names the release that answered.
const ReleaseHeader = "Segue-Release"

// requestIDHeader tells requests apart.
const requestIDHeader = "X-Request-Id"

// forwardHeader copies what of a client's header goes to a module.
func forwardHeader(in *http.Request) http.Header {
	out := proxy.ForwardHeader(in.Header)
	maps.DeleteFunc(out, func(name string, _ []string) bool { return proxy.FieldOf(name) == proxy.FieldRequestID })
	if proxy.HasToken(in.Header["Te"], "trailers") {
		out["Te"] = []string{"trailers"}
	}
	if _, ok := out["User-Agent"]; !ok {
		out["User-Agent"] = []string{""} // or the transport puts in its own
	}
	return out
}

// answerPasses reports whether a module may send the header, or the trailer, to a
// client: the request's id is told by ourselves. Here too "_" counts as "-": who stands before
// us may take it so.
func answerPasses(name string) bool {
	read := proxy.Dashed(name)
	return !proxy.IsHopByHop(read) && !proxy.IsInternal(read) && read != requestIDHeader && (read != "Content-Length" || read == name)
}

// answerValues are the values of a module's header or trailer that go to a client: it
// sets no cookie of the runtime's own.
func answerValues(name string, values []string) []string {
	if proxy.Dashed(name) != "Set-Cookie" || !slices.ContainsFunc(values, proxy.SetsInternalCookie) {
		return values
	}
	return slices.DeleteFunc(slices.Clone(values), proxy.SetsInternalCookie)
}

// copyAnswerHeader copies what of a module's header goes to the client; nothing where that
// was to be refused (see namesTooMuch).
func copyAnswerHeader(to, from http.Header) {
	named, ok := proxy.NamedBy(from["Connection"])
	if !ok {
		return
	}
	for name, values := range from {
		if answerPasses(name) && !named.Has(name) {
			to[name] = answerValues(name, values)
		}
	}
}

// namesTooMuch reports whether a header's Connection lines do.
func namesTooMuch(h http.Header) bool {
	_, ok := proxy.NamedBy(h["Connection"])
	return !ok
}

// upgradeOf is the protocol that a header asks to change to, or has changed to, in
// lower case; "" if none, or one that may not pass: inside a tunnel of HTTP or TLS,
// requests would go round the proxy.
func upgradeOf(h http.Header) string {
	if !proxy.HasToken(h["Connection"], "upgrade") || len(h["Upgrade"]) != 1 {
		return ""
	}
	protocol := strings.ToLower(h["Upgrade"][0])
	for i := range len(protocol) {
		if c := protocol[i]; c <= ' ' || c > '~' || c == ',' {
			return ""
		}
	}
	switch name, _, _ := strings.Cut(protocol, "/"); name {
	case "h2c", "h2", "http", "tls":
		return ""
	}
	return protocol
}
