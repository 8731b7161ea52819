package limit

import "sync/atomic"

// Concurrency counts what is under way. Its zero value counts nothing yet. It is safe for
// many goroutines.
type Concurrency struct {
	now atomic.Int64
}

// Enter counts one more, unless that would be more than most.
func (c *Concurrency) Enter(most int) bool {
	for {
		now := c.now.Load()
		if now >= int64(most) {
			return false
		}
		if c.now.CompareAndSwap(now, now+1) {
			return true
		}
	}
}

// Again counts one more, however many there are: something that is under way already
// takes a second way.
func (c *Concurrency) Again() { c.now.Add(1) }

// Leave counts one less. It follows each Enter that gave true and each Again, once.
func (c *Concurrency) Leave() { c.now.Add(-1) }

// Now is how many are under way.
func (c *Concurrency) Now() int { return int(c.now.Load()) }
