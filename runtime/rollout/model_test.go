package rollout_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	"github.com/segue-run/segue/runtime/module"
	"github.com/segue-run/segue/runtime/policy"
	"github.com/segue-run/segue/runtime/rollout"
	"github.com/segue-run/segue/sdk/manifest"
)

// player does random things to a world, the same ones for the same seed.
type player struct {
	*world
	rand    *rand.Rand
	emptied bool // the module was removed, or its first release failed
	granted bool // permissions may have been
	story   []string
}

var modelPolicies = []rollout.Policy{
	gradual, instant, bluegreen, queued,
	like(manifest.Gradual, lenient, approvals(policy.BeforeStart, policy.EachStep), hooks(policy.BeforeTraffic, policy.AfterRollback)),
	like(manifest.Bluegreen, frozen, func(p *rollout.Policy) { p.OnNew, p.Checks = policy.Queue, []policy.Check{{Path: "/a"}} }),
	like(manifest.Gradual, patient(manifest.Wait), func(p *rollout.Policy) { p.Sticky = policy.StickyCookie }),
	like(manifest.Gradual, patient(manifest.GiveUp), approvals(policy.BeforeTraffic)),
}

func (p *player) version() string { return fmt.Sprintf("1.%d.0", p.rand.IntN(4)) }

// act does one thing.
func (p *player) act() {
	ctx := p.t.Context()
	version := p.version()
	note := func(format string, args ...any) { p.story = append(p.story, fmt.Sprintf(format, args...)) }
	s, known := p.engine.Status("hello")
	switch n := p.rand.IntN(30); n {
	case 0, 1, 2, 3, 4:
		which := p.rand.IntN(len(modelPolicies))
		note("offer %s as %d", version, which)
		banned := false
		for _, r := range s.Releases {
			banned = banned || known == nil && r.Version == version && r.State == module.Quarantined
		}
		asked := connects([]string{api, mail, "db.example.com:1", "x.example.com:1"}[:p.rand.IntN(5)]...)
		_, err := p.engine.Offer(ctx, rollout.Offer{Plan: asking(version, asked), Policy: modelPolicies[which], Actor: alice, Configured: connects(mail)})
		if banned && err == nil {
			p.t.Errorf("%s was taken from its quarantine", version)
		}
	case 5:
		note("force %s", version)
		_, _ = p.engine.Offer(ctx, rollout.Offer{Plan: plan(version), Policy: gradual, Actor: bob, Force: true})
	case 6:
		note("promote")
		_ = p.engine.Promote(ctx, by(alice))
	case 7:
		note("abort")
		_ = p.engine.Abort(ctx, by(alice))
	case 8:
		note("pause")
		_ = p.engine.Pause(ctx, rollout.Order{Actor: alice, Module: "hello", Reason: "why not"})
	case 9, 10:
		note("resume")
		_ = p.engine.Resume(ctx, by(alice))
	case 11, 12:
		point, id := []string{"", "grant", "without"}[p.rand.IntN(3)], ""
		if m, err := p.engine.Status("hello"); err == nil && m.Rollout != nil && !m.Rollout.Over() {
			id = m.Rollout.ID
		}
		note("approve %q", point)
		p.granted = p.granted || point == "grant"
		_ = p.engine.Approve(ctx, rollout.Order{Actor: alice, Module: "hello", Point: point, Rollout: id})
	case 13:
		stepped := p.rand.IntN(2) == 0
		note("rollback, stepped %v", stepped)
		_ = p.engine.Rollback(ctx, rollout.Order{Actor: alice, Module: "hello", Stepped: stepped})
	case 14:
		if p.rand.IntN(4) == 0 {
			note("remove")
			_ = p.engine.Remove(ctx, rollout.Order{Actor: alice, Module: "hello", Reason: "enough"})
			p.emptied = true // also where it could not be saved yet
		}
	case 15, 16:
		note("%s fails", version)
		if !p.trySpoil(version, 30) {
			return
		}
		p.emptied = p.emptied || s.Stable != nil && s.Previous == nil
	case 17:
		p.mu.Lock()
		has := p.split[version] > 0
		p.mu.Unlock()
		if note("%s does well", version); has {
			p.serve(version, 300, 0, 0)
		}
	case 18:
		if inst := p.instance(version); inst != nil {
			note("%s crashes", version)
			inst.crash("exited with code 1")
		}
	case 19:
		if inst := p.instance(version); inst != nil {
			note("%s sickens", version)
			inst.sicken(errors.New("sick"))
		}
	case 20:
		note("the host dies")
		p.crashHost()
	case 21:
		full := p.rand.IntN(2) == 0
		note("the disk is full: %v", full)
		p.setSaveErr(map[bool]error{true: errFull}[full])
	case 22:
		p.mu.Lock()
		p.fileErr = map[bool]error{true: errFull}[p.rand.IntN(2) == 0]
		p.hooks[policy.BeforeTraffic] = []answer{{}, {err: refused}, {err: unreachable}, {after: 15 * time.Second}}[p.rand.IntN(4)]
		p.mu.Unlock()
	case 23:
		note("revoke")
		_ = p.engine.Revoke(ctx, by(alice))
	case 24:
		if inst := p.instance(version); inst != nil {
			what := fmt.Sprintf("connect h%d:1", p.rand.IntN(3))
			note("%s is denied to %s", version, what)
			inst.denied("gateway", what)
		}
	default:
		d := []time.Duration{time.Millisecond, time.Second, 11 * time.Second, 10 * time.Minute}[p.rand.IntN(4)]
		note("%s pass", d)
		p.pass(d)
	}
	synctest.Wait()
}

