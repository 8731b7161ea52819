package conformance_test

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"slices"
	"sync"
	"testing"

	"github.com/segue-run/segue/proxy"
	"github.com/segue-run/segue/proxy/balance"
)

// wsFarewell is what the proxy tells a client: RFC 6455, 5.5.1 and 7.4.1.
var wsFarewell = wsFrame(wsFin|wsClose, nil, []byte(wsGoingAway))

// told checks that the module gets one masked close frame and nothing else: what the client
// replies, or, on our own engine, 1001 on its behalf where that goes out before the reply.
func (s *wsSocket) told(rfc, reply string) {
	s.h.t.Helper()
	got := string(s.module.closed(rfc))
	if got != reply && (engine.name != "h1" || got != wsGoingAway) {
		s.h.t.Errorf("%s: the module was told %q, want the client's reply, %q", rfc, got, reply)
	}
}

// over checks that nothing more comes to either end, and the end does, the server's first.
func (s *wsSocket) over(rfc string) {
	s.h.t.Helper()
	s.module.halfClose()
	s.client.ended(rfc, true)
	s.client.conn.Close()
	s.module.ended(rfc, false)
}

// part checks that the client is told, once, and that the end follows its reply.
func (s *wsSocket) part(rfc string) {
	s.h.t.Helper()
	s.client.expect(rfc, wsFarewell)
	const reply = "\x03\xe9so long"
	s.client.send(s.client.frame(wsFin|wsClose, []byte(reply)))
	s.told(rfc, reply)
	s.over(rfc)
	if o := s.h.outcome(); o.Class != proxy.ClassDrained || !o.Reached || o.Status != 101 {
		s.h.t.Errorf("%s: outcome %+v", rfc, o)
	}
}

func TestAWebSocketGoesAwayBetweenMessagesAndNowhereElse(t *testing.T) {
	m := &wsEnd{who: "module"}
	long := m.frame(wsFin|wsBinary, wsNoise(70000))
	for name, c := range map[string]struct {
		rfc           string
		before, after [][]byte // the proxy is told to go away
	}{
		"before any":               {rfc: "RFC 6455, 5.5.1"},
		"between two":              {"RFC 6455, 5.5.1", [][]byte{m.text("one")}, nil},
		"in a fragmented one":      {"RFC 6455, 5.4", [][]byte{m.frame(wsText, []byte("one "))}, [][]byte{m.frame(wsMore, []byte("two ")), m.frame(wsFin|wsPing, nil), m.frame(wsFin|wsMore, []byte("three"))}},
		"behind an empty fragment": {"RFC 6455, 5.4", [][]byte{m.frame(wsText, nil)}, [][]byte{m.frame(wsMore, nil), m.frame(wsFin|wsMore, nil)}},
		"in one, behind a ping":    {"RFC 6455, 5.4", [][]byte{m.frame(wsText, []byte("one ")), m.frame(wsFin|wsPing, []byte("?"))}, [][]byte{m.frame(wsFin|wsMore, []byte("two"))}},
		"in a compressed one":      {"RFC 7692, 6.1", [][]byte{m.frame(wsRSV1|wsText, []byte{0xf2, 0x48})}, [][]byte{m.frame(wsFin|wsMore, []byte{0xcd, 0})}},
		"behind the first byte":    {"RFC 6455, 5.2", [][]byte{m.text("one"), {wsFin | wsText}}, [][]byte{{3}, []byte("tw"), []byte("o")}},
		"in a length":              {"RFC 6455, 5.2", [][]byte{long[:5]}, [][]byte{long[5:9], long[9:]}},
		"in a payload":             {"RFC 6455, 5.2", [][]byte{long[:40000]}, [][]byte{long[40000:]}},
		"at the payload's last":    {"RFC 6455, 5.2", [][]byte{long[:len(long)-1]}, [][]byte{long[len(long)-1:]}},
		"in a ping":                {"RFC 6455, 5.5.2", [][]byte{m.frame(wsFin|wsPing, wsNoise(125))[:60]}, [][]byte{m.frame(wsFin|wsPing, wsNoise(125))[60:]}},
		"behind a ping":            {"RFC 6455, 5.5.2", [][]byte{m.frame(wsFin|wsPing, wsNoise(125))}, nil},
		"behind a pong":            {"RFC 6455, 5.5.3", [][]byte{m.frame(wsFin|wsPong, nil)}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rfc, s := c.rfc, newWSHouse(t).socket()
			s.client.passes(rfc, s.module, s.client.text("hello"))
			s.module.passes(rfc, s.client, c.before...)
			s.request.GoAway()
			s.request.GoAway()
			s.module.passes(rfc, s.client, c.after...)
			s.part(rfc)
		})
	}
}

