package host

import (
	"context"
	"errors"
	"fmt"
	goruntime "runtime"
	"slices"
	"sync"
	"time"

	"github.com/segue-run/segue/runtime/instance"
	"github.com/segue-run/segue/runtime/module"
	"github.com/segue-run/segue/runtime/rollout"
)

// crew is several processes of one release as one rollout.Instance. Each member is a seat
// for one process. Until the crew is settled a process that ends is the end of the crew,
// so that a candidate is judged as strictly as if it were one process. Then it is the
// crew's own matter: another process takes its place while the others serve, and the crew
// ends when none does.
//
// Each member has a goroutine that keeps it, from startCrew until Drain or Stop, and each
// process that is taken out one that sees it to its end; Stop joins them all. While mu is
// held seats are taken and left, which takes locks of the traffic's; the traffic holds
// none of them when it calls the crew.
type crew struct {
	cfg   crewConfig
	done  chan struct{}
	slots chan struct{}      // bounds the starts at a time
	rest  context.CancelFunc // ends the replacing
	rush  context.CancelFunc // ends the drains of what was taken out
	busy  sync.WaitGroup
	box   module.Sandbox // of the first process; all have the same

	mu      sync.Mutex
	members []*member
	started int       // numbers the processes
	admit   admission // nil until the crew has traffic
	settled bool      // see rollout.Instance.Settle
	resting bool      // nothing is started any more
	ended   bool      // done is closed
	exit    string    // how, with done
	cause   module.DeathCause
	falls   []time.Time // the newest rollout.CrashLimit of them
	loop    error       // to be told by the next probe
	turn    int         // whom Dial asks next
}

// crewConfig is what a crew is made of.
type crewConfig struct {
	id       string
	plan     rollout.Plan
	replicas int // at least 1
	// start brings one process up to where it serves.
	start func(ctx context.Context, id string) (rollout.Instance, error)
	// emit tells what becomes of members; it does not block.
	emit func(module.Event)
	// plain is how long the requests of a process that is taken out may take to end.
	plain time.Duration
}

// mostDenials bounds what is told of all processes together.
const mostDenials = 100

// admission gives a process its seat in the traffic. It does not block.
type admission func(id string, inst rollout.Instance) seat

// seat is where one process gets requests, until it is closed.
type seat interface {
	// Drain is as a rollout.Target's.
	Drain(ctx context.Context, plain, long time.Duration) error
	// Close takes it out at once, and for good. It does not block.
	Close()
	// Ejected is why it gets no requests; nil where it gets them as others do. It does not
	// block.
	Ejected() *module.Ejection
}

var _ rollout.Instance = (*crew)(nil)

// startCrew brings up all members at once, as many at a time as there are processors.
// The first that fails ends it, and nothing is left then.
func startCrew(ctx context.Context, cfg crewConfig) (*crew, error) {
	c := &crew{cfg: cfg, done: make(chan struct{}), slots: make(chan struct{}, goruntime.GOMAXPROCS(0)), members: make([]*member, cfg.replicas)}
	starting, giveUp := context.WithCancel(ctx)
	defer giveUp()
	var first error
	var once sync.Once
	var starts sync.WaitGroup
	for n := range c.members {
		m := &member{id: c.nextID(), sick: make(chan error, 1)}
		c.members[n] = m
		starts.Go(func() {
			inst, err := c.startOne(starting, m.id)
			if err != nil {
				once.Do(func() { first = err; giveUp() })
				return
			}
			m.inst, m.state, m.since = inst, module.Serving, time.Now()
		})
	}
	starts.Wait()
	if first != nil {
		stopAll(ctx, c.processes())
		return nil, first
	}
	c.box = c.members[0].inst.Sandbox()
	life := context.WithoutCancel(ctx)
	var keeping, leaving context.Context
	keeping, c.rest = context.WithCancel(life)
	leaving, c.rush = context.WithCancel(life)
	for _, m := range c.members {
		c.busy.Go(func() { c.keep(keeping, leaving, m) })
	}
	return c, nil
}

// startOne starts one process once it is its turn.
func (c *crew) startOne(ctx context.Context, id string) (rollout.Instance, error) {
	select {
	case c.slots <- struct{}{}:
		defer func() { <-c.slots }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	inst, err := c.cfg.start(ctx, id)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", id, err)
	}
	return inst, nil
}

// nextID names the next process.
func (c *crew) nextID() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.started++
	return fmt.Sprintf("%s-%d", c.cfg.id, c.started)
}

// processes are those there are, in the order of the members.
func (c *crew) processes() []rollout.Instance {
	c.mu.Lock()
	defer c.mu.Unlock()
	var all []rollout.Instance
	for _, m := range c.members {
		if m.inst != nil {
			all = append(all, m.inst)
		}
	}
	return all
}

