package watchdog

import (
	"bytes"
	"context"
	"math"
	"os"
	"strconv"
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
		// Resident pages are quickly counted and never too few.
		held, _, err := w.memory(residentOf)
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
		// What is the processes' own takes longer to tell.
		held, count, err := w.memory(ownOf)
		if err != nil {
			return nil
		}
		if held <= most {
			looks, pause = 0, calm
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
func (w *Watchdog) memory(of func(pid int) int64) (held int64, count int, err error) {
	err = w.crew.each(func(pid int) error {
		held += of(pid)
		count++
		return nil
	})
	return held, count, err
}

var pageSize = int64(os.Getpagesize())

// residentOf is all that is in memory of a process, pages of files too, in bytes.
func residentOf(pid int) int64 {
	var buf [128]byte
	raw, _ := proc.Read(pid, "statm", buf[:])
	fields := bytes.Fields(raw)
	if len(fields) < 2 {
		return 0
	}
	pages, _ := strconv.ParseInt(string(fields[1]), 10, 64)
	return pages * pageSize
}

// ownOf is what only the end of the process would give back: its own pages and those
// that it shares in memory, in bytes.
func ownOf(pid int) int64 {
	status, _ := proc.Status(pid)
	anonymous, _ := proc.Bytes(status, "RssAnon:")
	shared, _ := proc.Bytes(status, "RssShmem:")
	return anonymous + shared
}
