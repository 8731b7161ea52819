package conformance_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha1"
	"crypto/subtle"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/segue-run/segue/proxy"
	"github.com/segue-run/segue/proxy/balance"
	"github.com/segue-run/segue/proxy/route"
)

// What the first byte of a frame says: RFC 6455, 5.2.
const (
	wsFin  = 0x80
	wsRSV1 = 0x40
	wsRSV2 = 0x20
	wsRSV3 = 0x10

	wsMore   = 0x0
	wsText   = 0x1
	wsBinary = 0x2
	wsClose  = 0x8
	wsPing   = 0x9
	wsPong   = 0xa
)

// wsGoingAway is what the proxy says in a close frame of its own.
const wsGoingAway = "\x03\xe9going away"

// wsReason is the payload of a close frame.
func wsReason(code uint16, reason string) []byte {
	return append(binary.BigEndian.AppendUint16(nil, code), reason...)
}

// wsFrame is a frame with the least length; masked where key is four bytes. The payload is
// not masked yet.
func wsFrame(first byte, key, payload []byte) []byte {
	mask := byte(len(key) / 4 * 0x80)
	out := append(make([]byte, 0, 14+len(payload)), first)
	switch n := len(payload); {
	case n < 126:
		out = append(out, mask|byte(n))
	case n < 1<<16:
		out = binary.BigEndian.AppendUint16(append(out, mask|126), uint16(n))
	default:
		out = binary.BigEndian.AppendUint64(append(out, mask|127), uint64(n))
	}
	out = append(append(out, key...), payload...)
	wsMask(key, out[len(out)-len(payload):])
	return out
}

// wsMask masks, and unmasks.
func wsMask(key, payload []byte) {
	if len(key) == 0 || len(payload) == 0 {
		return
	}
	subtle.XORBytes(payload, payload, slices.Repeat(key, len(payload)/4+1))
}

// wsRead reads the next frame: as it came, its key and what it says.
func wsRead(r io.Reader) (raw, key, payload []byte, err error) {
	raw = make([]byte, 2, 14)
	if _, err := io.ReadFull(r, raw); err != nil {
		return nil, nil, nil, err
	}
	more, masked := 0, raw[1]&0x80 != 0
	switch raw[1] &^ 0x80 {
	case 126:
		more = 2
	case 127:
		more = 8
	}
	if masked {
		more += 4
	}
	raw = raw[:2+more]
	if _, err := io.ReadFull(r, raw[2:]); err != nil {
		return raw, nil, nil, fmt.Errorf("the frame breaks off: %w", err)
	}
	length := uint64(raw[1] &^ 0x80)
	switch length {
	case 126:
		length = uint64(binary.BigEndian.Uint16(raw[2:]))
	case 127:
		length = binary.BigEndian.Uint64(raw[2:])
	}
	if length > 32<<20 {
		return raw, nil, nil, fmt.Errorf("a frame of %d bytes", length)
	}
	if masked {
		key = slices.Clone(raw[len(raw)-4:])
	}
	head := len(raw)
	raw = slices.Grow(raw, int(length))[:head+int(length)]
	if _, err := io.ReadFull(r, raw[head:]); err != nil {
		return raw, nil, nil, fmt.Errorf("the frame breaks off: %w", err)
	}
	payload = slices.Clone(raw[head:])
	wsMask(key, payload)
	return raw, key, payload, nil
}

// wsEnd is one end of a WebSocket.
type wsEnd struct {
	t     testing.TB
	who   string
	conn  net.Conn
	r     *bufio.Reader
	masks bool
}

func newWSEnd(t testing.TB, who string, conn net.Conn) *wsEnd {
	_ = conn.SetDeadline(time.Now().Add(patience))
	return &wsEnd{t: t, who: who, conn: conn, r: bufio.NewReader(conn), masks: who == "client"}
}

// frame is a frame as this end has to send it.
func (e *wsEnd) frame(first byte, payload []byte) []byte {
	if !e.masks {
		return wsFrame(first, nil, payload)
	}
	return wsFrame(first, binary.BigEndian.AppendUint32(nil, rand.Uint32()), payload)
}

// text is a whole message.
func (e *wsEnd) text(s string) []byte { return e.frame(wsFin|wsText, []byte(s)) }

