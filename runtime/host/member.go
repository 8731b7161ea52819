package host

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/segue-run/segue/runtime/module"
	"github.com/segue-run/segue/runtime/rollout"
)

// member is one place of a crew, which one process has after the other. The crew's mutex
// guards it.
type member struct {
	id       string           // of the process that has it, or had it last
	inst     rollout.Instance // nil while none has it
	seat     seat             // in the traffic; nil without
	state    module.ReleaseState
	since    time.Time // in that state
	restarts int
	row      int // falls in a row, see rollout.Pause
	fell     *module.Fall
	nextTry  time.Time
	reached  []module.Denial // the quotas that those before it reached
	failed   int             // probes in a row
	passed   int
	sick     chan error // to its keeper, capacity 1: it is to be taken out, and why
}

// keep has another process take the member's place whenever one falls, until keeping
// ends, or the crew does.
func (c *crew) keep(keeping, leaving context.Context, m *member) {
	for inst := m.inst; inst != nil; {
		select {
		case <-keeping.Done():
			return
		case <-inst.Done():
			if !c.crashed(leaving, m, inst) {
				return
			}
		case why := <-m.sick:
			if !c.sickened(leaving, m, inst, why) {
				continue
			}
		}
		inst = c.replace(keeping, m)
	}
}

// crashed takes out a process that has ended. It reports whether another is to take its
// place: not where this is the end of the crew.
func (c *crew) crashed(leaving context.Context, m *member, inst rollout.Instance) (replace bool) {
	exit, cause := inst.Exit(), inst.Cause()
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.resting {
		return false
	}
	m.leaveLocked()
	if !c.settled || c.ended || !c.servesLocked(m) {
		m.enterLocked(module.Stopped)
		c.endLocked(m.id+" "+exit, cause)
		return false
	}
	c.tell(module.Event{Type: module.InstanceCrashed, Instance: m.id, Reason: exit, Message: "crashed"})
	c.noteLocked(m, exit, true)
	c.busy.Go(func() { inst.Stop(leaving) }) // what it held is given back
	return true
}

// sickened takes out a process that is unwell, unless nobody else serves.
func (c *crew) sickened(leaving context.Context, m *member, inst rollout.Instance, why error) (replace bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.resting || c.ended || !c.servesLocked(m) {
		return false
	}
	id, left := m.id, m.seat
	m.seat = nil
	if left != nil {
		left.Close() // before anybody is told that it gets no more
	}
	c.tell(module.Event{Type: module.InstanceUnwell, Instance: id, Reason: why.Error(), Message: "is unwell"})
	c.noteLocked(m, why.Error(), true)
	c.busy.Go(func() { c.seeOff(leaving, id, inst, left) })
	return true
}

// servesLocked reports whether another member than m serves.
func (c *crew) servesLocked(m *member) bool {
	return slices.ContainsFunc(c.members, func(o *member) bool { return o != m && o.state == module.Serving })
}

// noteLocked notes that the member's process fell, or did not come up; blamed says that
// this was its own fault.
func (c *crew) noteLocked(m *member, reason string, blamed bool) {
	now := time.Now()
	reason = rollout.Brief(reason)
	m.fell = &module.Fall{At: now, Reason: reason}
	if m.inst != nil {
		if now.Sub(m.since) > rollout.CrashSpan {
			m.row = 0
		}
		for _, d := range m.denialsLocked() {
			if d.By != module.ByQuota {
				continue
			}
			m.reached = module.Together(m.reached, []module.Denial{d})
			if d.Fatal {
				m.fell.Quota, m.fell.Hint = d.What, d.Hint
			}
		}
	}
	m.inst, m.failed, m.passed = nil, 0, 0
	select {
	case <-m.sick:
	default:
	}
	m.row++
	m.enterLocked(module.Restarting)
	m.nextTry = now.Add(rollout.Pause(m.row))
	if !blamed {
		return
	}
	c.falls = append(c.falls, now)
	if over := len(c.falls) - rollout.CrashLimit; over > 0 {
		c.falls = slices.Delete(c.falls, 0, over)
	}
	if len(c.falls) == rollout.CrashLimit && now.Sub(c.falls[0]) <= rollout.CrashSpan {
		c.loop = fmt.Errorf("%w: %d within %s, the last %s: %s", rollout.ErrLoop, rollout.CrashLimit, rollout.CrashSpan, m.id, reason)
		c.falls = nil
	}
}

