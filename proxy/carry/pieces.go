package carry

import "sync/atomic"

const (
	leastPiece = 1 << 10
	mostPiece  = 16 << 10
)

// Memory bounds what is kept of all bodies together, in bytes. It is used from many
// goroutines at once.
type Memory struct {
	limit int64
	used  atomic.Int64
}

// NewMemory has room for that many bytes.
func NewMemory(limit int64) *Memory { return &Memory{limit: limit} }

// Used is how many are taken now.
func (m *Memory) Used() int64 { return m.used.Load() }

// take takes n bytes, unless that is more than there is and must is false.
func (m *Memory) take(n int64, must bool) bool {
	if m.used.Add(n) > m.limit && !must {
		m.used.Add(-n)
		return false
	}
	return true
}

// Pieces are the beginning of a body, kept in memory that grows with it. Its owner locks.
type Pieces struct {
	memory *Memory
	all    [][]byte
	taken  int64 // of memory
}

// NewPieces keeps nothing yet.
func NewPieces(memory *Memory) Pieces { return Pieces{memory: memory} }

// Add keeps p behind what is kept; must, whatever the memory says. Where it gives false
// only a part was kept: Drop is to follow.
func (k *Pieces) Add(p []byte, must bool) bool {
	for len(p) > 0 {
		last := len(k.all) - 1
		if last < 0 || len(k.all[last]) == cap(k.all[last]) {
			size := leastPiece
			if last >= 0 {
				size = min(2*cap(k.all[last]), mostPiece)
			}
			if !k.memory.take(int64(size), must) {
				return false
			}
			k.taken += int64(size)
			k.all = append(k.all, make([]byte, 0, size))
			last++
		}
		piece := k.all[last]
		n := copy(piece[len(piece):cap(piece)], p)
		k.all[last], p = piece[:len(piece)+n], p[n:]
	}
	return true
}

// Copy copies to p what is kept from at on, and gives how much that is.
func (k *Pieces) Copy(p []byte, at int64) (n int) {
	for _, piece := range k.all {
		if at >= int64(len(piece)) {
			at -= int64(len(piece))
			continue
		}
		m := copy(p[n:], piece[at:])
		n, at = n+m, 0
		if n == len(p) {
			break
		}
	}
	return n
}

// Drop gives the memory back.
func (k *Pieces) Drop() {
	k.all = nil
	k.memory.used.Add(-k.taken)
	k.taken = 0
}
