package rollout

import "time"

const (
	// crashLimit failures within crashSpan are a loop.
	crashLimit = 5
	crashSpan  = time.Minute

	firstPause = 100 * time.Millisecond
	lastPause  = 30 * time.Second
)

// backoff spaces the starts of a release that keeps failing: at once after the
// first failure, then with doubling pauses up to lastPause. A process that has lived
// for crashSpan forgets all.
type backoff struct {
	reason   string      // of the last failure
	failures []time.Time // the newest crashLimit of them
	row      int
	total    int // failures ever
	until    time.Time
}

// fail notes a failure and reports whether this is a loop.
func (b *backoff) fail(now time.Time, reason string) (loops bool) {
	b.reason = brief(reason)
	b.total++
	b.failures = append(b.failures, now)
	if len(b.failures) > crashLimit {
		b.failures = b.failures[1:]
	}
	if b.row++; b.row > 1 {
		b.until = now.Add(min(firstPause<<min(b.row-2, 20), lastPause))
	}
	return len(b.failures) == crashLimit && now.Sub(b.failures[0]) <= crashSpan
}

// fell is fail for a process that was up: one that was for long forgets all before.
func (b *backoff) fell(p *process, now time.Time, reason string) (loops bool) {
	if !p.since.IsZero() && now.Sub(p.since) > crashSpan {
		b.forget()
	}
	return b.fail(now, reason)
}

// forget begins anew, but for the count.
func (b *backoff) forget() { *b = backoff{total: b.total} }

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
