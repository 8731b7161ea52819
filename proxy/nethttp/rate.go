package nethttp

import (
	"errors"
	"sync/atomic"
	"time"
)

// errSlow is the cause with which a client is shut out that sends or takes too little.
var errSlow = errors.New("client is too slow")

// rate bounds how long a client is waited for: so long in any case, and longer by what it
// has sent, or taken, in the time that this may last.
type rate struct {
	alarm
	perSecond int64 // negative for any; 0 where each wait may last as long as grace
	grace     time.Duration
	lifted    atomic.Bool

	waited time.Duration
	bytes  int64
}

// wait begins to wait for the client.
func (r *rate) wait() (began time.Time) {
	if r.perSecond < 0 || r.lifted.Load() {
		return time.Time{}
	}
	limit := r.grace
	if r.perSecond > 0 {
		earned := time.Duration(float64(r.bytes) / float64(r.perSecond) * float64(time.Second))
		limit = max(limit+earned-r.waited, 0)
	}
	r.start(limit)
	return time.Now()
}

// came ends the wait, which has brought n bytes.
func (r *rate) came(began time.Time, n int) {
	if began.IsZero() {
		return
	}
	r.stop()
	r.waited += time.Since(began)
	r.bytes += int64(n)
}

// lift waits for the client for ever from here on.
func (r *rate) lift() {
	r.lifted.Store(true)
	r.end()
}
