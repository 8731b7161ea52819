package limit

import (
	"math"
	"sync/atomic"
	"time"
)

// Pace is how many requests may come over time. Its zero value sets no limit.
type Pace struct {
	// Every is how long it takes until one more may come; 0 for no limit.
	Every time.Duration
	// Burst is how many may come at once; less than one is one.
	Burst int
}

// epoch is where times begin that are kept as one number.
var epoch = time.Now()

// sinceEpoch is now as one number, in nanoseconds.
func sinceEpoch(now time.Time) int64 { return int64(now.Sub(epoch)) }

// slack is how long before the bucket is full a request may still come.
func (p Pace) slack() int64 {
	most := int64(max(p.Burst, 1) - 1)
	if most > 0 && int64(p.Every) > math.MaxInt64/4/most {
		return math.MaxInt64 / 4
	}
	return most * int64(p.Every)
}

// take is when the bucket is full after one more request at now; or, where none may come,
// how long it takes until one may.
func (p Pace) take(full, now int64) (next int64, wait time.Duration) {
	full = max(full, now)
	if wait := full - now - p.slack(); wait > 0 {
		return full, time.Duration(wait)
	}
	return full + int64(p.Every), 0
}

// Rate lets requests come at a pace. It is safe for many goroutines.
type Rate struct {
	pace Pace
	full atomic.Int64 // when the bucket is full, in nanoseconds since epoch
}

// NewRate makes a rate with a full bucket. The pace has an Every of more than 0.
func NewRate(pace Pace) *Rate {
	r := &Rate{pace: pace}
	r.full.Store(math.MinInt64)
	return r
}

// Take lets a request come at now and gives 0; or it says how long it takes until one may.
func (r *Rate) Take(now time.Time) (wait time.Duration) {
	at := sinceEpoch(now)
	for {
		full := r.full.Load()
		next, wait := r.pace.take(full, at)
		if wait > 0 {
			return wait
		}
		if r.full.CompareAndSwap(full, next) {
			return 0
		}
	}
}

// Return gives back what one Take took: the request did not come after all.
func (r *Rate) Return() { r.full.Add(-int64(r.pace.Every)) }
