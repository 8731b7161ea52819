package conformance_test

import "testing"

func TestTargetsThatHaveTwoReadingsAreRefused(t *testing.T) { runRefusals(t, targetRefusals()) }

func targetRefusals() []refusal {
	line := func(s string) string { return s + "\r\nHost: x\r\n\r\n" }
	return []refusal{
		{"two spaces", "RFC 9112, 3", line("GET  /a HTTP/1.1"), 400, ""},
		{"two spaces before the version", "RFC 9112, 3", line("GET /a  HTTP/1.1"), 400, ""},
		{"a tab for a space", "RFC 9112, 3", line("GET\t/a\tHTTP/1.1"), 400, ""},
		{"a space first", "RFC 9112, 3", line(" GET /a HTTP/1.1"), 400, ""},
		{"a space last", "RFC 9112, 3", line("GET /a HTTP/1.1 "), 400, ""},
		{"a space in the target", "RFC 9112, 3.2", line("GET /a b HTTP/1.1"), 400, ""},
		{"no version", "RFC 9112, 3", line("GET /a"), 400, ""},
		{"no target", "RFC 9112, 3", line("GET HTTP/1.1"), 400, ""},
		{"a method that is no token", "RFC 9110, 9.1", line("G[T /a HTTP/1.1"), 400, ""},
		{"an empty method", "RFC 9112, 3", line(" /a HTTP/1.1"), 400, ""},
		{"HTTP/0.9", "RFC 9112, 2.3", line("GET /a HTTP/0.9"), 505, ""},
		{"HTTP/1.2", "RFC 9110, 15.6.6", line("GET /a HTTP/1.2"), 505, "net/http takes it for HTTP/1.1"},
		{"HTTP/2.0", "RFC 9110, 15.6.6", line("GET /a HTTP/2.0"), 505, ""},
		{"HTTP/3.0", "RFC 9110, 15.6.6", line("GET /a HTTP/3.0"), 505, ""},
		{"a version in lower case", "RFC 9112, 2.3", line("GET /a http/1.1"), 400, ""},
		{"a version of two digits", "RFC 9112, 2.3", line("GET /a HTTP/1.10"), 400, ""},
		{"a version with zeros", "RFC 9112, 2.3", line("GET /a HTTP/01.1"), 400, ""},
		{"another protocol", "RFC 9112, 2.3", line("GET /a ICAP/1.0"), 400, ""},
		{"a fragment", "RFC 9112, 3.2", line("GET /a#b HTTP/1.1"), 400, "net/http takes it for a part of the path"},
		{"a target that is not ASCII", "RFC 9112, 3.2", line("GET /\xc3\xa4 HTTP/1.1"), 400, "net/http takes it"},
		{"NUL in the target", "RFC 9112, 3.2", line("GET /a\x00b HTTP/1.1"), 400, ""},
		{"DEL in the target", "RFC 9112, 3.2", line("GET /a\x7fb HTTP/1.1"), 400, ""},
		{"CR in the target", "RFC 9112, 2.2", line("GET /a\rb HTTP/1.1"), 400, ""},
		{"a tab in the query", "RFC 9112, 3.2", line("GET /a?b\tc HTTP/1.1"), 400, ""},
		{"a query that is not ASCII", "RFC 9112, 3.2", line("GET /a?\xc3\xa4 HTTP/1.1"), 400, "net/http takes it"},
		{"a relative path", "RFC 9112, 3.2", line("GET a HTTP/1.1"), 400, ""},
		{"an asterisk for GET", "RFC 9112, 3.2.4", line("GET * HTTP/1.1"), 400, "net/http takes it, and the connection goes on behind the refusal"},
		{"an authority for GET", "RFC 9112, 3.2.3", line("GET x:80 HTTP/1.1"), 400, "net/http takes it for an address, and the connection goes on behind the refusal"},
		{"a path for CONNECT", "RFC 9112, 3.2.3", line("CONNECT /a HTTP/1.1"), 400, ""},
		{"CONNECT", "RFC 9110, 9.3.6", "CONNECT x:443 HTTP/1.1\r\nHost: x:443\r\n\r\n", 501, ""},
		{"CONNECT without a port", "RFC 9110, 9.3.6", line("CONNECT x HTTP/1.1"), 400, ""},
		{"another scheme", "RFC 9110, 4.2", line("GET gopher://x/a HTTP/1.1"), 400, "net/http takes it"},
		{"an address without a host", "RFC 9110, 4.2.1", line("GET http:///a HTTP/1.1"), 400, "net/http takes Host's"},
		{"an address with user information", "RFC 9110, 4.2.4", line("GET http://me:pw@x/a HTTP/1.1"), 400, "net/http leaves it out"},
		{"an address with a port that is none", "RFC 9110, 4.2.1", line("GET http://x:y/a HTTP/1.1"), 400, ""},
	}
}

var twoPaths = []struct{ name, path string }{
	{"an encoded slash", "/a%2Fb"}, {"an encoded backslash", "/a%5cb"}, {"a backslash", "/a\\b"}, {"an encoded NUL", "/a%00b"},
	{"an encoded line end", "/a%0d%0ab"}, {"a path above the root", "/../a"}, {"an encoded path above the root", "/a/%2e%2e/%2E./b"},
	{"an encoding that is none", "/a%zz"}, {"an encoding that breaks off", "/a%2"}, {"an encoded DEL", "/%7f"},
}

