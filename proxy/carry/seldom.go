package carry

import (
	"sync/atomic"
	"time"
)

// Seldom says when it is time again to tell of a trouble that comes as often as it likes.
// Its zero value is ready. It is used from many goroutines at once.
type Seldom struct{ last atomic.Int64 } // nanoseconds since 1970

// Due reports whether d has passed since it last did.
func (s *Seldom) Due(d time.Duration) bool {
	now, last := time.Now().UnixNano(), s.last.Load()
	return now-last >= int64(d) && s.last.CompareAndSwap(last, now)
}
