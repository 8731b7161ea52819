package rollout

import (
	"context"
	"fmt"
	"time"

	"github.com/segue-run/segue/runtime/module"
)

// errand is the working of one gate, in a goroutine of its own.
type errand struct {
	of     string // which gate, of which step, with which process
	gate   gate
	cancel context.CancelFunc
}

// returned is what came of an errand.
type returned struct {
	errand *errand
	err    error
	seen   *module.Comparison // of a rehearsal
}

// errandOf names the working of a gate now.
func (o *owner) errandOf(g gate) string {
	ro := o.rec.Rollout
	of := fmt.Sprintf("%s %s %d %d %s", ro.ID, ro.Phase, ro.Step, len(ro.Evidence), g.name()) // a step that is taken again has another entry
	if p := o.running[ro.Candidate.Key]; p != nil && g.kind != atHook {
		of += " " + p.id
	}
	return of
}

// callOff ends the errand under way, unless it is this one.
func (o *owner) callOff(but string) {
	if o.errand != nil && o.errand.of != but {
		o.errand.cancel()
		o.errand = nil
	}
}

// send starts to work a gate, if it is not being worked already.
func (o *owner) send(ctx context.Context, g gate) {
	ro := o.rec.Rollout
	p := o.running[ro.Candidate.Key]
	if o.errand != nil || g.kind != atHook && p == nil {
		return
	}
	limit := span(ro.Policy.HookTimeout)
	switch g.kind {
	case atChecks:
		limit *= time.Duration(len(ro.Policy.Checks))
	case atRehearsal:
		limit = span(ro.Policy.Limit)
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	e := &errand{of: o.errandOf(g), gate: g, cancel: cancel}
	o.errand = e
	status := *rolloutStatus(ro, time.Now())
	o.workers.Go(func() {
		defer cancel()
		m := returned{errand: e}
		switch g.kind {
		case atHook:
			m.err = o.cfg.Checks.Hook(ctx, ro.Policy.Hooks[g.point], g.point, status)
		case atChecks:
			m.err = o.check(ctx, ro, p.inst)
		case atRehearsal:
			seen, err := o.cfg.Checks.Rehearse(ctx, o.name, p.inst, ro.Policy.Rehearsal)
			m.seen, m.err = &seen, err
		}
		o.post(m)
	})
}

// check makes one check after the other, each with its own deadline.
func (o *owner) check(ctx context.Context, ro *Rollout, inst Instance) error {
	for _, c := range ro.Policy.Checks {
		one, cancel := context.WithTimeout(ctx, span(ro.Policy.HookTimeout))
		err := o.cfg.Checks.Check(one, inst, c)
		cancel()
		if err != nil {
			return err
		}
	}
	return nil
}

// cameBack opens the gate, or takes the candidate back: with blame where it, or who
// was asked, has spoken against it; without where nobody could be asked.
func (o *owner) cameBack(ctx context.Context, m returned) {
	if o.errand != m.errand || ctx.Err() != nil {
		return
	}
	o.errand = nil
	ro, g := o.rec.Rollout, m.errand.gate
	if m.err != nil {
		ev := spoiled{Blameless: !Blames(m.err)}
		switch g.kind {
		case atHook:
			ev.Reason, ev.Blameless = fmt.Sprintf("the hook (%s): %v", words(g.point), m.err), module.KindOf(m.err) != module.Invalid
		case atChecks:
			ev.Reason = "its checks: " + m.err.Error()
		case atRehearsal:
			ev.Reason = "its rehearsal: " + m.err.Error()
		}
		_ = o.decide(ctx, ev, nil)
		return
	}
	if m.seen != nil && m.seen.Requests == 0 {
		m.seen.Message = "nothing recorded yet to rehearse with"
		o.tell(module.Event{Type: module.RolloutContinued, Reason: m.seen.Message, Message: fmt.Sprintf("%s: %s; it goes on without", ro.Candidate.Release, m.seen.Message)}, &o.rec)
	}
	_ = o.decide(ctx, opened{Gate: g.name(), Rehearsal: m.seen, Signs: ro.differs(m.seen, "rehearsed", time.Now())}, nil)
}
