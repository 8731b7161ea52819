package h1

import (
	"sync/atomic"
	"time"
)

// lackEvery is how often the log says that the host lacks something.
const lackEvery = 5 * time.Second

// seldom says when it is time again. Its zero value is ready.
type seldom struct{ last atomic.Int64 } // nanoseconds since 1970

// due reports whether d has passed since it last did.
func (s *seldom) due(d time.Duration) bool {
	now, last := time.Now().UnixNano(), s.last.Load()
	return now-last >= int64(d) && s.last.CompareAndSwap(last, now)
}
