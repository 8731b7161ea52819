package rollout_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/segue-run/segue/runtime/module"
	"github.com/segue-run/segue/runtime/policy"
	"github.com/segue-run/segue/runtime/rollout"
	"github.com/segue-run/segue/sdk/manifest"
)

// refused is a hook's or a check's word against a release.
var refused = &module.Error{Kind: module.Invalid, Msg: "no, not this one"}

// unreachable is what nobody's word is.
var unreachable = &module.Error{Kind: module.Unavailable, Msg: "connection refused"}

func approvals(points ...policy.Point) func(*rollout.Policy) {
	return func(p *rollout.Policy) {
		p.Approvals, p.ApprovalTimeout = points, new(manifest.Duration(time.Hour))
	}
}

func hooks(points ...policy.Point) func(*rollout.Policy) {
	return func(p *rollout.Policy) {
		p.Hooks = map[policy.Point]string{}
		for _, point := range points {
			p.Hooks[point] = "http://127.0.0.1/" + string(point)
		}
	}
}

// frozen is a policy that freezes until half past midnight of the world's second day.
func frozen(p *rollout.Policy) { p.Freeze = []policy.Window{"2000-01-01 00:00 - 2000-01-01 00:30 UTC"} }

func (w *world) wantWaiting(kind string, point policy.Point) {
	w.t.Helper()
	ro := w.status().Rollout
	if ro.Waiting == nil || ro.Waiting.For != kind || ro.Waiting.Point != string(point) || ro.Waiting.Message == "" {
		w.t.Errorf("%s waits for %+v, want %s %s", ro.Phase, ro.Waiting, kind, point)
	}
}

func (w *world) wantPhase(phase rollout.Phase, reason string) module.RolloutStatus {
	w.t.Helper()
	ro := w.status().Rollout
	if ro.Phase != string(phase) || !strings.Contains(ro.Reason, reason) {
		w.t.Errorf("phase %s (%s), want %s (%s)", ro.Phase, ro.Reason, phase, reason)
	}
	return *ro
}

func (w *world) state(version string) module.ReleaseState {
	w.t.Helper()
	for _, r := range w.status().Releases {
		if r.Version == version {
			return r.State
		}
	}
	w.t.Errorf("nothing is known of %s", version)
	return ""
}

func TestAnApprovalIsWaitedForAtEachPointThatAsksForIt(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.activate("1.0.0")
		_ = w.offer("1.1.0", like(manifest.Gradual, approvals(policy.BeforeStart, policy.BeforeTraffic, policy.EachStep)))
		w.pass(time.Minute)
		w.wantPhase(rollout.Pending, "")
		w.wantWaiting("approval", policy.BeforeStart)
		w.wantEvent(module.RolloutWaiting, "segue approve hello")
		if w.instance("1.1.0") != nil {
			t.Error("a process runs before its start was approved")
		}
		approve := func() {
			t.Helper()
			if err := w.engine.Approve(t.Context(), by(alice)); err != nil {
				t.Fatal(err)
			}
		}
		approve()
		w.pass(time.Minute)
		w.wantPhase(rollout.Checking, "")
		w.wantWaiting("approval", policy.BeforeTraffic)
		w.wantSplit(map[string]manifest.Weight{"1.0.0": 10000})
		if w.shown.Preview == nil {
			t.Error("nobody can look at what is to be approved")
		}
		for _, weight := range []manifest.Weight{100, 2500} {
			approve()
			w.pass(time.Second)
			w.wantWaiting("hold", "")
			w.pass(time.Minute)
			w.wantSplit(map[string]manifest.Weight{"1.0.0": 10000 - weight, "1.1.0": weight})
			w.wantWaiting("approval", policy.EachStep)
		}
		approve()
		w.pass(11 * time.Second)
		w.wantPhase(rollout.Promoted, "")
		var approved int
		for _, a := range w.audits {
			if a.Action == "approve" && a.Outcome == "accepted" {
				approved++
			}
		}
		if approved != 4 {
			t.Errorf("%d approvals in the audit", approved)
		}
	})
}

