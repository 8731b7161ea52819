package balance

import (
	"math/bits"
	"sync/atomic"
	"time"
)

// buckets reach from 1 µs to 2^36 µs (19 hours), four to each doubling.
const buckets = 140

// histogram counts durations in buckets that grow by at most a quarter.
type histogram struct {
	counts [buckets]atomic.Uint64
	sum    atomic.Int64 // nanoseconds
}

func (h *histogram) add(d time.Duration) {
	h.counts[bucketOf(d)].Add(1)
	h.sum.Add(int64(d))
}

// snapshot is whole in each number, not across them.
func (h *histogram) snapshot() Histogram {
	var s Histogram
	for i := range h.counts {
		s.counts[i] = h.counts[i].Load()
		s.count += s.counts[i]
	}
	s.sum = time.Duration(h.sum.Load())
	return s
}

func bucketOf(d time.Duration) int {
	us := uint64(max(d, 0) / time.Microsecond)
	if us < 4 {
		return int(us)
	}
	doubling := bits.Len64(us) - 1
	return min((doubling-1)*4+int(us>>(doubling-2))&3, buckets-1)
}

// lowest is the least duration that falls into bucket i.
func lowest(i int) time.Duration {
	if i < 4 {
		return time.Duration(i) * time.Microsecond
	}
	return time.Duration(4+i%4) << (i/4 - 1) * time.Microsecond
}

// Histogram is a distribution of durations at one moment.
type Histogram struct {
	counts [buckets]uint64
	count  uint64
	sum    time.Duration
}

// add adds the durations of o.
func (h *Histogram) add(o Histogram) {
	for i, n := range o.counts {
		h.counts[i] += n
	}
	h.count += o.count
	h.sum += o.sum
}

// Count is how many durations there are.
func (h *Histogram) Count() uint64 { return h.count }

// Sum is all of them together.
func (h *Histogram) Sum() time.Duration { return h.sum }

// Below counts the durations under d: exactly where d is a power of two of
// microseconds or one of the three quarters on the way to the next, else those under
// the nearest such value below d.
func (h *Histogram) Below(d time.Duration) uint64 {
	n := uint64(0)
	for i := 0; i < buckets && lowest(i+1) <= d; i++ {
		n += h.counts[i]
	}
	return n
}

// Quantile is a duration that at least the share q (0 to 1) of all durations lie
// under, too great by a quarter at most; 0 where there are none.
func (h *Histogram) Quantile(q float64) time.Duration {
	if h.count == 0 {
		return 0
	}
	rest := q * float64(h.count)
	for i := range h.counts {
		rest -= float64(h.counts[i])
		if rest <= 0 && h.counts[i] > 0 {
			return lowest(i + 1)
		}
	}
	return lowest(buckets)
}
