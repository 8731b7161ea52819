package rollout_test

import (
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/segue-run/segue/runtime/module"
	"github.com/segue-run/segue/runtime/policy"
	"github.com/segue-run/segue/runtime/rollout"
	"github.com/segue-run/segue/sdk/manifest"
)

// deaths are stories in which the host dies. Each begins with 1.0.0 as stable.
var deaths = map[string]struct {
	behaviour behaviour // of 1.1.0
	policy    rollout.Policy
	asked     manifest.Permissions
	act       func(w *world) // after 1.1.0 was offered, and a second
	end       []string       // what may be stable in the end
}{
	"a good candidate":               {policy: gradual, end: []string{"1.0.0", "1.1.0"}},
	"a good instant switch":          {policy: instant, end: []string{"1.0.0", "1.1.0"}},
	"a good bluegreen switch":        {policy: bluegreen, end: []string{"1.0.0", "1.1.0"}},
	"one that does not start":        {policy: gradual, behaviour: behaviour{startErr: errNo}, end: []string{"1.0.0"}},
	"one that fails in its traffic":  {policy: gradual, act: spoil, end: []string{"1.0.0", "1.1.0"}},
	"one that fails in its trial":    {policy: instant, act: spoil, end: []string{"1.0.0", "1.1.0"}},
	"one that never passes a probe":  {policy: gradual, behaviour: behaviour{probeErr: errors.New("no")}, end: []string{"1.0.0"}},
	"one that dies while it warms":   {policy: gradual, behaviour: behaviour{diesEarly: true}, end: []string{"1.0.0"}},
	"one that comes up very slowly":  {policy: gradual, behaviour: behaviour{startTime: 9 * time.Second}, end: []string{"1.0.0", "1.1.0"}},
	"one that ignores being stopped": {policy: gradual, behaviour: behaviour{ignores: true}, act: spoil, end: []string{"1.0.0", "1.1.0"}},
	"one that falls and comes again": {policy: like(manifest.Gradual, lenient), act: func(w *world) {
		if inst := w.instance("1.1.0"); inst != nil {
			inst.crash("exited with code 1")
		}
	}, end: []string{"1.0.0", "1.1.0"}},
	"one that passes all the gates": {policy: like(manifest.Gradual, hooks(policy.BeforeStart, policy.BeforeTraffic, policy.EachStep, policy.AfterPromotion),
		func(p *rollout.Policy) { p.Checks, p.Rehearsal.Requests = []policy.Check{{Path: "/a"}}, new(3) }), end: []string{"1.0.0", "1.1.0"}},
	"one that is approved": {policy: like(manifest.Gradual, approvals(policy.BeforeStart, policy.BeforeTraffic, policy.EachStep)), act: func(w *world) {
		for range 4 {
			_ = w.engine.Approve(w.t.Context(), by(alice))
			w.pass(12 * time.Second)
		}
	}, end: []string{"1.0.0", "1.1.0"}},
	"one that is paused and resumed": {policy: gradual, act: func(w *world) {
		_ = w.engine.Pause(w.t.Context(), by(bob))
		w.pass(30 * time.Second)
		_ = w.engine.Resume(w.t.Context(), by(bob))
	}, end: []string{"1.0.0", "1.1.0"}},
	"one that is promoted": {policy: gradual, act: func(w *world) { _ = w.engine.Promote(w.t.Context(), by(alice)) }, end: []string{"1.0.0", "1.1.0"}},
	"one that is aborted":  {policy: gradual, act: func(w *world) { _ = w.engine.Abort(w.t.Context(), by(alice)) }, end: []string{"1.0.0", "1.1.0"}},
	"one that is doubted": {policy: gradual, act: func(w *world) {
		w.pass(21 * time.Second)
		w.trySpoil("1.1.0", 100)
		w.pass(time.Second)
	}, end: []string{"1.0.0", "1.1.0"}},
	"one that is superseded": {policy: gradual, act: func(w *world) { _ = w.offer("1.2.0", gradual) }, end: []string{"1.0.0", "1.1.0", "1.2.0"}},
	"one that another waits for": {policy: gradual, act: func(w *world) {
		_ = w.offer("1.2.0", queued)
		_ = w.engine.Abort(w.t.Context(), by(alice))
	}, end: []string{"1.0.0", "1.1.0", "1.2.0"}},
	"one that is granted what it asks for": {policy: gradual, asked: connects(api), act: func(w *world) {
		_ = w.decide("grant")
		w.pass(5 * time.Second)
		_ = w.engine.Revoke(w.t.Context(), by(bob))
	}, end: []string{"1.0.0", "1.1.0"}},
	"one that is rolled back by steps": {policy: instant, act: func(w *world) {
		w.pass(20 * time.Second)
		_ = w.engine.Rollback(w.t.Context(), rollout.Order{Actor: alice, Module: "hello", Stepped: true})
	}, end: []string{"1.0.0", "1.1.0"}},
}

func spoil(w *world) { w.trySpoil("1.1.0", 30) }