func TestAnApprovalThatNobodyGivesEndsTheRolloutWithoutBlame(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.activate("1.0.0")
		_ = w.offer("1.1.0", like(manifest.Gradual, approvals(policy.BeforeTraffic)))
		w.pass(30 * time.Minute)
		w.crashHost() // the deadline is not forgotten for ever
		w.pass(61 * time.Minute)
		w.wantPhase(rollout.Failed, "nobody approved (before traffic) within 1h0m0s")
		if got := w.state("1.1.0"); got != module.Failed {
			t.Errorf("release is %s", got)
		}
	})
}

func TestNothingWidensInAFreezeUntilItEndsOrIsApproved(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.activate("1.0.0")
		_ = w.offer("1.1.0", like(manifest.Gradual, frozen))
		w.pass(time.Minute)
		w.wantWaiting("freeze", "")
		w.wantPhase(rollout.Pending, "")
		if until := w.status().Rollout.Waiting.Deadline; until.IsZero() {
			t.Error("nobody knows how long")
		}
		w.pass(30 * time.Minute)
		w.wantPhase(rollout.Promoted, "")
	})
}

func TestAnApprovalLetsOneRolloutThroughAFreeze(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.activate("1.0.0")
		_ = w.offer("1.1.0", like(manifest.Gradual, frozen))
		w.wantWaiting("freeze", "")
		if err := w.engine.Approve(t.Context(), by(bob)); err != nil {
			t.Fatal(err)
		}
		w.pass(time.Second)
		w.wantSplit(map[string]manifest.Weight{"1.0.0": 9900, "1.1.0": 100})
		w.crashHost()
		w.pass(time.Minute)
		w.wantPhase(rollout.Promoted, "")
		_ = w.offer("1.2.0", like(manifest.Gradual, frozen)) // and no other one
		w.pass(time.Minute)
		w.wantWaiting("freeze", "")
	})
}

func TestWhatIsWaitedForIsToldWithTheCommandThatMovesIt(t *testing.T) {
	message := func(w *world, kind string) string {
		w.t.Helper()
		w.wantWaiting(kind, policy.Point(w.status().Rollout.Waiting.Point))
		return w.status().Rollout.Waiting.Message
	}
	inWorld(t, func(t *testing.T, w *world) {
		w.activate("1.0.0")
		_ = w.offer("1.1.0", like(manifest.Gradual, frozen, approvals(policy.BeforeTraffic), func(p *rollout.Policy) { p.Unproven = manifest.Wait }))
		told := map[string]string{module.ForFreeze: message(w, module.ForFreeze)}
		_ = w.engine.Approve(t.Context(), by(alice))
		w.pass(time.Second)
		told[module.ForApproval] = message(w, module.ForApproval)
		_ = w.engine.Pause(t.Context(), by(alice))
		told[module.ForPause] = message(w, module.ForPause)
		w.wantEvent(module.RolloutPaused, "segue resume hello")
		_ = w.engine.Resume(t.Context(), by(alice))
		_ = w.engine.Approve(t.Context(), by(alice))
		w.pass(time.Second)
		if hold := message(w, module.ForHold); hold != "the step lasts at least 10s; it goes on by itself" {
			t.Errorf("a hold: %s", hold)
		}
		w.pass(time.Minute)
		told[module.ForEvidence] = message(w, module.ForEvidence)
		for kind, command := range map[string]string{module.ForFreeze: "approve", module.ForApproval: "approve", module.ForPause: "resume", module.ForEvidence: "approve"} {
			if !strings.Contains(told[kind], "`segue "+command+" hello") {
				t.Errorf("%s: %s", kind, told[kind])
			}
		}
	})
}

