package h1

import "sync"

const (
	smallBuffer = 8 << 10  // for what most requests are
	largeBuffer = 64 << 10 // for bodies and answers
	// outRoom is how much more than a large buffer one has from which is written: for a
	// head, or for the framing of a body.
	outRoom = 8 << 10
)

// buffer is memory for what passes.
type buffer struct {
	b    []byte
	pool *sync.Pool // nil: not used again
}

func poolOf(size int) *sync.Pool {
	p := new(sync.Pool)
	p.New = func() any { return &buffer{b: make([]byte, size), pool: p} }
	return p
}

var (
	smallBuffers = poolOf(smallBuffer)
	largeBuffers = poolOf(largeBuffer)
	outBuffers   = poolOf(largeBuffer + outRoom)
)

func take(p *sync.Pool) *buffer { return p.Get().(*buffer) }

// free gives the buffer back; a nil one is none.
func (b *buffer) free() {
	if b != nil && b.pool != nil {
		b.pool.Put(b)
	}
}

// larger gives a buffer of twice the size with the same beginning, and gives b back.
func (b *buffer) larger() *buffer {
	next := &buffer{b: make([]byte, 2*len(b.b))}
	if len(b.b) == smallBuffer {
		next = take(largeBuffers)
	}
	copy(next.b, b.b)
	b.free()
	return next
}