// seeOff sees a process to its end that was taken out of left, its seat. As it is unwell
// all of its requests get what plain ones get.
func (c *crew) seeOff(leaving context.Context, id string, inst rollout.Instance, left seat) {
	var cut error
	if left != nil {
		left.Close()
		_ = inst.Drain(leaving) // one that does not answer is stopped all the same
		cut = left.Drain(leaving, c.cfg.plain, c.cfg.plain)
	}
	killed := inst.Stop(leaving)
	ev := module.Event{Type: module.InstanceStopped, Instance: id, Message: "stopped"}
	switch {
	case leaving.Err() != nil:
	case killed:
		ev.Reason = "ignored the stop and was killed after the grace"
	case cut != nil:
		ev.Reason = cut.Error()
	}
	c.tell(ev)
}

// replace brings up another process for the member, however long that takes, with longer
// and longer pauses. It is nil once keeping, or the crew, has ended.
func (c *crew) replace(keeping context.Context, m *member) rollout.Instance {
	for {
		c.mu.Lock()
		wait := time.Until(m.nextTry)
		c.mu.Unlock()
		select {
		case <-keeping.Done():
			return nil
		case <-c.done:
			return nil
		case <-time.After(wait):
		}
		if c.over() {
			return nil
		}
		inst, blamed, err := c.bringUp(keeping, m)
		switch {
		case err == nil && c.join(m, inst):
			return inst
		case err == nil:
			inst.Stop(keeping)
			return nil
		case keeping.Err() != nil:
			return nil
		}
		c.mu.Lock()
		c.tell(module.Event{Type: module.InstanceCrashed, Instance: m.id, Reason: err.Error(), Message: "could not be started"})
		c.noteLocked(m, err.Error(), blamed)
		c.mu.Unlock()
	}
}

// over reports whether the crew has ended.
func (c *crew) over() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.ended
}

// bringUp starts a process for the member and warms it. Blamed says whose fault it was
// where that failed: the module's, or the host's.
func (c *crew) bringUp(ctx context.Context, m *member) (inst rollout.Instance, blamed bool, err error) {
	id := c.nextID()
	c.enter(m, module.Starting, id)
	if inst, err = c.startOne(ctx, id); err != nil {
		return nil, rollout.Blames(err), err
	}
	c.enter(m, module.Warming, id)
	if err := rollout.Warm(ctx, inst, c.cfg.plan.Health); err != nil {
		inst.Stop(ctx)
		return nil, module.KindOf(err) != module.Quota, fmt.Errorf("%s: %w", id, err)
	}
	return inst, false, nil
}

// join gives the member its process, and that its seat; not where nobody joins any more.
func (c *crew) join(m *member, inst rollout.Instance) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.resting || c.ended {
		return false
	}
	m.inst = inst
	m.restarts++
	m.enterLocked(module.Serving)
	if c.admit != nil {
		m.seat = c.admit(m.id, inst)
	}
	c.tell(module.Event{Type: module.InstanceStarted, Instance: m.id, Message: fmt.Sprintf("serves (pid %d)", inst.PID())})
	return true
}

func (c *crew) enter(m *member, state module.ReleaseState, id string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	m.id = id
	m.enterLocked(state)
}

func (m *member) enterLocked(state module.ReleaseState) { m.state, m.since = state, time.Now() }

// leaveLocked takes the member's process out of the traffic.
func (m *member) leaveLocked() {
	if m.seat != nil {
		m.seat.Close()
		m.seat = nil
	}
}

// denialsLocked are those of its process, which they name.
func (m *member) denialsLocked() []module.Denial {
	all := m.inst.Denials()
	for n := range all {
		all[n].Instance = m.id
	}
	return all
}

// tell tells an event of one of the processes; its message is what became of it.
func (c *crew) tell(ev module.Event) {
	rel := c.cfg.plan.Release
	ev.Module, ev.Version, ev.Digest, ev.Time = rel.Module, rel.Version, rel.Digest, time.Now()
	ev.Message = fmt.Sprintf("%s, %s, %s", rel, ev.Instance, ev.Message)
	if ev.Reason != "" {
		ev.Message += ": " + ev.Reason
	}
	c.cfg.emit(ev)
}