func TestAFreezeThatCannotBeReadHoldsUntilItIsApproved(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.activate("1.0.0")
		_ = w.offer("1.1.0", like(manifest.Gradual, func(p *rollout.Policy) { p.Freeze = []policy.Window{"Fri 16:00 - Mon 08:00 Mars/Olympus"} }))
		w.pass(100 * time.Hour)
		w.wantPhase(rollout.Pending, "")
		w.wantWaiting("freeze", "")
		if message := w.status().Rollout.Waiting.Message; !strings.Contains(message, "Mars/Olympus is no time zone") || !strings.Contains(message, "segue approve hello") {
			t.Errorf("it waits: %s", message)
		}
		if err := w.engine.Approve(t.Context(), by(bob)); err != nil {
			t.Fatal(err)
		}
		w.pass(time.Minute)
		w.wantPhase(rollout.Promoted, "")
	})
}

func TestAnApprovalForOnePointOpensNoOther(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.activate("1.0.0")
		_ = w.offer("1.1.0", like(manifest.Gradual, frozen, approvals(policy.BeforeStart, policy.BeforeTraffic)))
		approve := func(point string) error {
			of := by(alice)
			of.Point = point
			err := w.engine.Approve(t.Context(), of)
			w.pass(time.Second)
			return err
		}
		wantConflict(t, approve("freeze"), `point "freeze": is not what hello-2 to 1.1.0 waits for: that is before_start`, "`segue approve hello before_start` approves that")
		if err := approve("before_start"); err != nil {
			t.Fatal(err)
		}
		wantConflict(t, approve("before_start"), "that is freeze", "approve by user:alice")
		if err := approve("freeze"); err != nil {
			t.Fatal(err)
		}
		wantConflict(t, approve("each_step"), "that is before_traffic")
		w.wantWaiting("approval", policy.BeforeTraffic)
		if err := approve("before_traffic"); err != nil {
			t.Fatal(err)
		}
		w.wantPhase(rollout.Shifting, "")
	})
}

func TestHooksAreAskedAtTheirPointsAndToldTheEnd(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.activate("1.0.0")
		all := like(manifest.Gradual, hooks(policy.BeforeStart, policy.BeforeTraffic, policy.EachStep, policy.AfterPromotion, policy.AfterRollback))
		w.hooks[policy.AfterPromotion] = answer{err: refused}
		_ = w.offer("1.1.0", all)
		w.pass(time.Minute)
		w.wantPhase(rollout.Promoted, "")
		w.wantEvent(module.HookFailed, "not this one")
		_ = w.offer("1.2.0", all)
		w.pass(time.Second)
		_ = w.engine.Abort(t.Context(), by(alice))
		w.pass(time.Second)
		want := []policy.Point{policy.BeforeStart, policy.BeforeTraffic, policy.EachStep, policy.EachStep, policy.AfterPromotion,
			policy.BeforeStart, policy.BeforeTraffic, policy.AfterRollback}
		if !slices.Equal(w.called, want) {
			t.Errorf("hooks %v, want %v", w.called, want)
		}
	})
}