func (e *wsEnd) send(pieces ...[]byte) {
	e.t.Helper()
	if _, err := e.conn.Write(slices.Concat(pieces...)); err != nil {
		e.t.Fatalf("the %s writes: %v", e.who, err)
	}
}

// expect reads just those bytes.
func (e *wsEnd) expect(rfc string, want []byte) {
	e.t.Helper()
	got := make([]byte, len(want))
	n, err := io.ReadFull(e.r, got)
	if at := wsDiffer(got[:n], want); err != nil || at >= 0 {
		e.t.Fatalf("%s: the %s got %d bytes of %d, %v; they differ at %d: %s, want %s", rfc, e.who, n, len(want), err, at, wsShow(got[:n], at), wsShow(want, at))
	}
}

// wsDiffer is where they differ, -1 for nowhere.
func wsDiffer(a, b []byte) int {
	if bytes.Equal(a, b) {
		return -1
	}
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			return i
		}
	}
	return min(len(a), len(b))
}

// wsShow shows what stands there.
func wsShow(b []byte, at int) string {
	at = min(max(at-8, 0), len(b))
	return fmt.Sprintf("…% x…", b[at:min(at+32, len(b))])
}

// ended checks that nothing more comes, and the end does: clean, where it has to be.
func (e *wsEnd) ended(rfc string, clean bool) {
	e.t.Helper()
	rest, err := io.ReadAll(e.r)
	if len(rest) > 0 || clean && err != nil || errors.Is(err, os.ErrDeadlineExceeded) {
		e.t.Errorf("%s: the %s got % x, %v instead of the end", rfc, e.who, rest[:min(64, len(rest))], err)
	}
}

// halfClose ends what this end sends.
func (e *wsEnd) halfClose() {
	e.t.Helper()
	if err := e.conn.(interface{ CloseWrite() error }).CloseWrite(); err != nil {
		e.t.Fatalf("the %s ends: %v", e.who, err)
	}
}

// closed reads a close frame and gives what it says.
func (e *wsEnd) closed(rfc string) []byte {
	e.t.Helper()
	raw, key, payload, err := wsRead(e.r)
	if err != nil || raw[0] != wsFin|wsClose || (key == nil) != e.masks {
		e.t.Fatalf("%s: the %s got % x, %v instead of a close frame of the other side's", rfc, e.who, raw[:min(64, len(raw))], err)
	}
	return payload
}

// wsHouse is a house before one module that leaves it to the test what it says.
type wsHouse struct {
	*house
	arrived  chan *wsArrival
	requests chan *proxy.Request
	seen     chan balance.Observation
}

// wsArrival is a request that has come to the module.
type wsArrival struct {
	*wsEnd
	request *http.Request
}

// wsSpy is a director that shows the requests it directs.
type wsSpy struct {
	proxy.Director
	requests chan<- *proxy.Request
}

func (s wsSpy) Direct(ctx context.Context, r *proxy.Request) (proxy.Exchange, error) {
	s.requests <- r
	return s.Director.Direct(ctx, r)
}

func newWSHouse(t testing.TB) *wsHouse {
	t.Helper()
	h := &wsHouse{house: &house{t: t, pool: new(balance.Pool)}, requests: make(chan *proxy.Request, 1000), seen: make(chan balance.Observation, 1000)}
	var socket string
	socket, h.arrived = wsListen(t)
	g := stable(t, newTarget("1.0.0", socket, func(o balance.Observation) { h.seen <- o }))
	table, err := route.Build([]route.Entry{{Path: "/", Module: g.Module()}})
	if err != nil {
		t.Fatal(err)
	}
	if err := h.pool.Set(table, g); err != nil {
		t.Fatal(err)
	}
	h.open(proxy.Config{Director: wsSpy{h.pool, h.requests}})
	return h
}

// wsListen is a module: each connection's next request, and no more, is read.
func wsListen(t testing.TB) (socket string, arrived chan *wsArrival) {
	t.Helper()
	folder, err := os.MkdirTemp("", "ws") // a test's own is too long for a socket's name
	if err != nil {
		t.Fatal(err)
	}
	socket, arrived = filepath.Join(folder, "s"), make(chan *wsArrival, 1000)
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	var serving sync.WaitGroup
	var conns sync.Map
	serving.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			conns.Store(conn, nil)
			serving.Go(func() {
				end := newWSEnd(t, "module", conn)
				if request, err := http.ReadRequest(end.r); err == nil {
					arrived <- &wsArrival{end, request}
				}
			})
		}
	})
	t.Cleanup(func() {
		l.Close()
		conns.Range(func(conn, _ any) bool { conn.(net.Conn).Close(); return true })
		serving.Wait()
		os.RemoveAll(folder)
	})
	return socket, arrived
}