// A request that is understood, but whose path is not for routing, leaves the connection
// as it is.
func TestPathsThatHaveTwoReadingsAreRefused(t *testing.T) {
	var cases []exchangeCase
	for _, c := range twoPaths {
		cases = append(cases, exchangeCase{name: c.name, rfc: "RFC 3986, 6.2.2", send: "GET " + c.path + " HTTP/1.1\r\nHost: x\r\n\r\n", status: "400", unseen: true, refused: true,
			closes: c.name == "an encoding that is none" && engine.name == "net/http" || c.name == "an encoding that breaks off" && engine.name == "net/http"})
	}
	runCases(t, cases)
}

func TestTheModuleGetsTheTargetThatDecided(t *testing.T) { runCases(t, targetPassages()) }

func targetPassages() []exchangeCase {
	get := func(target, host string) string { return "GET " + target + " HTTP/1.1\r\nHost: " + host + "\r\n\r\n" }
	return []exchangeCase{
		{name: "a path", rfc: "RFC 9112, 3.2.1", send: get("/a/b.c;d=e/~f/(g)!$&'*+,:@", "x"), status: "200", saw: []string{"GET /a/b.c;d=e/~f/(g)!$&'*+,:@ HTTP/1.1\r\n", "host: x\r\n"}},
		{name: "segments of dots", rfc: "RFC 3986, 5.2.4", send: get("/a/./b/../c/.", "x"), status: "200", saw: []string{"GET /a/c/ HTTP/1.1\r\n"}},
		{name: "slashes in a row", rfc: "RFC 3986, 6.2", send: get("//a///b", "x"), status: "200", saw: []string{"GET /a/b HTTP/1.1\r\n"}},
		{name: "needless encodings", rfc: "RFC 3986, 6.2.2.2", send: get("/%61%7e%2d%c3%a4", "x"), status: "200", saw: []string{"GET /a~-%C3%A4 HTTP/1.1\r\n"}},
		{name: "characters that should be encoded", rfc: "RFC 3986, 3.3", send: get("/a\"<>^`{|}[]", "x"), status: "200", saw: []string{"GET /a%22%3C%3E%5E%60%7B%7C%7D%5B%5D HTTP/1.1\r\n"}},
		{name: "a query", rfc: "RFC 3986, 3.4", send: get("/a?b=c&d=e+f&&=", "x"), status: "200", saw: []string{"GET /a?b=c&d=e+f&&= HTTP/1.1\r\n"}},
		{name: "a query with semicolons", rfc: "RFC 3986, 3.4", send: get("/a?b=c;d=e", "x"), status: "200", saw: []string{"GET /a?b=c;d=e HTTP/1.1\r\n"}},
		{name: "a query with encodings that are none", rfc: "RFC 3986, 2.1", send: get("/a?b=%zz&c=%&d=%2", "x"), status: "200", saw: []string{"GET /a?b=%zz&c=%&d=%2 HTTP/1.1\r\n"}},
		{name: "a query with encoded line ends", rfc: "RFC 3986, 2.1", send: get("/a?b=%0d%0a%00", "x"), status: "200", saw: []string{"GET /a?b=%0d%0a%00 HTTP/1.1\r\n"}},
		{name: "a query with question marks, slashes and dots", rfc: "RFC 3986, 3.4", send: get("/a?b?/../c//", "x"), status: "200", saw: []string{"GET /a?b?/../c// HTTP/1.1\r\n"}},
		{name: "a query with odd characters", rfc: "RFC 3986, 3.4", send: get("/a?{\"b\":[1|2]}", "x"), status: "200", saw: []string{"GET /a?{\"b\":[1|2]} HTTP/1.1\r\n"}},
		{name: "an empty query", rfc: "RFC 3986, 6.2.3", send: get("/a?", "x"), status: "200", saw: []string{"GET /a? HTTP/1.1\r\n"}},
		{name: "an address", rfc: "RFC 9112, 3.2.2", send: get("http://other.example/a?b", "x"), status: "200", saw: []string{"GET /a?b HTTP/1.1\r\n", "host: other.example\r\n"}, sawNot: []string{"host: x\r\n"}},
		{name: "an address with a port", rfc: "RFC 9112, 3.2.2", send: get("HTTP://Other.Example:81/a", "x"), status: "200", saw: []string{"GET /a HTTP/1.1\r\n", "host: other.example:81\r\n"}},
		{name: "an address without a path", rfc: "RFC 9112, 3.2.1", send: get("http://other.example", "x"), status: "200", saw: []string{"GET / HTTP/1.1\r\n", "host: other.example\r\n"}},
		{name: "an address with a query alone", rfc: "RFC 9112, 3.2.1", send: get("http://other.example?a", "x"), status: "200", saw: []string{"GET /?a HTTP/1.1\r\n"}},
		{name: "an address of HTTPS", rfc: "RFC 9110, 4.2.2", send: get("https://other.example/a", "x"), status: "200", saw: []string{"GET /a HTTP/1.1\r\n", "host: other.example\r\n"}},
		{name: "a host with a port", rfc: "RFC 9110, 7.2", send: get("/a", "X.Example:8080"), status: "200", saw: []string{"host: x.example:8080\r\n"}},
		{name: "an IPv6 host", rfc: "RFC 3986, 3.2.2", send: get("/a", "[2001:db8::1]:80"), status: "200", saw: []string{"host: [2001:db8::1]:80\r\n"}},
		{name: "an IPv4 host", rfc: "RFC 3986, 3.2.2", send: get("/a", "192.0.2.1"), status: "200", saw: []string{"host: 192.0.2.1\r\n"}},
	}
}