func TestWhatSpeaksAgainstACandidateBeforeItsTrafficEndsTheRollout(t *testing.T) {
	checks := func(p *rollout.Policy) {
		p.Checks = []policy.Check{{Method: "GET", Path: "/a"}, {Method: "GET", Path: "/b"}}
	}
	for _, c := range []struct {
		name   string
		policy rollout.Policy
		set    func(w *world)
		state  module.ReleaseState
		reason string
	}{
		{name: "a hook that refuses the start", policy: like(manifest.Gradual, hooks(policy.BeforeStart)), set: func(w *world) { w.hooks[policy.BeforeStart] = answer{err: refused} }, state: module.Quarantined, reason: "the hook (before start): no, not this one"},
		{name: "a hook that refuses the traffic", policy: like(manifest.Instant, hooks(policy.BeforeTraffic)), set: func(w *world) { w.hooks[policy.BeforeTraffic] = answer{err: refused} }, state: module.Quarantined, reason: "not this one"},
		{name: "a hook that is not there", policy: like(manifest.Gradual, hooks(policy.BeforeTraffic)), set: func(w *world) { w.hooks[policy.BeforeTraffic] = answer{err: unreachable} }, state: module.Failed, reason: "connection refused"},
		{name: "a hook that never answers", policy: like(manifest.Gradual, hooks(policy.BeforeTraffic)), set: func(w *world) { w.hooks[policy.BeforeTraffic] = answer{after: time.Hour} }, state: module.Failed, reason: "no answer"},
		{name: "a check", policy: like(manifest.Bluegreen, checks), set: func(w *world) { w.checkErr = refused }, state: module.Quarantined, reason: "its checks: no, not this one"},
		{name: "a check that the host could not make", policy: like(manifest.Bluegreen, checks), set: func(w *world) { w.checkErr = &module.Error{Kind: module.Quota, Msg: "no descriptors"} }, state: module.Failed, reason: "no descriptors"},
		{name: "a rehearsal", policy: like(manifest.Gradual, func(p *rollout.Policy) {
			p.Rehearsal.Requests, p.MaxDifferences = new(10), new(manifest.Weight(500))
		}), set: func(w *world) { w.rehearsal = module.Comparison{Requests: 10, Different: 1} }, state: module.Quarantined, reason: "1 of 10 rehearsed requests"},
	} {
		t.Run(c.name, func(t *testing.T) {
			inWorld(t, func(t *testing.T, w *world) {
				w.activate("1.0.0")
				c.set(w)
				_ = w.offer("1.1.0", c.policy)
				w.pass(time.Minute)
				w.wantPhase(rollout.Failed, c.reason)
				if got := w.state("1.1.0"); got != c.state {
					t.Errorf("release is %s, want %s", got, c.state)
				}
				if w.instance("1.1.0") != nil {
					t.Error("the candidate still runs")
				}
			})
		})
	}
}

func TestChecksAndRehearsalArePassedOnceAndShown(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.activate("1.0.0")
		w.rehearsal = module.Comparison{Requests: 20, Different: 1}
		_ = w.offer("1.1.0", like(manifest.Gradual, func(p *rollout.Policy) {
			p.Checks = []policy.Check{{Path: "/a"}, {Path: "/b"}}
			p.Rehearsal.Requests, p.MaxDifferences = new(20), new(manifest.Weight(500))
		}))
		w.pass(time.Minute)
		ro := w.wantPhase(rollout.Promoted, "")
		if !slices.Equal(w.checked, []string{"/a", "/b"}) || ro.Rehearsal == nil || ro.Rehearsal.Requests != 20 {
			t.Errorf("checked %v, rehearsal %+v", w.checked, ro.Rehearsal)
		}
	})
}

func TestARehearsalOfNothingIsToldAndHoldsUpNothing(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.activate("1.0.0")
		_ = w.offer("1.1.0", like(manifest.Gradual, func(p *rollout.Policy) { p.Rehearsal.Requests = new(20) }))
		w.pass(time.Minute)
		const words = "nothing recorded yet to rehearse with"
		if ro := w.wantPhase(rollout.Promoted, ""); ro.Rehearsal == nil || ro.Rehearsal.Message != words {
			t.Errorf("the rehearsal is %+v", ro.Rehearsal)
		}
		w.wantEvent(module.RolloutContinued, words+"; it goes on without")
	})
}

func TestACandidateThatIsStartedAgainIsCheckedAgain(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.activate("1.0.0")
		_ = w.offer("1.1.0", like(manifest.Gradual, approvals(policy.BeforeTraffic), func(p *rollout.Policy) {
			p.Checks, p.Signs = []policy.Check{{Path: "/a"}}, map[policy.Sign]manifest.Weight{policy.Crash: 1000}
		}))
		w.pass(time.Second)
		w.instance("1.1.0").crash("exited with code 1")
		w.pass(time.Second)
		w.wantWaiting("approval", policy.BeforeTraffic)
		w.crashHost()
		w.pass(time.Second)
		w.wantWaiting("approval", policy.BeforeTraffic)
		if len(w.checked) != 3 {
			t.Errorf("checked %v", w.checked)
		}
	})
}

