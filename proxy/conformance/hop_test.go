package conformance_test

import (
	"strings"
	"testing"
)

// What httputil.ReverseProxy promises of headers, and what its documentation warns of.
func TestHeadersOfOneConnectionStayThere(t *testing.T) {
	hop := "Connection: keep-alive, X-Hop\r\nX-Hop: 1\r\nKeep-Alive: timeout=5\r\nProxy-Connection: close\r\nProxy-Authenticate: Basic\r\nProxy-Authorization: Basic x\r\nTe: gzip\r\nTrailer: X-T\r\nUpgrade: foo"
	none := []string{"connection: keep-alive, x-hop", "x-hop: 1", "keep-alive: timeout", "proxy-connection", "proxy-authenticate", "proxy-authorization", "te: gzip", "trailer: x-t", "upgrade: foo"}
	runCases(t, []exchangeCase{
		{name: "of a request", rfc: "RFC 9110, 7.6.1", send: request(hop), status: "200", sawNot: none},
		{name: "of an answer", rfc: "RFC 9110, 7.6.1", send: plainGet, answer: "HTTP/1.1 200 OK\r\n" + hop + "\r\nContent-Length: 2\r\n\r\nok", status: "200", body: "ok", gotNot: append([]string{"x-hop"}, none[2:7]...)},
		{name: "that Connection names in odd ways", rfc: "RFC 9110, 7.6.1", send: request("Connection: , x-HOP ,,\tX-Other", "X-Hop: 1", "X-OTHER: 2", "X-Mine: 3"), status: "200", saw: []string{"x-mine: 3\r\n"}, sawNot: []string{"x-hop", "x-other"}},
		{name: "that a second Connection names", rfc: "RFC 9110, 7.6.1", send: request("Connection: keep-alive", "X-Hop: 1", "Connection: X-Hop"), status: "200", sawNot: []string{"x-hop"}},
		{name: "that Connection names and an underscore hides", rfc: "RFC 9110, 5.1", send: request("Transfer_Encoding: chunked", "Keep_Alive: 1", "Proxy_Authorization: x"), status: "200", sawNot: []string{"transfer_encoding", "keep_alive", "proxy_authorization"}},
		{name: "not Host", rfc: "RFC 9110, 7.6.1", send: request("Connection: Host"), status: "200", saw: []string{"host: x\r\n"}},
		{name: "not the length", rfc: "RFC 9110, 7.6.1", send: post("hello", "Content-Length: 5", "Connection: Content-Length"), status: "200", saw: []string{"content-length: 5\r\n", "hello"}},
		{name: "not the coding", rfc: "RFC 9110, 7.6.1", send: post("5\r\nhello\r\n0\r\n\r\n", "Transfer-Encoding: chunked", "Connection: Transfer-Encoding"), status: "200", saw: []string{"transfer-encoding: chunked\r\n", "hello0\r\n\r\n"}},
		{name: "not what we tell of the client", rfc: "RFC 9110, 7.6.1", send: request("Connection: X-Forwarded-For, X-Forwarded-Proto, X-Forwarded-Host, X-Request-Id, Forwarded"), status: "200", saw: []string{"x-forwarded-for: 127.0.0.1\r\n", "x-forwarded-proto: http\r\n", "x-forwarded-host: x\r\n"}},
		{name: "not the release that answered", rfc: "RFC 9110, 7.6.1", send: plainGet, answer: "HTTP/1.1 200 OK\r\nConnection: Segue-Release, Content-Length, Set-Cookie\r\nContent-Length: 2\r\n\r\nok", status: "200", body: "ok", got: []string{"segue-release: hello@1.0.0\r\n"}},
		{name: "TE says trailers alone", rfc: "RFC 9110, 10.1.4", send: request("TE: gzip, trailers;q=0.5", "Connection: TE"), status: "200", saw: []string{"te: trailers\r\n"}, sawNot: []string{"gzip"}},
		{name: "HTTP2-Settings", rfc: "RFC 9113, 3.1", send: request("Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABk"), status: "200", sawNot: []string{"http2-settings", "upgrade", "h2c"}},
	})
}