// A message that has come with the end of another is not begun.
func TestAWebSocketThatGoesAwayBeginsNoOtherMessage(t *testing.T) {
	const rfc = "RFC 6455, 5.5.1"
	for _, cut := range []int{1, 2, 4, 6} {
		t.Run(fmt.Sprint(cut, " bytes of it"), func(t *testing.T) {
			t.Parallel()
			s := newWSHouse(t).socket()
			begun, rest := s.module.frame(wsText, []byte("begun")), s.module.frame(wsFin|wsMore, []byte("ended"))
			s.module.passes(rfc, s.client, begun)
			s.request.GoAway()
			s.module.send(rest, s.module.text("never")[:cut])
			s.client.expect(rfc, rest)
			s.part(rfc)
		})
	}
}

// The module's own words end the socket; a second close frame there is not: RFC 6455, 5.5.1.
func TestAWebSocketWhoseModuleHasClosedIsNotSpokenFor(t *testing.T) {
	const rfc = "RFC 6455, 5.5.1"
	h := newWSHouse(t)
	for name, c := range map[string]struct{ before, after []byte }{
		"behind it":                 {wsFrame(wsFin|wsClose, nil, wsReason(1000, "done")), nil},
		"within it":                 {wsFrame(wsFin|wsClose, nil, wsReason(1000, "done"))[:4], wsFrame(wsFin|wsClose, nil, wsReason(1000, "done"))[4:]},
		"in a message":              {append(wsFrame(wsText, nil, []byte("one")), wsFrame(wsFin|wsClose, nil, wsReason(1000, ""))...), nil},
		"in a message that goes on": {wsFrame(wsText, nil, []byte("one")), wsFrame(wsFin|wsClose, nil, wsReason(1001, "restart"))},
	} {
		rfc := rfc + ", " + name
		s := h.socket()
		s.module.passes(rfc, s.client, c.before)
		s.request.GoAway()
		s.module.passes(rfc, s.client, c.after)
		reply := s.client.frame(wsFin|wsClose, wsReason(1001, ""))
		s.client.send(reply)
		if got := s.module.closed(rfc); !bytes.HasPrefix(got, []byte("\x03\xe9")) {
			t.Errorf("%s: the module was told %q", rfc, got)
		}
		s.over(rfc)
		h.outcome()
	}
}

// Asked before the module has agreed, or at the very moment.
func TestAWebSocketThatIsNotOpenYetGoesAwayWhenItIs(t *testing.T) {
	const rfc = "RFC 6455, 4.2.2 and 5.5.1"
	h := newWSHouse(t)
	for _, message := range []string{"", "one"} {
		c := h.client()
		c.send(wsAsk())
		a := h.arrival()
		s := &wsSocket{h, c, a.wsEnd, <-h.requests}
		s.request.GoAway()
		first := []byte(nil)
		if message != "" {
			first = a.text(message)
		}
		a.send(a.agreement(), first)
		if res := c.head(); res.StatusCode != 101 {
			t.Fatalf("%s: got %v", rfc, res.Status)
		}
		c.expect(rfc, first)
		s.part(rfc)
	}
}

// Where the frames cannot be read nothing may be put between them: RFC 6455, 5.2.
func TestAWebSocketThatCannotBeFollowedIsNotSpokenFor(t *testing.T) {
	h := newWSHouse(t)
	for rfc, odd := range map[string]func(*wsEnd) []byte{
		"RFC 6455, 5.2, a reserved bit":            func(e *wsEnd) []byte { return e.frame(wsFin|wsRSV2|wsText, nil) },
		"RFC 6455, 11.8, an opcode of nobody's":    func(e *wsEnd) []byte { return e.frame(wsFin|0xb, nil) },
		"RFC 6455, 5.4, a continuation of nothing": func(e *wsEnd) []byte { return e.frame(wsFin|wsMore, nil) },
		"RFC 6455, 5.5, a ping that is too long":   func(e *wsEnd) []byte { return e.frame(wsFin|wsPing, wsNoise(126)) },
	} {
		s := h.socket()
		s.each(func(from, to *wsEnd) { from.passes(rfc, to, odd(from)) })
		s.request.GoAway()
		s.each(func(from, to *wsEnd) { from.passes(rfc, to, from.text("on"), from.text("and on")) })
		s.shut(rfc)
	}
}

// RFC 6455, 5.5.1 and 7.4.1: whenever it is asked, each end gets a whole number of the
// other's messages and then a close frame, and nothing behind it.
func TestAWebSocketMayGoAwayAtAnyByte(t *testing.T) {
	const seeds = 20
	h := newWSHouse(t)
	var sockets [seeds]*wsSocket
	for i := range sockets {
		sockets[i] = h.socket()
	}
	var wg sync.WaitGroup
	for seed, s := range sockets {
		wg.Go(func() { s.goAwayAnywhere(t, uint64(seed)) })
	}
	wg.Wait()
	for range sockets {
		if o := h.outcome(); o.Status != 101 || o.Class.Failed() {
			t.Errorf("outcome %+v", o)
		}
	}
}

