package conformance_test

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/segue-run/segue/proxy"
)

// talk is what an end may say: messages whole and in fragments, with control frames
// between and within them. at is where a message has ended and no frame is under way.
func (e *wsEnd) talk(random *rand.Rand, messages, most int) (stream []byte, at []int) {
	at = []int{0}
	noise := rand.NewChaCha8([32]byte{byte(random.Uint32()), byte(random.Uint32())})
	payload := func(most int) []byte {
		p := make([]byte, random.IntN(most+1))
		_, _ = noise.Read(p)
		return p
	}
	for range messages {
		opcode := byte(wsText + random.IntN(2))
		for opcode != 0xff {
			first := opcode
			opcode = wsMore
			if random.IntN(3) > 0 {
				first, opcode = first|wsFin, 0xff
			}
			stream = append(stream, e.frame(first, payload(most))...)
			if opcode == 0xff {
				at = append(at, len(stream))
			}
			if random.IntN(3) == 0 {
				stream = append(stream, e.frame(wsFin|wsPing+byte(random.IntN(2)), payload(125))...)
				if opcode == 0xff {
					at = append(at, len(stream))
				}
			}
		}
	}
	return stream, at
}

// wsSpeak writes in pieces of any size.
func wsSpeak(conn net.Conn, stream []byte, random *rand.Rand) error {
	for len(stream) > 0 {
		n := min(1+random.IntN(3000), len(stream))
		if random.IntN(4) == 0 {
			n = min(1+random.IntN(8), len(stream))
		}
		if _, err := conn.Write(stream[:n]); err != nil {
			return err
		}
		stream = stream[n:]
	}
	return nil
}

func TestManyWebSocketsAtOnceGetTheirOwnBytes(t *testing.T) {
	const rfc, sockets = "RFC 6455, 5.4 and 6", 200
	h := newWSHouse(t)
	var crowd [sockets]*wsSocket
	for i := range crowd {
		crowd[i] = h.socket()
	}
	if n := h.engine.Stats().Tunnels; n != sockets {
		t.Errorf("%d tunnels", n)
	}
	var wg sync.WaitGroup
	for i, s := range crowd {
		s.each(func(from, to *wsEnd) {
			random := rand.New(rand.NewPCG(uint64(i), uint64(len(from.who))))
			stream, _ := from.talk(random, 8, 1500)
			stream = append(stream, from.frame(wsFin|wsClose, wsReason(1000, fmt.Sprint(i)))...)
			wg.Go(func() {
				if err := wsSpeak(from.conn, stream, random); err != nil {
					t.Errorf("%s: the %s %d writes: %v", rfc, from.who, i, err)
				}
			})
			wg.Go(func() {
				got := make([]byte, len(stream))
				n, err := io.ReadFull(to.r, got)
				if at := wsDiffer(got[:n], stream); at >= 0 {
					t.Errorf("%s: the %s %d got %d bytes of %d, %v; they differ at %d", rfc, to.who, i, n, len(stream), err, at)
				}
			})
		})
	}
	wg.Wait()
	for _, s := range crowd {
		s.hangUp(rfc)
	}
	for range crowd {
		if o := h.outcome(); o.Class != proxy.ClassOK {
			t.Errorf("outcome %+v", o)
		}
	}
	waitFor(t, "no tunnel is left", func() bool { return h.engine.Stats().Tunnels == 0 })
}

// Who does not read holds up who writes, and nothing piles up in between: not of one large
// frame, and not of many small ones (RFC 6455, 5.2 and 10.4).
func TestAWebSocketsSlowReaderHoldsUpItsWriter(t *testing.T) {
	const (
		rfc     = "RFC 6455, 10.4"
		total   = 16 << 20
		between = 12 << 20 // what the kernel's buffers may take
		heap    = 8 << 20  // and the proxy itself
	)
	h := newWSHouse(t)
	for name, size := range map[string]int{"one large frame": total, "small frames": 16 << 10} {
		s := h.socket()
		s.each(func(from, to *wsEnd) {
			if tcp, ok := to.conn.(*net.TCPConn); ok {
				_ = tcp.SetReadBuffer(64 << 10)
			}
			if tcp, ok := from.conn.(*net.TCPConn); ok {
				_ = tcp.SetWriteBuffer(64 << 10)
			}
			var before, after runtime.MemStats
			runtime.GC()
			runtime.GC() // what pools keep goes with the second one
			runtime.ReadMemStats(&before)
			piece := from.frame(wsFin|wsBinary, wsNoise(16<<10))
			head := []byte(nil)
			if size == total {
				head = wsLargeHead(from.masks, total/len(piece)*len(piece))
			}
			var written atomic.Int64
			wrote := make(chan error, 1)
			go func() {
				_, err := from.conn.Write(head)
				for range total / len(piece) {
					if err != nil {
						break
					}
					_, err = from.conn.Write(piece)
					written.Add(int64(len(piece)))
				}
				wrote <- err
			}()
			wsStandstill(&written, between)
			runtime.GC()
			runtime.ReadMemStats(&after)
			if n := written.Load(); n == 0 || n > between {
				t.Errorf("%s: %s from the %s: %d bytes went out, and none was read", rfc, name, from.who, n)
			}
			if after.HeapAlloc > before.HeapAlloc+heap {
				t.Errorf("%s: %s from the %s: %d bytes of memory were taken", rfc, name, from.who, after.HeapAlloc-before.HeapAlloc)
			}
			to.expect(rfc, head)
			got := make([]byte, len(piece))
			for i := range total / len(piece) {
				if _, err := io.ReadFull(to.r, got); err != nil || !bytes.Equal(got, piece) {
					t.Fatalf("%s: %s from the %s: piece %d is not what was sent, %v", rfc, name, from.who, i, err)
				}
			}
			if err := <-wrote; err != nil {
				t.Errorf("%s: %v", rfc, err)
			}
		})
		s.shut(rfc)
	}
}

// wsLargeHead is the head of a binary frame of that length, masked with zeroes.
func wsLargeHead(masked bool, length int) []byte {
	head := []byte{wsFin | wsBinary, 127, 0, 0, 0, 0, byte(length >> 24), byte(length >> 16), byte(length >> 8), byte(length)}
	if masked {
		head[1] |= 0x80
		head = append(head, 0, 0, 0, 0)
	}
	return head
}

// wsStandstill returns when n has not moved for a while, or is beyond most.
func wsStandstill(n *atomic.Int64, most int64) {
	for last, still := int64(-1), 0; still < 10 && n.Load() <= most; time.Sleep(5 * time.Millisecond) {
		if now := n.Load(); now != last {
			last, still = now, 0
		} else {
			still++
		}
	}
}