// A refused offer may have cost the candidate its process; the next must show anew what
// that had shown.
func TestACandidateThatARefusedOfferEndedIsCheckedAgain(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.activate("1.0.0")
		w.rehearsal = module.Comparison{Requests: 3}
		_ = w.offer("1.1.0", like(manifest.Gradual, approvals(policy.BeforeTraffic), func(p *rollout.Policy) {
			p.Checks, p.Rehearsal.Requests = []policy.Check{{Path: "/a"}}, new(3)
		}))
		w.pass(time.Second)
		w.wantWaiting("approval", policy.BeforeTraffic)
		was := w.instance("1.1.0")
		w.setSaveErr(errFull)
		if err := w.offer("1.2.0", gradual); module.KindOf(err) != module.Unavailable {
			t.Fatalf("the offer: %v", err)
		}
		w.setSaveErr(nil)
		w.pass(5 * time.Second)
		w.wantWaiting("approval", policy.BeforeTraffic)
		if is := w.instance("1.1.0"); is == nil || is == was {
			t.Fatalf("the candidate was not started anew: %v", is)
		}
		if len(w.checked) != 2 {
			t.Errorf("checked %v", w.checked)
		}
	})
}

func TestAHookThatTheHostDiedInIsAskedAgain(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.activate("1.0.0")
		w.hooks[policy.BeforeTraffic] = answer{after: 5 * time.Second}
		_ = w.offer("1.1.0", like(manifest.Gradual, hooks(policy.BeforeTraffic)))
		w.pass(2 * time.Second)
		w.wantWaiting("hook", policy.BeforeTraffic)
		w.crashHost()
		w.pass(time.Minute)
		w.wantPhase(rollout.Promoted, "")
		if len(w.called) != 2 {
			t.Errorf("called %v", w.called)
		}
	})
}

func TestAHookIsCalledOffWithItsRollout(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.activate("1.0.0")
		w.hooks[policy.BeforeTraffic] = answer{after: 9 * time.Second, err: refused}
		_ = w.offer("1.1.0", like(manifest.Gradual, hooks(policy.BeforeTraffic)))
		w.pass(time.Second)
		if err := w.engine.Pause(t.Context(), by(bob)); err != nil { // an answer is heard all the same
			t.Fatal(err)
		}
		w.pass(time.Second)
		if w.calledOff != 0 {
			t.Error("the pause called it off")
		}
		if err := w.offer("1.2.0", gradual); err != nil {
			t.Fatal(err)
		}
		w.pass(time.Millisecond)
		if w.calledOff != 1 {
			t.Errorf("%d hooks were called off", w.calledOff)
		}
		w.pass(time.Minute)
		if s := w.status(); s.Stable.Version != "1.2.0" || w.state("1.1.0") != module.Stopped {
			t.Errorf("stable %+v, 1.1.0 %s", s.Stable, w.state("1.1.0"))
		}
	})
}

func TestAWayBackAsksNobody(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.activate("1.0.0")
		_ = w.offer("1.1.0", like(manifest.Instant, frozen, approvals(policy.BeforeTraffic)))
		w.pass(time.Second)
		_ = w.engine.Approve(t.Context(), by(alice))
		w.pass(time.Second)
		if err := w.engine.Promote(t.Context(), by(alice)); err != nil {
			t.Fatal(err)
		}
		w.pass(11 * time.Minute)
		if err := w.engine.Rollback(t.Context(), by(alice)); err != nil {
			t.Fatal(err)
		}
		w.pass(time.Second)
		w.wantSplit(map[string]manifest.Weight{"1.0.0": 10000})
	})
}