// holds checks what always holds.
func (p *player) holds() {
	p.t.Helper()
	s, err := p.engine.Status("hello")
	if err != nil {
		return // nothing was ever taken
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	var sum manifest.Weight
	for version, weight := range p.split {
		sum += weight
		named := false
		for _, r := range []*module.ReleaseStatus{s.Stable, s.Candidate} {
			named = named || r != nil && r.Version == version && r.Weight == weight
		}
		if !named {
			p.t.Errorf("%s has %s of the traffic: stable %+v, candidate %+v", version, weight, s.Stable, s.Candidate)
		}
	}
	if s.Stable != nil && s.Stable.State == module.Serving && sum != manifest.Full {
		p.t.Errorf("stable serves and the weights sum to %s", sum)
	}
	if s.Stable == nil && p.routed {
		p.t.Error("traffic without a stable release")
	}
	if ro := s.Rollout; ro != nil && s.Stable == nil && ro.Phase == "promoted" && !p.emptied {
		p.t.Errorf("stable was lost: %+v", ro)
	}
	for _, inst := range p.instances {
		switch {
		case inst.isDone():
		case s.Rollout.Waiting != nil && s.Rollout.Waiting.For == module.ForGrant && inst.plan.Key == s.Rollout.ID:
			p.t.Errorf("%s runs, and nobody has decided on what it asks for", inst.plan.Version)
		case !p.granted && len(inst.plan.Granted.Connect) > 0:
			p.t.Errorf("%s has %v, which nobody ever granted", inst.plan.Version, inst.plan.Granted)
		}
	}
	if s.Candidate != nil && s.Rollout != nil && s.Rollout.Phase != "shifting" && s.Candidate.Weight > 0 {
		p.t.Errorf("a candidate has traffic while %s", s.Rollout.Phase)
	}
}

// ends lets everything come to its end, and checks that it does.
func (p *player) ends() {
	p.t.Helper()
	p.setSaveErr(nil)
	p.mu.Lock()
	p.fileErr, p.deadline = nil, 0
	p.hooks = map[policy.Point]answer{}
	p.mu.Unlock()
	p.pass(2 * time.Second)
	p.settle()
	s, err := p.engine.Status("hello")
	if err != nil {
		return
	}
	if s.Candidate != nil || s.Queued != nil || s.Rollout.Ended.IsZero() {
		p.t.Errorf("stuck: rollout %+v, queued %+v", s.Rollout, s.Queued)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	rec := p.saved["hello"].Record
	for n := 1; n <= rec.Count; n++ {
		if _, ok := p.filed[fmt.Sprintf("hello-%d", n)]; !ok {
			p.t.Errorf("hello-%d of %d is not in the history", n, rec.Count)
		}
	}
	living := map[string]int{}
	for _, inst := range p.instances {
		if !inst.isDone() {
			living[inst.plan.Key]++
		}
	}
	for key, n := range living {
		if n != 1 || (s.Stable == nil || rec.Stable.Key != key) && (rec.Previous == nil || rec.Previous.Key != key) {
			p.t.Errorf("%d processes of %s run: stable %+v", n, key, rec.Stable)
		}
	}
}

func TestWhateverHappensToAModuleTheRulesHold(t *testing.T) {
	for seed := range uint64(seedsOfRules) {
		synctest.Test(t, func(t *testing.T) {
			p := &player{world: newWorld(t), rand: rand.New(rand.NewPCG(seed, 3))}
			p.activate("1.0.0")
			for i := 0; i < 60 && !t.Failed(); i++ {
				p.act()
				p.holds()
			}
			p.ends()
			p.stop()
			if t.Failed() {
				t.Errorf("seed %d: %q", seed, p.story)
			}
		})
	}
}

// A story is told again and again: each time the host does one thing more before its
// disk takes nothing any more, and dies, or gets space again.
func TestWhateverHappensTheHostMayDieAndTheDiskMayFillAtEachPoint(t *testing.T) {
	for seed := range uint64(seedsOfDeath) {
		for _, dies := range []bool{true, false} {
			points := 1
			for point := 0; point < points; point++ {
				synctest.Test(t, func(t *testing.T) {
					p := &player{world: newWorld(t), rand: rand.New(rand.NewPCG(seed, 7))}
					p.activate("1.0.0")
					p.dieAfter(point)
					for i := 0; i < 14 && !t.Failed(); i++ {
						p.act()
						p.holds()
						p.mu.Lock()
						over := p.dead()
						p.mu.Unlock()
						if over && dies {
							p.crashHost()
						} else if over {
							p.trySpoil("1.1.0", 30)
							p.holds()
							p.mu.Lock()
							p.deadline = 0
							p.mu.Unlock()
							p.pass(2 * time.Second)
						}
					}
					if point == 0 {
						p.mu.Lock()
						points = len(p.journal) - p.born
						p.mu.Unlock()
					}
					p.ends()
					p.stop()
					if t.Failed() {
						t.Errorf("seed %d, point %d: %q", seed, point, p.story)
					}
				})
			}
		}
	}
}
