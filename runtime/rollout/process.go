package rollout

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/segue-run/segue/runtime/module"
	"github.com/segue-run/segue/sdk/manifest"
)

// process is one instance in the hands of an owner, from its start to its end. The
// owner alone writes its fields, but for the tally, which the data plane adds to, and
// the usage and the denials, which the watch reads.
type process struct {
	id     string
	plan   Plan
	cancel context.CancelFunc // ends the bringing up, or the watch

	inst   Instance // nil until it is up
	target Target   // with inst
	since  time.Time
	unwell bool

	tally tally
	saved uint64 // how many of the failures that stable made good are in the record

	left    time.Time          // when it was retired; zero before
	hurry   context.CancelFunc // ends its drain
	hurried bool               // it will

	usage   atomic.Pointer[module.Usage]    // at the last probe
	largest atomic.Int64                    // the memory of its largest process, then
	denials atomic.Pointer[[]module.Denial] // at the last probe, or at its end
}

// warmPause is the pause between two probes that pass while an instance warms up.
const warmPause = time.Millisecond

// Warm probes an instance until enough probes in a row have passed. It blocks, at
// most until the deadline of health.
func Warm(ctx context.Context, inst Instance, health manifest.Health) error {
	ctx, cancel := context.WithTimeout(ctx, time.Duration(health.Deadline))
	defer cancel()
	pause, passes := warmPause, 0
	var last error
	for {
		if last = probe(ctx, inst, time.Duration(health.Timeout)); last == nil {
			if passes++; passes >= health.Passes {
				return nil
			}
			pause = warmPause
		} else {
			passes = 0
			pause = min(2*pause, time.Duration(health.Interval))
		}
		select {
		case <-inst.Done():
			return fmt.Errorf("the process ended while warming up: %s", inst.Exit())
		case <-ctx.Done():
			return fmt.Errorf("not ready within %s: %w", time.Duration(health.Deadline), orDeadline(last))
		case <-time.After(pause):
		}
	}
}

// watch probes an instance for as long as it lives or ctx lasts. It posts exited
// once, and unwell or recovered whenever the row of probes says so. A probe that the host
// could not make is no part of the row, and one that tells of a loop needs none.
func watch(ctx context.Context, p *process, post func(message)) {
	health := p.plan.Health
	tick := time.NewTicker(time.Duration(health.Interval))
	defer tick.Stop()
	failures, passes := 0, 0
	for {
		p.measure()
		p.denials.Store(new(p.inst.Denials()))
		select {
		case <-ctx.Done():
			return
		case <-p.inst.Done():
			p.denials.Store(new(p.inst.Denials()))
			post(exited{p})
			return
		case <-tick.C:
		}
		err := probe(ctx, p.inst, time.Duration(health.Timeout))
		switch {
		case unasked(err):
			continue
		case errors.Is(err, ErrLoop):
			post(unwell{p, err})
			continue
		}
		if err != nil {
			passes = 0
			if failures++; failures%health.Failures == 0 && ctx.Err() == nil {
				post(unwell{p, err})
			}
			continue
		}
		if passes++; passes == health.Passes && failures >= health.Failures {
			post(recovered{p})
		}
		if passes >= health.Passes {
			failures = 0
		}
	}
}

// measure looks at what it takes.
func (p *process) measure() {
	usage, err := p.inst.Usage()
	if err != nil {
		return
	}
	largest := usage.Memory
	if members := p.inst.Members(); len(members) > 0 {
		largest = 0
		for _, m := range members {
			largest = max(largest, m.Usage.Memory)
		}
	}
	p.usage.Store(&usage)
	p.largest.Store(largest)
}

func probe(ctx context.Context, inst Instance, timeout time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	return inst.Probe(ctx)
}

// unasked reports whether a probe, or a start, came to nothing because the host lacked
// what it takes: it says nothing of the release.
func unasked(err error) bool { return err != nil && module.KindOf(err) == module.Quota }

func orDeadline(err error) error {
	if err == nil {
		return context.DeadlineExceeded
	}
	return err
}
