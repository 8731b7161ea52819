package rollout

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/segue-run/segue/runtime/analysis"
	"github.com/segue-run/segue/runtime/module"
)

// process is one instance in the hands of an owner, from its start to its end. The
// owner alone writes its fields, but for the tally, which the data plane adds to.
type process struct {
	id     string
	plan   Plan
	cancel context.CancelFunc // ends the bringing up, or the watch

	inst   Instance // nil until it is up
	target Target   // with inst
	since  time.Time
	unwell bool

	tally tally
	base  analysis.Sample // the tally when the step began; a younger process began at nothing
}

// seen is what the process has shown in this step.
func (p *process) seen() analysis.Sample { return since(p.tally.sample(), p.base) }

// tally counts what the data plane reports of one process.
type tally struct {
	requests, errors, slow atomic.Uint64
	slowAbove              atomic.Int64 // nanoseconds; 0 while unknown
}

func (t *tally) add(o Observation) {
	if o.Failed {
		t.errors.Add(1)
	}
	if above := t.slowAbove.Load(); above > 0 && int64(o.Wait) > above {
		t.slow.Add(1)
	}
	t.requests.Add(1)
}

func (t *tally) sample() analysis.Sample {
	return analysis.Sample{Requests: t.requests.Load(), Errors: t.errors.Load(), Slow: t.slow.Load()}
}

// since is what was added after the earlier sample.
func since(now, before analysis.Sample) analysis.Sample {
	return analysis.Sample{Requests: now.Requests - before.Requests, Errors: now.Errors - before.Errors, Slow: now.Slow - before.Slow}
}

// warmPause is the pause between two probes that pass while an instance warms up.
const warmPause = time.Millisecond

// warm probes an instance until enough probes in a row have passed. It blocks, at
// most until the plan's deadline.
func warm(ctx context.Context, inst Instance, plan Plan) error {
	health := plan.Health
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
// once, and unwell or recovered whenever the row of probes says so.
func watch(ctx context.Context, p *process, post func(message)) {
	health := p.plan.Health
	tick := time.NewTicker(time.Duration(health.Interval))
	defer tick.Stop()
	failures, passes := 0, 0
	for {
		select {
		case <-ctx.Done():
			return
		case <-p.inst.Done():
			post(exited{p})
			return
		case <-tick.C:
		}
		if err := probe(ctx, p.inst, time.Duration(health.Timeout)); err != nil {
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

func probe(ctx context.Context, inst Instance, timeout time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	return inst.Probe(ctx)
}

func orDeadline(err error) error {
	if err == nil {
		return context.DeadlineExceeded
	}
	return err
}

// asModule turns an analysis sample into what records and the API show.
func asModule(s analysis.Sample) module.Sample {
	return module.Sample{Requests: s.Requests, Errors: s.Errors, Slow: s.Slow}
}
