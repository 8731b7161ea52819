package replay

import "sync/atomic"

// budget bounds the memory of what is under way. Its zero value lends nothing.
type budget struct {
	free atomic.Int64 // bytes
}

// take lends n bytes, or nothing.
func (b *budget) take(n int64) bool {
	if b.free.Add(-n) >= 0 {
		return true
	}
	b.free.Add(n)
	return false
}

func (b *budget) give(n int64) { b.free.Add(n) }
