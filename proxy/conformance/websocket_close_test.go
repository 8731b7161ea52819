package conformance_test

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"

	"github.com/segue-run/segue/proxy"
)

func TestAWebSocketsCloseHandshakePassesByEitherSide(t *testing.T) {
	h := newWSHouse(t)
	for _, c := range []struct {
		rfc     string
		payload []byte
		reply   []byte
	}{
		{"RFC 6455, 7.1.5, no code", nil, nil},
		{"RFC 6455, 7.4.1, 1000", wsReason(1000, ""), wsReason(1000, "")},
		{"RFC 6455, 7.4.1, 1001", wsReason(1001, "going away"), wsReason(1001, "")},
		{"RFC 6455, 7.4.1, 1008", wsReason(1008, "policy"), wsReason(1008, "policy")},
		{"RFC 6455, 7.4.1, 1011", wsReason(1011, "unexpected"), wsReason(1011, "unexpected")},
		{"RFC 6455, 7.4.2, 3000", wsReason(3000, "ünïcödé"), wsReason(3000, "")},
		{"RFC 6455, 7.4.2, 4999", wsReason(4999, strings.Repeat("x", 123)), wsReason(4999, strings.Repeat("y", 123))},
		{"RFC 6455, 5.5.1, another code in reply", wsReason(4000, "mine"), wsReason(1000, "yours")},
	} {
		for _, moduleBegins := range []bool{false, true} {
			s := h.socket()
			begins, replies := s.client, s.module
			if moduleBegins {
				begins, replies = replies, begins
			}
			begins.passes(c.rfc, replies, begins.text("last words"), begins.frame(wsFin|wsClose, c.payload))
			// Who has not replied yet may still finish: RFC 6455, 5.5.1.
			replies.passes(c.rfc, begins, replies.text("and mine"), replies.frame(wsFin|wsClose, c.reply))
			s.hangUp(c.rfc)
			if o := h.outcome(); o.Class != proxy.ClassOK || o.Status != 101 || !o.Reached {
				t.Errorf("%s: outcome %+v", c.rfc, o)
			}
		}
	}
}

// RFC 6455, 7.1.1: the connection may be ended one side at a time. The other side may go on
// for as long as it likes.
func TestAWebSocketsHalfClosePasses(t *testing.T) {
	const rfc = "RFC 6455, 7.1.1"
	h := newWSHouse(t)
	for _, moduleFirst := range []bool{false, true} {
		for name, cut := range map[string]int{"between frames": 0, "within a frame": 3} {
			s := h.socket()
			first, second := s.client, s.module
			if moduleFirst {
				first, second = second, first
			}
			first.passes(rfc, second, first.text("whole"), first.text("not whole")[:cut])
			first.halfClose()
			second.ended(rfc+", "+name, true)
			second.passes(rfc, first, second.text("still here"), second.frame(wsFin|wsBinary, wsNoise(100<<10)))
			second.halfClose()
			first.ended(rfc+", "+name, true)
			if o := h.outcome(); o.Class != proxy.ClassOK {
				t.Errorf("%s, %s: outcome %+v", rfc, name, o)
			}
		}
	}
}

// RFC 6455, 7.1.7 and 7.2: a connection that breaks is seen to break, at once or in a frame.
func TestAWebSocketThatBreaksIsSeenAtTheOtherEnd(t *testing.T) {
	const rfc = "RFC 6455, 7.1.7 and 7.2"
	h := newWSHouse(t)
	for _, moduleBreaks := range []bool{false, true} {
		for name, cut := range map[string]int{"between frames": 0, "within a frame": 3} {
			s := h.socket()
			breaks, other := s.client, s.module
			if moduleBreaks {
				breaks, other = other, breaks
			}
			breaks.passes(rfc, other, breaks.text("whole"), breaks.text("not whole")[:cut])
			if moduleBreaks {
				// What is left unread makes the end of a unix socket an abrupt one.
				other.send(other.text("unread"))
				if _, err := breaks.conn.Read(make([]byte, 1)); err != nil {
					t.Fatal(err)
				}
			} else if err := breaks.conn.(*net.TCPConn).SetLinger(0); err != nil {
				t.Fatal(err)
			}
			breaks.conn.Close()
			other.ended(rfc+", "+name, false)
			other.conn.Close()
			if o := h.outcome(); o.Status != 101 {
				t.Errorf("%s, %s: outcome %+v", rfc, name, o)
			}
		}
	}
}

// A module that ends at once behind its close frame must not cost the client a byte of what
// it said before.
func TestAWebSocketsLastBytesComeThoughItsModuleIsGone(t *testing.T) {
	const rfc = "RFC 6455, 7.1.1"
	h := newWSHouse(t)
	for _, size := range []int{0, 1000, 100 << 10} {
		s := h.socket()
		last := append(s.module.frame(wsFin|wsBinary, wsNoise(size)), s.module.frame(wsFin|wsClose, wsReason(1011, "crash"))...)
		wrote := make(chan error, 1)
		go func() {
			_, err := s.module.conn.Write(last)
			s.module.conn.Close()
			wrote <- err
		}()
		if err := <-wrote; err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(s.client.r)
		if err != nil || !bytes.Equal(got, last) {
			t.Errorf("%s: the client got %d bytes of %d, %v", rfc, len(got), len(last), err)
		}
		s.client.conn.Close()
	}
}

// RFC 6455, 7.1.1: a client that has closed as it should, and does not wait.
func TestAWebSocketsLastBytesComeThoughItsClientIsGone(t *testing.T) {
	h := newWSHouse(t)
	for _, size := range []int{0, 1000, 100 << 10} {
		rfc := fmt.Sprint("RFC 6455, 7.1.1, ", size)
		s := h.socket()
		last := append(s.client.frame(wsFin|wsBinary, wsNoise(size)), s.client.frame(wsFin|wsClose, wsReason(1001, "gone"))...)
		s.client.send(last)
		s.client.conn.Close()
		s.module.expect(rfc, last)
		s.module.ended(rfc, true)
		s.module.conn.Close()
	}
}
