package conformance_test

import (
	"bytes"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
)

func TestAWebSocketsHandshakePassesWithAllThatItNegotiates(t *testing.T) {
	const rfc = "RFC 6455, 4.1 and 4.2.2"
	h := newWSHouse(t)
	c := h.client()
	c.send(wsAsk("Origin: http://example.com", "Cookie: a=b", "Sec-WebSocket-Protocol: chat, superchat", "Sec-WebSocket-Protocol: other",
		"Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits; x=\"a b\"", "Sec-WebSocket-Extensions: foo"))
	a := h.arrival()
	for name, want := range map[string][]string{
		"Upgrade":                  {"websocket"},
		"Connection":               {"Upgrade"},
		"Sec-Websocket-Key":        {wsKey},
		"Sec-Websocket-Version":    {"13"},
		"Origin":                   {"http://example.com"},
		"Cookie":                   {"a=b"},
		"Sec-Websocket-Protocol":   {"chat, superchat", "other"},
		"Sec-Websocket-Extensions": {"permessage-deflate; client_max_window_bits; x=\"a b\"", "foo"},
	} {
		if got := a.request.Header[name]; !slices.Equal(got, want) {
			t.Errorf("%s: the module got %s %q, want %q", rfc, name, got, want)
		}
	}
	if a.request.Method != "GET" || a.request.RequestURI != "/a" || a.request.Proto != "HTTP/1.1" || a.request.Host != "x" {
		t.Errorf("%s: the module got %s %s %s for %s", rfc, a.request.Method, a.request.RequestURI, a.request.Proto, a.request.Host)
	}
	a.send(a.agreement("Sec-WebSocket-Protocol: superchat", "Sec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover", "Sec-WebSocket-Extensions: foo"))
	res := c.head()
	for name, want := range map[string][]string{
		"Upgrade":                  {"websocket"},
		"Connection":               {"Upgrade"},
		"Sec-Websocket-Accept":     {"s3pPLMBiTxaQ9kYGzzhZRbK+xOo="},
		"Sec-Websocket-Protocol":   {"superchat"},
		"Sec-Websocket-Extensions": {"permessage-deflate; server_no_context_takeover", "foo"},
		"Content-Length":           nil,
		"Transfer-Encoding":        nil,
	} {
		if got := res.Header[name]; !slices.Equal(got, want) {
			t.Errorf("%s: the client got %s %q, want %q", rfc, name, got, want)
		}
	}
	if res.StatusCode != 101 {
		t.Errorf("%s: got %v", rfc, res.Status)
	}
	(&wsSocket{h, c, a.wsEnd, nil}).shut(rfc)
}

// What the module says in a handshake is for the client to judge.
func TestAWebSocketsHandshakeIsNotJudgedButForItsProtocol(t *testing.T) {
	for _, c := range []struct {
		name, rfc, ask string
		lines          string // of the module's answer
		status         int
	}{
		{"a wrong accept", "RFC 6455, 4.1", "", "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: wrong\r\n", 101},
		{"no accept", "RFC 6455, 4.1", "", "Upgrade: websocket\r\nConnection: Upgrade\r\n", 101},
		{"a subprotocol that was not asked for", "RFC 6455, 4.1", "", "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Protocol: unasked\r\n", 101},
		{"in other letters", "RFC 6455, 4.2.1", "", "UPGRADE: WebSocket\r\nCONNECTION: upgrade\r\n", 101},
		{"another protocol", "RFC 9110, 7.8", "", "Upgrade: other\r\nConnection: Upgrade\r\n", 502},
		{"two protocols", "RFC 9110, 7.8", "", "Upgrade: websocket, other\r\nConnection: Upgrade\r\n", 502},
		{"no protocol", "RFC 9110, 7.8", "", "Connection: Upgrade\r\n", 502},
		{"unasked", "RFC 9110, 7.8", plainGet, "Upgrade: websocket\r\nConnection: Upgrade\r\n", 502},
	} {
		h := newWSHouse(t)
		client := h.client()
		if c.ask == "" {
			c.ask = string(wsAsk())
		}
		client.send([]byte(c.ask))
		a := h.arrival()
		a.send([]byte("HTTP/1.1 101 Switching Protocols\r\n" + c.lines + "\r\n"))
		res := client.head()
		if res.StatusCode != c.status {
			t.Fatalf("%s: %s: got %v %v", c.rfc, c.name, res.Status, res.Header)
		}
		if c.status != 101 {
			a.ended(c.rfc, false) // nothing of the client's is taken for that protocol
			continue
		}
		for _, line := range strings.Split(strings.TrimSuffix(c.lines, "\r\n"), "\r\n") {
			name, value, _ := strings.Cut(line, ": ")
			if got := res.Header.Get(name); !strings.EqualFold(got, value) {
				t.Errorf("%s: %s: the client got %s %q", c.rfc, c.name, name, got)
			}
		}
		(&wsSocket{h, client, a.wsEnd, nil}).shut(c.rfc)
	}
}

