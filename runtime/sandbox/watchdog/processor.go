package watchdog

import (
	"context"
	"runtime"
	"time"

	"golang.org/x/sys/unix"

	"github.com/segue-run/segue/runtime/proc"
)

const (
	// window is over what time a share is kept.
	window = 100 * time.Millisecond
	// leastLook is how often the clock is read at most.
	leastLook = 5 * time.Millisecond
	// longestStop is how long a process is stopped at once; what it owes beyond is
	// forgiven, so that it can answer its probes.
	longestStop = time.Second
)

// throttle stops and continues the processes so that they take their share.
func (w *Watchdog) throttle(ctx context.Context) error {
	processors := runtime.NumCPU()
	b := bucket{share: float64(w.cfg.Quotas.CPU) / 1000}
	if b.share >= float64(processors) {
		return nil
	}
	if w.cfg.Serving != nil {
		select {
		case <-w.cfg.Serving:
		case <-ctx.Done():
			return nil
		}
	}
	var m meter
	if _, err := m.taken(w.crew); err != nil {
		return nil
	}
	b.fill()
	for last := time.Now(); rest(ctx, b.soonest(processors)); {
		taken, err := m.taken(w.crew)
		if err != nil {
			return nil
		}
		now := time.Now()
		b.spend(now.Sub(last), taken)
		last = now
		if debt := b.debt(); debt > 0 && !w.pause(ctx, debt) {
			return nil
		}
	}
	return nil
}

// pause stops the processes for d, and reports whether to go on.
func (w *Watchdog) pause(ctx context.Context, d time.Duration) bool {
	err := w.crew.signal(unix.SIGSTOP)
	defer func() { _ = w.crew.signal(unix.SIGCONT) }()
	return err == nil && rest(ctx, d)
}

// bucket is the processor time that may still be taken.
type bucket struct {
	share float64       // of one processor
	left  time.Duration // below zero it is owed
}

func (b *bucket) most() time.Duration { return time.Duration(b.share * float64(window)) }

func (b *bucket) fill() { b.left = b.most() }

// spend counts what was taken in so much time.
func (b *bucket) spend(elapsed, taken time.Duration) {
	b.left += time.Duration(b.share*float64(elapsed)) - taken
	b.left = max(min(b.left, b.most()), -time.Duration(b.share*float64(longestStop)))
}

// debt is for how long nothing may be taken; 0 where something is left.
func (b *bucket) debt() time.Duration {
	if b.left >= 0 {
		return 0
	}
	return time.Duration(float64(-b.left) / b.share)
}

// soonest is when the bucket can be empty if all processors are taken.
func (b *bucket) soonest(processors int) time.Duration {
	return max(leastLook, time.Duration(float64(b.left)/(float64(processors)-b.share)))
}

// meter is what each process has taken until the last look.
type meter struct{ seen map[int]time.Duration }

// taken is what all of them took since the last time. What one took that came and went
// in between is not known.
func (m *meter) taken(c *crew) (taken time.Duration, err error) {
	now := make(map[int]time.Duration, len(m.seen)+1)
	err = c.each(func(pid int) error {
		clock, err := proc.CPUTime(pid)
		if err != nil {
			return err
		}
		now[pid] = clock
		taken += max(0, now[pid]-m.seen[pid])
		return nil
	})
	m.seen = now
	return taken, err
}
