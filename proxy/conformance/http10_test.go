package conformance_test

import "testing"

func TestHTTP10(t *testing.T) {
	get := func(lines string) string { return "GET /a HTTP/1.0\r\n" + lines + "\r\n" }
	chunks := "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nX-A: b\r\n\r\n"
	runCases(t, []exchangeCase{
		{name: "it ends", rfc: "RFC 9112, 9.3", send: get("Host: x\r\n"), status: "200", closes: true, body: "ok", saw: []string{"get /a http/1.1\r\n"}},
		{name: "it goes on where both want that", rfc: "RFC 9112, C.2.2", send: get("Host: x\r\nConnection: keep-alive\r\n"), status: "200", got: []string{"connection: keep-alive\r\n"}},
		{name: "it ends in spite of all", rfc: "RFC 9112, 9.3", send: get("Host: x\r\nConnection: keep-alive, close\r\n"), status: "200", closes: true, ours: "net/http looks for keep-alive alone"},
		{name: "it ends where the length is not known", rfc: "RFC 9112, 6.3", send: get("Host: x\r\nConnection: keep-alive\r\n"), answer: chunks, status: "200", closes: true, body: "hello", gotNot: []string{"transfer-encoding", "5\r\nhello", "x-a: b"}},
		{name: "chunks are not for it", rfc: "RFC 9112, 7.1", send: get("Host: x\r\n"), answer: chunks, status: "200", closes: true, body: "hello", gotNot: []string{"transfer-encoding", "5\r\nhello", "x-a: b"}},
		{name: "an answer to the end of the connection", rfc: "RFC 9112, 6.3", send: get("Host: x\r\n"), answer: "HTTP/1.0 200 OK\r\n\r\nhello" + hangUp, status: "200", closes: true, body: "hello"},
		{name: "a body", rfc: "RFC 9112, 6.2", send: "POST /a HTTP/1.0\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello", status: "200", closes: true, saw: []string{"content-length: 5\r\n", "hello"}},
		{name: "a body of no length", rfc: "RFC 9112, 6.3", send: "POST /a HTTP/1.0\r\nHost: x\r\n\r\nhello", status: "200", closes: true, sawNot: []string{"hello"}},
		{name: "no upgrade", rfc: "RFC 9110, 7.8", send: get("Host: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"), status: "200", closes: true, sawNot: []string{"upgrade"}, ours: "net/http does not tell"},
		{name: "two hosts", rfc: "RFC 9112, 3.2", send: get("Host: x\r\nHost: y\r\n"), status: "400", closes: true, unseen: true, refused: true},
		{name: "an address", rfc: "RFC 9112, 3.2.2", send: "GET http://other.example/a HTTP/1.0\r\n\r\n", status: "200", closes: true, saw: []string{"host: other.example\r\n"}},
		{name: "HEAD", rfc: "RFC 9110, 9.3.2", send: "HEAD /a HTTP/1.0\r\nHost: x\r\n\r\n", methods: "HEAD", answer: "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n", status: "200", closes: true, got: []string{"content-length: 9\r\n"}},
		{name: "no host", rfc: "RFC 9112, 3.2", send: get(""), status: "200", closes: true},
	})
}