func TestAWebSocketThatIsRefusedIsAnOrdinaryAnswer(t *testing.T) {
	for _, c := range []struct {
		rfc, ask, answer string
		status           int
		header, value    string
	}{
		{"RFC 6455, 4.4", "99", "HTTP/1.1 426 Upgrade Required\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13, 8, 7\r\nContent-Length: 2\r\n\r\nno", 426, "Sec-WebSocket-Version", "13, 8, 7"},
		{"RFC 6455, 4.2.2", "99", "HTTP/1.1 400 Bad Request\r\nSec-WebSocket-Version: 13\r\nContent-Length: 2\r\n\r\nno", 400, "Sec-WebSocket-Version", "13"},
		{"RFC 6455, 10.2", "13", "HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno", 403, "Content-Length", "2"},
		{"RFC 6455, 4.1", "13", "HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic realm=\"x\"\r\nContent-Length: 2\r\n\r\nno", 401, "WWW-Authenticate", "Basic realm=\"x\""},
		{"RFC 6455, 4.1", "13", "HTTP/1.1 302 Found\r\nLocation: /there\r\nContent-Length: 2\r\n\r\nno", 302, "Location", "/there"},
	} {
		h := newWSHouse(t)
		client := h.client()
		ask := bytes.Replace(wsAsk(), []byte("Version: 13"), []byte("Version: "+c.ask), 1)
		client.send(ask)
		a := h.arrival()
		if got := a.request.Header.Get("Sec-WebSocket-Version"); got != c.ask {
			t.Errorf("%s: the module was asked for version %q", c.rfc, got)
		}
		a.send([]byte(c.answer))
		res := client.head()
		if body, err := io.ReadAll(res.Body); err != nil || string(body) != "no" || res.StatusCode != c.status || res.Header.Get(c.header) != c.value {
			t.Errorf("%s: got %v %v %q, %v", c.rfc, res.Status, res.Header, body, err)
		}
		// The connection goes on, and the client asks again: RFC 6455, 4.2.2. The module may
		// get that on the connection that it has, or on another.
		client.send(wsAsk())
		again := make(chan *wsArrival, 1)
		kept := a.wsEnd
		go func() {
			defer close(again)
			if request, err := http.ReadRequest(kept.r); err == nil {
				again <- &wsArrival{kept, request}
			}
		}()
		select {
		case a = <-again:
		case a = <-h.arrived:
		}
		if a == nil {
			a = h.arrival()
		}
		a.send(a.agreement())
		if res := client.head(); res.StatusCode != 101 {
			t.Errorf("%s: asked again, got %v", c.rfc, res.Status)
		}
		(&wsSocket{h, client, a.wsEnd, nil}).shut(c.rfc)
	}
}

// RFC 6455, 4.1: a client waits for the answer; one that does not must find its bytes where
// they belong. 4.2.2: a module may send as soon as it has agreed.
func TestAWebSocketsEarlyBytesAreTheFirstThatTheOtherEndGets(t *testing.T) {
	const rfc = "RFC 6455, 4.1 and 4.2.2"
	for name, size := range map[string]int{"none": 0, "few": 5, "as many as a buffer takes": 4096, "more than that": 40000, "very many": 300 << 10} {
		h := newWSHouse(t)
		c := h.client()
		early := c.frame(wsFin|wsBinary, bytes.Repeat([]byte("up"), size/2))
		wrote := make(chan error, 1)
		go func() {
			_, err := c.conn.Write(append(wsAsk(), early...))
			wrote <- err
		}()
		a := h.arrival()
		first := a.frame(wsFin|wsBinary, bytes.Repeat([]byte("down"), size/4))
		agreed := make(chan error, 1)
		go func() {
			_, err := a.conn.Write(append(a.agreement(), first...))
			agreed <- err
		}()
		if res := c.head(); res.StatusCode != 101 {
			t.Fatalf("%s: %s: got %v", rfc, name, res.Status)
		}
		c.expect(rfc, first)
		a.expect(rfc, early)
		if err := <-wrote; err != nil {
			t.Errorf("%s: %s: %v", rfc, name, err)
		}
		if err := <-agreed; err != nil {
			t.Errorf("%s: %s: %v", rfc, name, err)
		}
		(&wsSocket{h, c, a.wsEnd, nil}).shut(rfc)
		if o := h.outcome(); o.BytesIn != int64(len(early)+8) || o.BytesOut != int64(len(first)+4) {
			t.Errorf("%s: %s: %d bytes in, %d out", rfc, name, o.BytesIn, o.BytesOut)
		}
	}
}

func TestAWebSocketsHandshakeMayComeByteByByte(t *testing.T) {
	const rfc = "RFC 6455, 4.1"
	h := newWSHouse(t)
	c := h.client()
	for _, b := range append(wsAsk(), c.text("up")...) {
		c.send([]byte{b})
	}
	a := h.arrival()
	for _, b := range append(a.agreement(), a.text("down")...) {
		a.send([]byte{b})
	}
	if res := c.head(); res.StatusCode != 101 {
		t.Fatalf("%s: got %v", rfc, res.Status)
	}
	c.expect(rfc, wsFrame(wsFin|wsText, nil, []byte("down")))
	raw, key, payload, err := wsRead(a.r)
	if err != nil || key == nil || raw[0] != wsFin|wsText || string(payload) != "up" {
		t.Errorf("%s: the module got % x, %v", rfc, raw, err)
	}
	(&wsSocket{h, c, a.wsEnd, nil}).shut(rfc)
}