// stopAll stops them side by side, and reports whether one had to be killed.
func stopAll(ctx context.Context, all []rollout.Instance) (killed bool) {
	killings := make([]bool, len(all))
	each(all, func(n int, inst rollout.Instance) { killings[n] = inst.Stop(ctx) })
	return slices.Contains(killings, true)
}

// each calls f for all at once and waits for it.
func each(all []rollout.Instance, f func(n int, inst rollout.Instance)) {
	var calls sync.WaitGroup
	for n, inst := range all {
		calls.Go(func() { f(n, inst) })
	}
	calls.Wait()
}

// attend has each process admitted to the traffic from now on.
func (c *crew) attend(admit admission) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.admit = admit
	for _, m := range c.members {
		if m.inst != nil && m.state == module.Serving {
			m.seat = admit(m.id, m.inst)
		}
	}
}

// disperse takes all processes out of the traffic for good.
func (c *crew) disperse() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.admit = nil
	for _, m := range c.members {
		m.leaveLocked()
	}
}

// PID implements rollout.Instance.
func (c *crew) PID() int {
	for _, inst := range c.processes() {
		return inst.PID()
	}
	return 0
}

// Phases are those of the slowest start.
func (c *crew) Phases() []module.PhaseTime {
	var slowest []module.PhaseTime
	most := int64(-1)
	for _, inst := range c.processes() {
		phases, sum := inst.Phases(), int64(0)
		for _, p := range phases {
			sum += p.Micros
		}
		if sum > most {
			slowest, most = phases, sum
		}
	}
	return slowest
}

// Settle implements rollout.Instance.
func (c *crew) Settle() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.settled = true
}

// Drain tells all members, and lets none be replaced any more.
func (c *crew) Drain(ctx context.Context) error {
	c.stopReplacing()
	all := c.processes()
	errs := make([]error, len(all))
	each(all, func(n int, inst rollout.Instance) { errs[n] = inst.Drain(ctx) })
	return errors.Join(errs...)
}

func (c *crew) stopReplacing() {
	c.mu.Lock()
	c.resting = true
	c.mu.Unlock()
	c.rest()
}

// Stop implements rollout.Instance.
func (c *crew) Stop(ctx context.Context) (killed bool) {
	c.stopReplacing()
	c.rush()
	c.busy.Wait()
	killed = stopAll(ctx, c.processes())
	c.disperse()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.endLocked("stopped", module.DiedOfCrash)
	return killed
}

// endLocked ends the crew, once.
func (c *crew) endLocked(exit string, cause module.DeathCause) {
	if !c.ended {
		c.ended, c.exit, c.cause = true, exit, cause
		close(c.done)
	}
}

// Done implements rollout.Instance.
func (c *crew) Done() <-chan struct{} { return c.done }

// Exit names the process.
func (c *crew) Exit() string { <-c.done; return c.exit }

// Cause implements rollout.Instance.
func (c *crew) Cause() module.DeathCause { <-c.done; return c.cause }

// Usage is the sum.
func (c *crew) Usage() (module.Usage, error) {
	var sum module.Usage
	gone := instance.ErrGone
	for _, inst := range c.processes() {
		if used, err := inst.Usage(); err == nil {
			sum.Memory += used.Memory
			sum.Peak += used.Peak
			sum.CPU += used.CPU
			gone = nil
		}
	}
	return sum, gone
}

// Sandbox implements rollout.Instance.
func (c *crew) Sandbox() module.Sandbox { return c.box }

// Denials are those of all processes, of former ones the quotas alone.
func (c *crew) Denials() []module.Denial {
	c.mu.Lock()
	defer c.mu.Unlock()
	var all []module.Denial
	for _, m := range c.members {
		all = module.Together(all, m.reached)
		if m.inst != nil {
			all = module.Together(all, m.denialsLocked())
		}
	}
	return all[:min(len(all), mostDenials)]
}

// Deny implements rollout.Instance: whoever knows the process tells that itself.
func (c *crew) Deny(d module.Denial) {
	for _, inst := range c.processes() {
		inst.Deny(d)
		return
	}
}

// Members implements rollout.Instance.
func (c *crew) Members() []module.Member {
	all := make([]module.Member, len(c.members))
	insts, seats := make([]rollout.Instance, len(c.members)), make([]seat, len(c.members))
	c.mu.Lock()
	for n, m := range c.members {
		insts[n], seats[n] = m.inst, m.seat
		all[n] = module.Member{Instance: m.id, State: m.state, Since: m.since, Restarts: m.restarts, Fell: m.fell}
		if m.state == module.Restarting {
			all[n].NextTry = m.nextTry
		}
	}
	c.mu.Unlock()
	for n, inst := range insts {
		if inst != nil {
			all[n].PID = inst.PID()
			all[n].Usage, _ = inst.Usage()
			if seats[n] != nil {
				all[n].Ejected = seats[n].Ejected()
			}
		}
	}
	return all
}