func (s *wsSocket) goAwayAnywhere(t *testing.T, seed uint64) {
	rfc := fmt.Sprint("RFC 6455, 5.5.1, seed ", seed)
	random := rand.New(rand.NewPCG(seed, 1))
	up, upAt := s.client.talk(random, 8, 600)
	down, downAt := s.module.talk(random, 8, 600)
	asked := random.IntN(len(down) + 1)
	clientTold, moduleTold := make(chan struct{}), make(chan struct{})
	var atClient, atModule []byte
	var wg sync.WaitGroup
	wg.Go(func() { s.client.converse(up, upAt, seed, clientTold) })
	wg.Go(func() {
		s.module.converse(down, downAt, seed, moduleTold)
		_ = s.module.conn.(*net.UnixConn).CloseWrite()
	})
	wg.Go(func() {
		atClient = s.client.hear(clientTold, func(total int) {
			if total >= asked {
				s.request.GoAway()
			}
		})
		s.client.conn.Close()
	})
	wg.Go(func() { atModule = s.module.hear(moduleTold, func(int) {}) })
	wg.Wait()
	wsCheckEnd(t, rfc+", to the client", atClient, down, downAt, false)
	wsCheckEnd(t, rfc+", to the module", atModule, up, upAt, true)
	s.module.conn.Close()
}

// converse says message after message in pieces of any size, and a close frame between two
// of them when it is told.
func (e *wsEnd) converse(stream []byte, at []int, seed uint64, told <-chan struct{}) {
	random := rand.New(rand.NewPCG(seed, 2))
	for i := range at[1:] {
		select {
		case <-told:
		default:
			_ = wsSpeak(e.conn, stream[at[i]:at[i+1]], random)
			continue
		}
		break
	}
	<-told
	_, _ = e.conn.Write(e.frame(wsFin|wsClose, wsReason(1001, e.who)))
}

// hear gives all that comes, up to the end; told is closed with the first close frame.
func (e *wsEnd) hear(told chan<- struct{}, came func(total int)) (all []byte) {
	once := sync.OnceFunc(func() { close(told) })
	defer once()
	came(0)
	for {
		raw, _, _, err := wsRead(e.r)
		all = append(all, raw...)
		came(len(all))
		if err != nil {
			return all
		}
		if raw[0]&0xf == wsClose {
			once()
		}
	}
}

// wsCheckEnd checks that all is a whole number of messages and a close frame with 1001.
func wsCheckEnd(t *testing.T, rfc string, all, stream []byte, at []int, masked bool) {
	t.Helper()
	same := wsDiffer(all, stream)
	if same < 0 {
		same = len(all)
	}
	for _, border := range slices.Backward(at) {
		if border > same {
			continue
		}
		r := bytes.NewReader(all[border:])
		raw, key, payload, err := wsRead(r)
		if err == nil && raw[0] == wsFin|wsClose && (key != nil) == masked && bytes.HasPrefix(payload, []byte("\x03\xe9")) && r.Len() == 0 {
			return
		}
	}
	t.Errorf("%s: of %d bytes %d are as they were sent, and then: %s", rfc, len(all), same, wsShow(all, same))
}

// A drain ends the sockets of the target that it drains alone.
func TestWebSocketsOfAnotherTargetStay(t *testing.T) {
	const rfc = "RFC 6455, 5.5.1"
	var arrived [2]chan *wsArrival
	seen := make(chan balance.Observation, 10)
	release := balance.NewRelease(balance.ReleaseConfig{Labels: proxy.Labels{Module: "hello", Version: "1.0.0"}, Observe: func(o balance.Observation) { seen <- o }})
	for i := range arrived {
		var socket string
		socket, arrived[i] = wsListen(t)
		var dialer net.Dialer
		release.Add(balance.TargetConfig{Instance: fmt.Sprint("i", instances.Add(1)),
			Dial: func(ctx context.Context) (net.Conn, error) { return dialer.DialContext(ctx, "unix", socket) }})
	}
	h := &wsHouse{house: newHouse(t, proxy.Config{}, stable(t, release)), seen: seen}
	var sockets [2][]*wsSocket
	for range 3 {
		c := h.client()
		c.send(wsAsk())
		var a *wsArrival
		at := 0
		select {
		case a = <-arrived[0]:
		case a = <-arrived[1]:
			at = 1
		}
		a.send(a.agreement())
		if res := c.head(); res.StatusCode != 101 {
			t.Fatalf("%s: got %v", rfc, res.Status)
		}
		sockets[at] = append(sockets[at], &wsSocket{h, c, a.wsEnd, nil})
	}
	going := 0
	if len(sockets[0]) > 1 {
		going = 1
	}
	if len(sockets[going]) != 1 {
		t.Fatalf("%d and %d sockets", len(sockets[0]), len(sockets[1]))
	}
	drained := make(chan error, 1)
	go func() {
		drained <- release.Targets()[going].Drain(t.Context(), balance.Patience{Plain: 1, Long: patience})
	}()
	sockets[going][0].part(rfc)
	if err := <-drained; err != nil {
		t.Errorf("drain: %v", err)
	}
	for _, s := range sockets[1-going] {
		s.each(func(from, to *wsEnd) { from.passes(rfc, to, from.text("still here")) })
		s.shut(rfc)
		if o := h.outcome(); o.Class != proxy.ClassOK {
			t.Errorf("%s: outcome %+v", rfc, o)
		}
	}
}