// The example of RFC 6455, 1.3.
const wsKey = "dGhlIHNhbXBsZSBub25jZQ=="

// wsAsk is a client's handshake.
func wsAsk(lines ...string) []byte {
	return []byte(request(append([]string{"Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Key: " + wsKey, "Sec-WebSocket-Version: 13"}, lines...)...))
}

// agreement is the module's, made from the key that it got.
func (a *wsArrival) agreement(lines ...string) []byte {
	sum := sha1.Sum([]byte(a.request.Header.Get("Sec-WebSocket-Key") + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
	out := "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: " +
		base64.StdEncoding.EncodeToString(sum[:]) + "\r\n"
	for _, line := range lines {
		out += line + "\r\n"
	}
	return []byte(out + "\r\n")
}

// client is one that has said nothing yet.
func (h *wsHouse) client() *wsEnd {
	h.t.Helper()
	conn, _ := h.raw()
	return newWSEnd(h.t, "client", conn)
}

// arrival is the next request that comes to the module.
func (h *wsHouse) arrival() *wsArrival {
	h.t.Helper()
	select {
	case a := <-h.arrived:
		return a
	case <-time.After(patience):
		h.t.Fatal("no request came to the module")
		return nil
	}
}

// head reads the head of an answer.
func (e *wsEnd) head() *http.Response {
	e.t.Helper()
	res, err := http.ReadResponse(e.r, nil)
	if err != nil {
		e.t.Fatalf("no answer: %v", err)
	}
	return res
}

// wsSocket is a WebSocket that is open.
type wsSocket struct {
	h              *wsHouse
	client, module *wsEnd
	request        *proxy.Request
}

func (h *wsHouse) socket() *wsSocket {
	h.t.Helper()
	c := h.client()
	c.send(wsAsk())
	a := h.arrival()
	a.send(a.agreement())
	if res := c.head(); res.StatusCode != 101 || res.Header.Get("Sec-WebSocket-Accept") != "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" {
		h.t.Fatalf("RFC 6455, 4.2.2: got %v %v", res.Status, res.Header)
	}
	return &wsSocket{h, c, a.wsEnd, <-h.requests}
}

// each runs a test in both directions, on one socket.
func (s *wsSocket) each(test func(from, to *wsEnd)) {
	s.h.t.Helper()
	test(s.client, s.module)
	test(s.module, s.client)
}

// passes sends piece after piece, each when the one before has come to the other end. What
// comes there has to be the same, byte by byte.
func (e *wsEnd) passes(rfc string, to *wsEnd, pieces ...[]byte) {
	e.t.Helper()
	for _, piece := range pieces {
		wrote := make(chan error, 1)
		go func() {
			_, err := e.conn.Write(piece)
			wrote <- err
		}()
		to.expect(rfc, piece)
		if err := <-wrote; err != nil {
			e.t.Fatalf("%s: the %s writes: %v", rfc, e.who, err)
		}
	}
}

// shut ends the socket with a close handshake that the client begins, and checks that
// nothing came before it.
func (s *wsSocket) shut(rfc string) {
	s.h.t.Helper()
	s.each(func(from, to *wsEnd) { from.passes(rfc, to, from.frame(wsFin|wsClose, wsReason(1000, ""))) })
	s.hangUp(rfc)
}

// hangUp is the end of both connections, the server's first: RFC 6455, 7.1.1.
func (s *wsSocket) hangUp(rfc string) {
	s.h.t.Helper()
	s.module.conn.Close()
	s.client.ended(rfc, true)
	s.client.conn.Close()
}

// outcome is the next one.
func (h *wsHouse) outcome() balance.Observation {
	h.t.Helper()
	select {
	case o := <-h.seen:
		return o
	case <-time.After(patience):
		h.t.Fatal("no outcome")
		return balance.Observation{}
	}
}
