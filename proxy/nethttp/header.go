package nethttp

import (
	"net/http"
	"slices"
	"strings"

	"github.com/segue-run/segue/proxy"
)

// ReleaseHeader names the release that answered.
const ReleaseHeader = "Segue-Release"

// hopByHop headers speak of one connection (RFC 9110, 7.6.1), whether or not
// Connection names them; framing is the engine's on either side.
var hopByHop = nameSet("Connection", "Proxy-Connection", "Keep-Alive", "Proxy-Authenticate",
	"Proxy-Authorization", "Te", "Trailer", "Transfer-Encoding", "Upgrade", "Http2-Settings")

// believed headers tell a module about the client or replace the address: a client
// may not set them. So are all that begin with X-Forwarded. Content-Length and Host
// are the engine's to write; "Proxy" becomes HTTP_PROXY in modules that follow CGI.
var believed = nameSet("Forwarded", "X-Real-Ip", "X-Client-Ip", "X-Cluster-Client-Ip", "Client-Ip",
	"True-Client-Ip", "Cf-Connecting-Ip", "X-Original-Url", "X-Original-Host", "X-Rewrite-Url", "X-Host", "Proxy", "Content-Length", "Host")

func nameSet(names ...string) map[string]bool {
	set := make(map[string]bool, len(names))
	for _, name := range names {
		set[name] = true
	}
	return set
}

// forwardHeader copies what of a client's header goes to a module.
func forwardHeader(in *http.Request) http.Header {
	named := in.Header["Connection"]
	out := make(http.Header, len(in.Header)+4)
	for name, values := range in.Header {
		if passes(name) && !namedBy(named, name) {
			out[name] = values
		}
	}
	if lines, ok := out["Cookie"]; ok {
		if lines = proxy.ForeignCookies(lines); len(lines) > 0 {
			out["Cookie"] = lines
		} else {
			delete(out, "Cookie")
		}
	}
	if hasToken(in.Header["Te"], "trailers") {
		out["Te"] = []string{"trailers"}
	}
	if _, ok := out["User-Agent"]; !ok {
		out["User-Agent"] = []string{""} // or the transport puts in its own
	}
	return out
}

// passes reports whether a client may send the header to a module. Some servers take
// "_" for "-", so it counts as one.
func passes(name string) bool {
	name = dashed(name)
	return !hopByHop[name] && !believed[name] &&
		!strings.HasPrefix(name, "X-Forwarded") && !proxy.IsInternal(name)
}

// answerPasses reports whether a module may send the header, or the trailer, to a
// client. Here too "_" counts as "-": who stands before us may take it so.
func answerPasses(name string) bool {
	read := dashed(name)
	return !hopByHop[read] && !proxy.IsInternal(read) && (read != "Content-Length" || read == name)
}

// answerValues are the values of a module's header or trailer that go to a client: it
// sets no cookie of the runtime's own.
func answerValues(name string, values []string) []string {
	if dashed(name) != "Set-Cookie" || !slices.ContainsFunc(values, proxy.SetsInternalCookie) {
		return values
	}
	return slices.DeleteFunc(slices.Clone(values), proxy.SetsInternalCookie)
}

// dashed is the name as a server reads it that takes "_" for "-".
func dashed(name string) string {
	if strings.IndexByte(name, '_') < 0 {
		return name
	}
	return http.CanonicalHeaderKey(strings.ReplaceAll(name, "_", "-"))
}

// setForwarded tells the module whom and what the engine has seen.
func setForwarded(out http.Header, in *http.Request, remoteIP string) {
	values := []string{remoteIP, in.Host, "http"}
	if in.TLS != nil {
		values[2] = "https"
	}
	for i, name := range [...]string{"X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto"} {
		if values[i] != "" {
			out[name] = values[i : i+1 : i+1]
		}
	}
}

// copyAnswerHeader copies what of a module's header goes to the client.
func copyAnswerHeader(to, from http.Header) {
	named := from["Connection"]
	for name, values := range from {
		if answerPasses(name) && !namedBy(named, name) {
			to[name] = answerValues(name, values)
		}
	}
}

// namedBy reports whether a Connection header names the field.
func namedBy(connection []string, name string) bool {
	return len(connection) > 0 && hasToken(connection, name)
}

// hasToken reports whether one of the comma-separated lists has the token, in
// whatever case; parameters after a semicolon do not count.
func hasToken(lists []string, token string) bool {
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

// upgradeOf is the protocol that a header asks to change to, or has changed to, in
// lower case; "" if none, or one that may not pass: inside a tunnel of HTTP or TLS,
// requests would go round the proxy.
func upgradeOf(h http.Header) string {
	if !hasToken(h["Connection"], "upgrade") || len(h["Upgrade"]) != 1 {
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
