package watchdog

import (
	"context"
	"math"
	"time"

	"github.com/segue-run/segue/runtime/proc"
)

// How often the memory is looked at: more often where little is left.
const (
	calm  = 100 * time.Millisecond
	alert = 20 * time.Millisecond
)

// watchMemory kills the process when it holds more than its quota.
func (w *Watchdog) watchMemory(ctx context.Context) error {
	most := int64(min(w.cfg.Quotas.Memory, math.MaxInt64))
	looks := 0 // how many in a row found more than that
	for pause := alert; rest(ctx, pause); {
		held, count, err := w.memory()
		if err != nil {
			return nil
		}
		pause = calm
		if held > most/4*3 {
			pause = alert
		}
		if held <= most {
			looks = 0
			continue
		}
		// A process that starts another shares all with it for a moment, and both seem
		// to hold it.
		if looks++; count == 1 || looks > 1 {
			w.kill(Memory)
			return nil
		}
		w.crew.fresh()
	}
	return nil
}

// memory is what all processes hold together, by count, and how many they are. The error
// is that the leader is gone.
func (w *Watchdog) memory() (held int64, count int, err error) {
	err = w.crew.each(func(pid int) error {
		held += ownOf(pid)
		count++
		return nil
	})
	return held, count, err
}

// ownOf is what only the end of the process would give back: its own pages, those that
// it shares in memory, and the tables of all its pages, in bytes.
func ownOf(pid int) int64 {
	status, _ := proc.Status(pid)
	own := int64(0)
	for _, field := range []string{"RssAnon:", "RssShmem:", "VmPTE:"} {
		held, _ := proc.Bytes(status, field)
		own += held
	}
	return own
}
