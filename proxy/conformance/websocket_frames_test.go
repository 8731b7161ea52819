package conformance_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
)

// wsNoise is a payload of any bytes.
func wsNoise(n int) []byte {
	out := make([]byte, n)
	rand.NewChaCha8([32]byte{byte(n)}).Read(out)
	return out
}

// wsBytewise is every byte by itself.
func wsBytewise(b []byte) [][]byte { return slices.Collect(slices.Chunk(b, 1)) }

func TestWebSocketMessagesOfAllLengthsPass(t *testing.T) {
	s := newWSHouse(t).socket()
	var out, in int64
	for _, c := range []struct {
		rfc   string
		sizes []int
	}{
		{"RFC 6455, 5.6", []int{0, 1, 5}},
		{"RFC 6455, 5.2, a length of 7 bits", []int{124, 125}},
		{"RFC 6455, 5.2, a length of 16 bits", []int{126, 127, 65534, 65535}},
		{"RFC 6455, 5.2, a length of 64 bits", []int{65536, 65537, 16 << 20}},
	} {
		for _, size := range c.sizes {
			for _, opcode := range []byte{wsText, wsBinary} {
				if opcode == wsText && size > 1<<20 {
					continue
				}
				up := s.client.frame(wsFin|opcode, wsNoise(size))
				s.client.passes(c.rfc, s.module, up)
				down := s.module.frame(wsFin|opcode, wsNoise(size))
				s.module.passes(c.rfc, s.client, down)
				in, out = in+int64(len(up)), out+int64(len(down))
			}
		}
	}
	s.shut("RFC 6455, 7.1.1")
	if o := s.h.outcome(); o.BytesIn != in+8 || o.BytesOut != out+4 {
		t.Errorf("%d bytes in of %d, %d out of %d", o.BytesIn, in+8, o.BytesOut, out+4)
	}
}

// RFC 6455, 5.4 and 5.5: a message in fragments, with control frames between them.
func TestWebSocketFragmentsPassAsTheyAre(t *testing.T) {
	const rfc = "RFC 6455, 5.4"
	s := newWSHouse(t).socket()
	s.each(func(from, to *wsEnd) {
		var many [][]byte
		many = append(many, from.frame(wsText, nil))
		for i := range 2000 {
			many = append(many, from.frame(wsMore, wsNoise(i%7)))
			if i%5 == 0 {
				many = append(many, from.frame(wsFin|wsPing, wsNoise(i%126)), from.frame(wsFin|wsPong, nil))
			}
		}
		many = append(many, from.frame(wsFin|wsMore, nil))
		from.passes(rfc+", in one write", to, slices.Concat(many...))
		from.passes(rfc+", each frame in a write", to, slices.Concat(many[:100]...), slices.Concat(many[100:101]...), slices.Concat(many[101:]...))
		from.passes(rfc+", byte by byte", to, wsBytewise(slices.Concat(from.frame(wsBinary, wsNoise(3)), from.frame(wsFin|wsPing, wsNoise(2)),
			from.frame(wsMore, wsNoise(126)), from.frame(wsFin|wsMore, nil)))...)
		from.passes(rfc+", an empty message in three", to, from.frame(wsText, nil), from.frame(wsMore, nil), from.frame(wsFin|wsMore, nil))
		large := from.frame(wsBinary, wsNoise(70000))
		from.passes(rfc+", split in heads and payloads", to, large[:1], large[1:2], large[2:9], large[9:10], large[10:15], large[15:66000], large[66000:], from.frame(wsFin|wsMore, nil))
		next := slices.Concat(from.text("one"), from.text("two"), from.text("three"))
		from.passes(rfc+", frames across writes", to, next[:4], next[4:12], next[12:13], next[13:])
	})
	s.shut(rfc)
}

// RFC 6455, 5.5.2 and 5.5.3: nobody but the ends answers a ping.
func TestWebSocketPingsAndPongsAreTheEndsOwn(t *testing.T) {
	const rfc = "RFC 6455, 5.5.2 and 5.5.3"
	s := newWSHouse(t).socket()
	for _, size := range []int{0, 1, 125} {
		s.each(func(from, to *wsEnd) {
			from.passes(rfc, to, from.frame(wsFin|wsPing, wsNoise(size)))
			to.passes(rfc, from, to.frame(wsFin|wsPong, wsNoise(size)))
			from.passes(rfc+", unasked", to, from.frame(wsFin|wsPong, wsNoise(size)))
			from.passes(rfc+", many at once", to, slices.Repeat(from.frame(wsFin|wsPing, wsNoise(size)), 50))
			to.passes(rfc+", the last one answered", from, to.frame(wsFin|wsPong, wsNoise(size)))
		})
	}
	s.shut(rfc) // no frame of anybody else's came between
}

