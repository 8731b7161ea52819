package host

import (
	"cmp"
	"context"
	"fmt"
	"net"

	"github.com/segue-run/segue/runtime/instance"
	"github.com/segue-run/segue/runtime/module"
	"github.com/segue-run/segue/runtime/rollout"
)

// asked is a process that is being probed.
type asked struct {
	member *member
	id     string
	inst   rollout.Instance
	err    error
}

// Probe asks all that serve. Once the crew is settled this is also when one that has
// failed as often as its release allows is taken out, where another is well.
func (c *crew) Probe(ctx context.Context) error {
	seen := c.serving()
	insts := make([]rollout.Instance, len(seen))
	for n := range seen {
		insts[n] = seen[n].inst
	}
	each(insts, func(n int, inst rollout.Instance) { seen[n].err = inst.Probe(ctx) })
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.loop; err != nil {
		c.loop = nil
		return err
	}
	return c.judgeLocked(seen)
}

// serving are those that serve.
func (c *crew) serving() []asked {
	c.mu.Lock()
	defer c.mu.Unlock()
	var all []asked
	for _, m := range c.members {
		if m.state == module.Serving {
			all = append(all, asked{member: m, id: m.id, inst: m.inst})
		}
	}
	return all
}

// judgeLocked is what the probes say of the crew.
func (c *crew) judgeLocked(seen []asked) error {
	health := c.cfg.plan.Health
	well := 0
	var failed, lacks error
	for _, a := range seen {
		m := a.member
		if m.inst != a.inst {
			continue // it fell meanwhile
		}
		switch {
		case a.err == nil:
			well++
			if m.passed++; m.passed >= health.Passes {
				m.failed = 0
			}
		case module.KindOf(a.err) == module.Quota: // no fault of the module's
			lacks = a.err
		default:
			m.passed = 0
			m.failed++
			failed = cmp.Or(failed, fmt.Errorf("%s: %w", a.id, a.err))
		}
	}
	if !c.settled || well == 0 {
		return cmp.Or(failed, lacks, c.emptyLocked(seen))
	}
	for _, a := range seen {
		m := a.member
		if m.inst != a.inst || a.err == nil || m.failed < health.Failures {
			continue
		}
		select {
		case m.sick <- fmt.Errorf("failed %d probes in a row: %w", m.failed, a.err):
		default:
		}
	}
	return nil
}

// emptyLocked is the error of a crew of which there was nobody to ask.
func (c *crew) emptyLocked(seen []asked) error {
	if len(seen) == 0 {
		return instance.ErrGone
	}
	return nil
}

// Dial asks those that serve in turn.
func (c *crew) Dial(ctx context.Context) (net.Conn, error) {
	all := c.serving()
	if len(all) == 0 {
		return nil, instance.ErrGone
	}
	c.mu.Lock()
	c.turn++
	next := all[c.turn%len(all)]
	c.mu.Unlock()
	return next.inst.Dial(ctx)
}
