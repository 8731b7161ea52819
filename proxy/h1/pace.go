package h1

import (
	"sync/atomic"
	"time"

	"github.com/segue-run/segue/proxy"
)

// pace is how a client does with what it has to send, or to take.
type pace struct {
	spent int64 // nanoseconds in which it was waited for
	bytes int64
}

// due is until when it may be waited for from now on; 0 for ever.
func (p *pace) due(cfg *proxy.Config, now int64) int64 {
	if cfg.BodyRate < 0 {
		return 0
	}
	earned := time.Duration(float64(p.bytes) / float64(cfg.BodyRate) * float64(time.Second))
	return now + max(int64(cfg.BodyGrace+earned)-p.spent, 1)
}

// went notes what came of a wait.
func (p *pace) went(spent int64, n int) {
	p.spent += spent
	p.bytes += int64(n)
}

// taking is how a client takes an answer. The sweeper reads it.
type taking struct {
	from  int64        // what had been written to the client before
	spent atomic.Int64 // nanoseconds in which it was waited for
	began atomic.Int64 // when the present wait did; 0 while there is none
}