// trySpoil lets the version fail n requests, if it has traffic.
func (w *world) trySpoil(version string, n int) bool {
	w.mu.Lock()
	has := w.split[version] > 0
	w.mu.Unlock()
	if has {
		w.serve(version, n, n, 0)
	}
	return has
}

// The host dies after each single thing that it does in a story: whatever was saved by
// then is all that the next host knows. Until it is dead its disk takes nothing any
// more, and a candidate that turns bad then must leave all the same.
func TestWhereverTheHostDiesTheNextOneFinishesOrTakesBack(t *testing.T) {
	for name, c := range deaths {
		t.Run(name, func(t *testing.T) {
			points := 1
			for point := 0; point < points; point++ {
				synctest.Test(t, func(t *testing.T) {
					w := newWorld(t)
					w.activate("1.0.0")
					w.pass(time.Minute)
					w.behave("1.1.0", c.behaviour)
					w.dieAfter(point)
					_, _ = w.engine.Offer(t.Context(), rollout.Offer{Plan: asking("1.1.0", c.asked), Policy: c.policy, Actor: alice})
					w.pass(time.Second)
					if c.act != nil {
						c.act(w)
					}
					w.pass(time.Minute)
					points = max(points, w.didAfter())
					w.crashHost()
					w.settle()
					if !w.sound(c.end) {
						t.Errorf("the host died after %d things", point)
					}
					w.stop()
				})
			}
			if points < 3 {
				t.Errorf("only %d points were tried", points)
			}
		})
	}
}

func TestWhereverTheDiskFillsABadCandidateStillLeaves(t *testing.T) {
	for name, c := range deaths {
		t.Run(name, func(t *testing.T) {
			points, left := 1, 0
			for point := 0; point < points; point++ {
				synctest.Test(t, func(t *testing.T) {
					w := newWorld(t)
					w.activate("1.0.0")
					w.pass(time.Minute)
					w.behave("1.1.0", c.behaviour)
					w.dieAfter(point)
					_, _ = w.engine.Offer(t.Context(), rollout.Offer{Plan: asking("1.1.0", c.asked), Policy: c.policy, Actor: alice})
					w.pass(time.Second)
					for range 5 {
						s := w.status()
						if ro := s.Rollout; ro.To == "1.1.0" && (ro.Phase == "shifting" && ro.Condemns == "" || ro.Phase == "promoted" && time.Since(ro.Ended) < 9*time.Second && ro.Strategy != manifest.Gradual) && w.trySpoil("1.1.0", 500) {
							w.pass(time.Second)
							w.trySpoil("1.1.0", 2000) // the doubt is over
							w.pass(time.Second)
							w.wantSplit(map[string]manifest.Weight{"1.0.0": manifest.Full})
							left++
						}
						w.pass(5 * time.Second)
					}
					points = max(points, w.didAfter())
					w.mu.Lock()
					w.deadline = 0
					w.mu.Unlock()
					w.pass(time.Second)
					w.settle()
					if !w.sound([]string{"1.0.0", "1.1.0", "1.2.0"}) {
						t.Errorf("the disk was full after %d things", point)
					}
					w.stop()
				})
			}
			if c.behaviour == (behaviour{}) && c.act == nil && left == 0 {
				t.Error("no candidate ever had to leave")
			}
		})
	}
}

// settle gives what is under way the time, and the leave, to come to its end.
func (w *world) settle() {
	w.t.Helper()
	for range 12 {
		w.pass(20 * time.Second)
		_ = w.engine.Resume(w.t.Context(), by(alice))
		for _, point := range []string{"without", "", "evidence"} {
			_ = w.engine.Approve(w.t.Context(), rollout.Order{Actor: alice, Module: "hello", Point: point})
		}
	}
	w.pass(time.Minute)
}

// dieAfter lets the host do n more things; nothing is saved after that.
func (w *world) dieAfter(n int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.deadline = len(w.journal) + n
	w.born = len(w.journal)
}

// didAfter is how many things the host would have done since dieAfter.
func (w *world) didAfter() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.journal) - w.born
}

// sound reports whether one release serves all traffic, it is one of these, and
// nothing is left on its way, nor out of the history.
func (w *world) sound(end []string) bool {
	w.t.Helper()
	s := w.status()
	if s.State != module.Active || s.Candidate != nil || s.Queued != nil || s.Stable == nil || !slices.Contains(end, s.Stable.Version) {
		w.t.Errorf("%s with stable %+v, candidate %+v and rollout %+v, want one of %v active", s.State, s.Stable, s.Candidate, s.Rollout, end)
		return false
	}
	w.mu.Lock()
	past, filed := w.filed[s.Rollout.ID]
	w.mu.Unlock()
	if !filed || past.Phase != s.Rollout.Phase {
		w.t.Errorf("the history has %+v of %s, which was %s", past, s.Rollout.ID, s.Rollout.Phase)
		return false
	}
	return w.wantSplit(map[string]manifest.Weight{s.Stable.Version: manifest.Full})
}
