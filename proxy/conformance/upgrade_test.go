package conformance_test

import (
	"io"
	"strings"
	"testing"

	"github.com/segue-run/segue/proxy"
)

func TestUpgradesPassWhereTheyWereAskedFor(t *testing.T) {
	ask := func(protocol string) string {
		return request("Connection: keep-alive, Upgrade", "Upgrade: "+protocol, "Sec-WebSocket-Key: k", "Sec-WebSocket-Version: 13")
	}
	agree := func(protocol string) string {
		return "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: " + protocol + "\r\nSec-WebSocket-Accept: a\r\n\r\n"
	}
	runCases(t, []exchangeCase{
		{name: "the module declines", rfc: "RFC 9110, 7.8", send: ask("websocket"), status: "200", body: "ok", saw: []string{"connection: upgrade\r\n", "upgrade: websocket\r\n", "sec-websocket-key: k\r\n"}},
		{name: "the module wants another", rfc: "RFC 9110, 15.5.22", send: ask("websocket"), status: "426", answer: "HTTP/1.1 426 Upgrade Required\r\nContent-Length: 2\r\n\r\nno", body: "no"},
		{name: "the module changes to another", rfc: "RFC 9110, 7.8", send: ask("websocket"), status: "502", answer: agree("other")},
		{name: "the module changes unasked", rfc: "RFC 9110, 7.8", send: plainGet, status: "502", answer: agree("websocket")},
		{name: "the module changes and names nothing", rfc: "RFC 9110, 7.8", send: ask("websocket"), status: "502", answer: "HTTP/1.1 101 Switching Protocols\r\n\r\n"},
		{name: "HTTP in HTTP", rfc: "RFC 9113, 3.1", send: ask("h2c"), status: "200", sawNot: []string{"upgrade", "h2c"}},
		{name: "HTTP/2.0 in HTTP", rfc: "RFC 9110, 7.8", send: ask("HTTP/2.0"), status: "200", sawNot: []string{"upgrade"}},
		{name: "TLS in HTTP", rfc: "RFC 2817, 3", send: ask("TLS/1.2"), status: "200", sawNot: []string{"upgrade"}},
		{name: "a list", rfc: "RFC 9110, 7.8", send: ask("websocket, h2c"), status: "200", sawNot: []string{"upgrade"}},
		{name: "Connection does not name it", rfc: "RFC 9110, 7.8", send: request("Upgrade: websocket"), status: "200", sawNot: []string{"upgrade"}},
		{name: "Connection names it, and it is not there", rfc: "RFC 9110, 7.8", send: request("Connection: Upgrade"), status: "200", sawNot: []string{"upgrade"}},
		{name: "an answer that speaks of it", rfc: "RFC 9110, 7.8", send: plainGet, status: "200", answer: "HTTP/1.1 200 OK\r\nConnection: Upgrade\r\nUpgrade: h2c\r\nContent-Length: 2\r\n\r\nok", body: "ok", gotNot: []string{"h2c"}},
	})
}

// What both sides send at once with their heads is the other protocol's.
func TestNothingIsLostAtAnUpgrade(t *testing.T) {
	m := newRawModule(t, "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: foo\r\n\r\nGET /from-module HTTP/1.1\r\n\r\n"+hangUp)
	client := newHouse(t, proxy.Config{}, stable(t, m.target)).dial("")
	io.WriteString(client.conn, request("Connection: upgrade", "Upgrade: foo")+"GET /from-client HTTP/1.1\r\nHost: x\r\n\r\n")
	answer, err := client.read()
	if err != nil || answer.Status != 101 || answer.Upgrade != "foo" {
		t.Fatalf("got %v, %q", err, client.raw())
	}
	for err == nil && !strings.HasSuffix(client.raw(), "HTTP/1.1\r\n\r\n") {
		err = client.more()
	}
	if got := string(client.buf); got != "GET /from-module HTTP/1.1\r\n\r\n" {
		t.Errorf("the client got %q, %v", got, err)
	}
	if strings.Contains(m.all(), "from-client") {
		t.Errorf("the module got the client's bytes as a request: %q", m.all())
	}
}
