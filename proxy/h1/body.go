package h1

import (
	"errors"
	"fmt"
	"io"
	"math"
	"sync/atomic"

	"github.com/segue-run/segue/proxy"
	"github.com/segue-run/segue/proxy/carry"
	"github.com/segue-run/segue/proxy/h1/wire"
)

var (
	// errWait says that nothing more is there without waiting for the client.
	errWait = errors.New("the client is to be waited for")
	// errBodyLong is a body of more bytes than it may have.
	errBodyLong = errors.New("the request's body is longer than it may be")
)

// incoming is a request's body, as it comes from the client. One goroutine at a time reads
// it.
type incoming struct {
	t         *transit
	announced []string   // trailers that may pass
	tap       *carry.Tap // nil for none
	most      int64      // bytes that it may have; 0 for any number

	left    int64 // where the length is known
	chunks  wire.Chunks
	decoded []byte // in the connection's buffer, not given yet
	ended   bool   // nothing follows decoded

	n        int64 // read so far
	pace     pace
	finished atomic.Bool // read to its end
	fault    error       // why it cannot be read, for the client's sake
	failed   atomic.Bool // there is a fault
}

func newIncoming(t *transit) *incoming {
	b := &incoming{t: t, left: t.head.Length}
	if t.head.Framing == wire.Chunked {
		b.chunks.Limits = &t.e.requests
		b.announced = announced(t.head.Fields, t.e.cfg.Limits.Headers, proxy.Field.ForwardsTrailer)
	}
	return b
}

// begun reports whether some of the body has come.
func (b *incoming) begun() bool { return b != nil && (b.n > 0 || b.t.c.r < b.t.c.w) }

// broken reports whether the body could not be read because of the client.
func (b *incoming) broken() bool { return b != nil && b.failed.Load() }

// tooLong reports whether n bytes are more than it may have.
func (b *incoming) tooLong(n int64) bool { return b != nil && b.most > 0 && n > b.most }

// next reads on into p. At the end it gives io.EOF, perhaps with the last bytes; where it
// may not wait for the client and there is nothing, errWait.
func (b *incoming) next(p []byte, wait bool) (n int, err error) {
	if b.fault != nil {
		return 0, b.fault
	}
	if b.finished.Load() {
		return 0, io.EOF
	}
	if b.t.head.Framing == wire.Chunked {
		n, err = b.chunked(p, wait)
	} else {
		n, err = b.plain(p, wait)
	}
	if b.n += int64(n); b.tooLong(b.n) {
		n, err = 0, errBodyLong
	}
	if n > 0 {
		b.tap.Sent(p[:n])
	}
	switch err {
	case nil, errWait:
	case io.EOF:
		b.finished.Store(true)
	case errStopped:
	default:
		b.fault = err
		b.failed.Store(true)
	}
	return n, err
}

// plain reads a body of known length.
func (b *incoming) plain(p []byte, wait bool) (n int, err error) {
	c := b.t.c
	p = p[:min(int64(len(p)), b.left)]
	switch {
	case c.r < c.w:
		n = copy(p, c.in.b[c.r:c.w])
		c.r += n
	case !wait:
		return 0, errWait
	default:
		c.release() // of no use while the body is read past it
		n, err = b.read(p)
	}
	if b.left -= int64(n); b.left == 0 {
		return n, io.EOF
	}
	return n, err
}

// chunked reads a chunked body.
func (b *incoming) chunked(p []byte, wait bool) (n int, err error) {
	c := b.t.c
	for {
		if len(b.decoded) > 0 {
			m := copy(p[n:], b.decoded)
			b.decoded = b.decoded[m:]
			if n += m; n == len(p) {
				return n, nil
			}
		}
		if b.ended {
			return n, io.EOF
		}
		taken := 0
		if c.r < c.w {
			if b.decoded, taken, b.ended, err = b.chunks.Next(c.in.b[c.r:c.w]); err != nil {
				return n, err
			}
			c.r += taken
		}
		switch {
		case taken > 0 || b.ended:
		case n > 0:
			return n, nil
		case !wait:
			return 0, errWait
		default:
			if err := b.more(); err != nil {
				return 0, err
			}
		}
	}
}

// more reads more of a chunked body into the connection's buffer.
func (b *incoming) more() error {
	c := b.t.c
	c.room()
	n, err := b.read(c.in.b[c.w:])
	if c.w += n; n > 0 {
		return nil
	}
	return err
}

// read reads from the client, who has no more time for it than the rate gives.
func (b *incoming) read(p []byte) (int, error) {
	t, c := b.t, b.t.c
	began := t.e.now()
	if due := b.pace.due(&t.e.cfg, began); due != 0 && !t.long.Load() {
		t.e.at("limit a body")
		c.readDue.set(due)
		if t.long.Load() { // since then
			c.readDue.move(math.MaxInt64)
		}
	}
	t.waiting.Store(true)
	n, err := c.Read(p)
	now := t.e.now()
	if t.times.Idle > 0 {
		t.answerDue.move(now + int64(t.times.Idle))
	}
	t.e.at("read a body")
	t.waiting.Store(false)
	if !c.readDue.met() {
		err = fmt.Errorf("body: %w", errLate)
		if n > 0 { // at the same moment
			t.restoreDeadline()
		}
	}
	b.pace.went(now-began, n)
	switch {
	case n > 0:
		return n, nil
	case err == io.EOF:
		t.left()
		return 0, io.ErrUnexpectedEOF
	case t.isStopped():
		return 0, errStopped
	}
	return 0, err
}
