package rollout

import (
	"slices"
	"time"

	"github.com/segue-run/segue/runtime/module"
)

// CrashLimit failures within CrashSpan are a loop.
const CrashLimit = 5

// CrashSpan is as well how long a process must live for the failures before it to be
// forgotten.
const CrashSpan = time.Minute

const (
	firstPause = 100 * time.Millisecond
	lastPause  = 30 * time.Second
)

// backoff spaces the starts of a release that keeps failing: at once after the
// first failure, then with doubling pauses up to lastPause. A process that has lived
// for CrashSpan forgets all, but for what is told of those before it.
type backoff struct {
	reason   string      // of the last failure
	failures []time.Time // the newest CrashLimit of them
	row      int
	total    int // failures ever
	until    time.Time
	last     module.Fall     // zero: none yet
	reached  []module.Denial // the quotas that the processes before reached, each once
}

// fail notes a failure and reports whether this is a loop.
func (b *backoff) fail(now time.Time, reason string) (loops bool) {
	b.reason = Brief(reason)
	b.last = module.Fall{At: now, Reason: b.reason}
	b.total++
	b.failures = append(b.failures, now)
	if len(b.failures) > CrashLimit {
		b.failures = b.failures[1:]
	}
	b.row++
	b.until = now.Add(Pause(b.row))
	return len(b.failures) == CrashLimit && now.Sub(b.failures[0]) <= CrashSpan
}

// Pause is how long what has failed so often in a row waits for its next start.
func Pause(row int) time.Duration {
	if row <= 1 {
		return 0
	}
	return min(firstPause<<min(row-2, 20), lastPause)
}

// fell is fail for a process that was up: one that was for long forgets all before.
func (b *backoff) fell(p *process, now time.Time, reason string) (loops bool) {
	if !p.since.IsZero() && now.Sub(p.since) > CrashSpan {
		b.forget()
	}
	loops = b.fail(now, reason)
	for _, d := range quotasOf(p) {
		if d.Fatal {
			b.last.Quota, b.last.Hint = d.What, d.Hint
		}
	}
	return loops
}

// keep remembers the quotas that a process has reached, which is not to be started again.
func (b *backoff) keep(p *process) { b.reached = module.Together(b.reached, quotasOf(p)) }

// quotasOf are the quotas that a process has reached.
func quotasOf(p *process) []module.Denial {
	if p.inst == nil {
		return nil
	}
	return slices.DeleteFunc(p.inst.Denials(), func(d module.Denial) bool { return d.By != module.ByQuota })
}

// forget begins anew, but for the count and what is told.
func (b *backoff) forget() { *b = backoff{total: b.total, last: b.last, reached: b.reached} }

// remaining is how long the next start must wait.
func (b *backoff) remaining(now time.Time) time.Duration { return b.until.Sub(now) }

func (o *owner) backoffOf(key string) *backoff {
	b := o.starts[key]
	if b == nil {
		b = &backoff{}
		o.starts[key] = b
	}
	return b
}