// Each is looked for among all lines of a head.
func TestAHeadNamesFewFieldsOfItsConnection(t *testing.T) {
	answer := func(named string) string {
		return "HTTP/1.1 200 OK\r\nConnection: " + named + "\r\nX-Hop: 1\r\nContent-Length: 2\r\n\r\nok"
	}
	few, many := strings.Repeat(",", 31)+"x-hop", strings.Repeat(",", 32)+"x-hop"
	runCases(t, []exchangeCase{
		{name: "as many as it may", rfc: "RFC 9110, 7.6.1", send: request("Connection: "+few, "X-Hop: 1"), status: "200", sawNot: []string{"x-hop"}},
		{name: "one more", rfc: "RFC 9110, 7.6.1", send: request("Connection: "+many, "X-Hop: 1"), status: "400"},
		{name: "in many lines", rfc: "RFC 9110, 7.6.1", send: request("Connection: "+few, "X-Hop: 1", "Connection: x-other"), status: "400"},
		{name: "as many as an answer may", rfc: "RFC 9110, 7.6.1", send: plainGet, answer: answer(few), status: "200", body: "ok", gotNot: []string{"x-hop"}},
		{name: "one more of an answer", rfc: "RFC 9110, 7.6.1", send: plainGet, answer: answer(many), status: "502"},
		{name: "of what goes before an answer", rfc: "RFC 9110, 7.6.1", send: plainGet, answer: "HTTP/1.1 103 Early Hints\r\nConnection: " + many + "\r\n\r\n" + answer(few), status: "502"},
	})
}

func TestWhatIsToldOfTheClientIsOurs(t *testing.T) {
	runCases(t, []exchangeCase{
		{name: "who it is", rfc: "RFC 7239, 5.2", send: request("X-Forwarded-For: 6.6.6.6", "x-forwarded-for: 7.7.7.7", "X-Real-IP: 6.6.6.6", "Forwarded: for=6.6.6.6", "X_Forwarded_For: 6.6.6.6"), status: "200", saw: []string{"x-forwarded-for: 127.0.0.1\r\n"}, sawNot: []string{"6.6.6.6", "7.7.7.7"}},
		{name: "what it asked for", rfc: "RFC 7239, 5.3", send: request("X-Forwarded-Host: evil.example", "X-Forwarded-Server: evil.example", "X-Original-Host: evil.example", "X-Host: evil.example", "Forwarded: host=evil.example"), status: "200", saw: []string{"x-forwarded-host: x\r\n"}, sawNot: []string{"evil.example"}},
		{name: "how it came", rfc: "RFC 7239, 5.4", send: request("X-Forwarded-Proto: https", "X-Forwarded-Scheme: https", "X-Forwarded-Ssl: on", "Forwarded: proto=https"), status: "200", saw: []string{"x-forwarded-proto: http\r\n"}, sawNot: []string{"https", "x-forwarded-ssl"}},
		{name: "where it goes", rfc: "RFC 9112, 3.2", send: request("X-Original-URL: /admin", "X-Rewrite-URL: /admin", "X-Forwarded-Prefix: /admin"), status: "200", sawNot: []string{"admin"}},
		{name: "an address names the host", rfc: "RFC 9112, 3.2.2", send: "GET http://other.example/a HTTP/1.1\r\nHost: x\r\n\r\n", status: "200", saw: []string{"x-forwarded-host: other.example\r\n", "host: other.example\r\n"}},
		{name: "httpoxy", rfc: "RFC 3875, 4.1.18", send: request("Proxy: http://evil.example"), status: "200", sawNot: []string{"evil.example"}},
		{name: "internal headers", rfc: "RFC 9110, 16.3", send: request("Segue-Release: evil@1", "segue-tenant: 1", "SEGUE_X: 2"), status: "200", sawNot: []string{"segue"}},
		{name: "internal headers of an answer", rfc: "RFC 9110, 16.3", send: plainGet, answer: "HTTP/1.1 200 OK\r\nSegue-Release: evil@1\r\nSegue-X: 1\r\nContent-Length: 2\r\n\r\nok", status: "200", got: []string{"segue-release: hello@1.0.0\r\n"}, gotNot: []string{"evil@1", "segue-x"}},
		{name: "no User-Agent is made up", rfc: "RFC 9110, 10.1.5", send: plainGet, status: "200", sawNot: []string{"user-agent"}},
		{name: "a User-Agent passes", rfc: "RFC 9110, 10.1.5", send: request("User-Agent: me/1"), status: "200", saw: []string{"user-agent: me/1\r\n"}},
		{name: "credentials pass", rfc: "RFC 9110, 11.6.2", send: request("Authorization: Bearer x"), status: "401", answer: "HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Bearer\r\nContent-Length: 0\r\n\r\n", saw: []string{"authorization: bearer x\r\n"}, got: []string{"www-authenticate: bearer\r\n"}},
		{name: "a referer and an origin pass", rfc: "RFC 9110, 10.1.3", send: request("Referer: http://x/b", "Origin: http://x"), status: "200", saw: []string{"referer: http://x/b\r\n", "origin: http://x\r\n"}},
	})
}