// wsOdd are frames that no end may send; whoever gets them has to fail the connection, and
// not the proxy.
func wsOdd(from *wsEnd) map[string][]byte {
	key := []byte{1, 2, 3, 4}
	if from.masks {
		key = nil
	}
	odd := map[string][]byte{
		"RFC 6455, 8.1, no UTF-8":                       from.frame(wsFin|wsText, []byte("a\xff\xfe\xc0\xaf\xed\xa0\x80\xf4\x90\x80\x80")),
		"RFC 6455, 8.1, UTF-8 that breaks off":          from.frame(wsFin|wsText, []byte("\xe2\x82")),
		"RFC 6455, 5.6, UTF-8 across fragments":         slices.Concat(from.frame(wsText, []byte("\xe2")), from.frame(wsFin|wsMore, []byte("\x82\xac"))),
		"RFC 6455, 5.1, masked as the other side's":     wsFrame(wsFin|wsText, key, []byte("hello")),
		"RFC 6455, 5.2, RSV2":                           from.frame(wsFin|wsRSV2|wsText, []byte("hello")),
		"RFC 6455, 5.2, RSV3":                           from.frame(wsFin|wsRSV3|wsBinary, []byte("hello")),
		"RFC 6455, 5.2, all reserved bits":              from.frame(wsFin|wsRSV1|wsRSV2|wsRSV3|wsPing, nil),
		"RFC 7692, 6, RSV1":                             from.frame(wsFin|wsRSV1|wsText, []byte{0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00}),
		"RFC 7692, 6.1, RSV1 in fragments":              slices.Concat(from.frame(wsRSV1|wsText, []byte{0xf2, 0x48, 0xcd}), from.frame(wsFin|wsMore, []byte{0xc9, 0xc9, 0x07, 0x00})),
		"RFC 7692, 6.1, RSV1 in a control frame":        from.frame(wsFin|wsRSV1|wsPing, nil),
		"RFC 6455, 5.4, a continuation of nothing":      from.frame(wsFin|wsMore, []byte("hello")),
		"RFC 6455, 5.4, a message in a message":         slices.Concat(from.frame(wsText, []byte("one")), from.frame(wsFin|wsText, []byte("two"))),
		"RFC 6455, 5.5, a ping in fragments":            slices.Concat(from.frame(wsPing, []byte("one")), from.frame(wsFin|wsMore, []byte("two"))),
		"RFC 6455, 5.5, a ping that is too long":        from.frame(wsFin|wsPing, wsNoise(126)),
		"RFC 6455, 5.5.1, a close frame of one byte":    from.frame(wsFin|wsClose, []byte{3}),
		"RFC 6455, 7.4.1, a code that is never sent":    from.frame(wsFin|wsClose, wsReason(1005, "")),
		"RFC 6455, 7.4.2, a code of nobody's":           from.frame(wsFin|wsClose, wsReason(0xffff, "")),
		"RFC 6455, 5.5.1, a reason that is no UTF-8":    from.frame(wsFin|wsClose, wsReason(1000, "\xff")),
		"RFC 6455, 5.5.1, data behind a close frame":    slices.Concat(from.frame(wsFin|wsClose, wsReason(1000, "")), from.text("more")),
		"RFC 6455, 5.5.1, two close frames":             slices.Repeat(from.frame(wsFin|wsClose, wsReason(1000, "")), 2),
		"RFC 6455, 5.2, a length in too many bytes":     {wsFin | wsText, 126, 0, 1, 'a'},
		"RFC 6455, 5.2, a length of no frame":           {wsFin | wsBinary, 127, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 'a'},
		"RFC 6455, 5.2, no frames at all":               []byte("GET / HTTP/1.1\r\nHost: x\r\n\r\n"),
		"RFC 6455, 5.2, nothing that looks like frames": wsNoise(5000),
	}
	for _, opcode := range []byte{3, 4, 5, 6, 7, 0xb, 0xc, 0xd, 0xe, 0xf} {
		odd[fmt.Sprintf("RFC 6455, 11.8, opcode %x", opcode)] = from.frame(wsFin|opcode, []byte("hello"))
	}
	return odd
}

func TestWebSocketFramesAreNotJudged(t *testing.T) {
	h := newWSHouse(t)
	for rfc := range wsOdd(&wsEnd{}) {
		// Both directions of a socket, and once more byte by byte: what is wrong must not
		// hold up what comes behind it, nor what comes the other way.
		s := h.socket()
		s.each(func(from, to *wsEnd) {
			odd := wsOdd(from)[rfc]
			from.passes(rfc, to, odd, from.text("behind"))
			to.passes(rfc, from, to.text("other way"))
			if len(odd) < 100 {
				from.passes(rfc, to, wsBytewise(odd)...)
			}
			from.passes(rfc, to, bytes.Repeat(from.text("on and on"), 100))
		})
		s.hangUp(rfc)
	}
}
