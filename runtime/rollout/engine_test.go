package rollout_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/segue-run/segue/runtime/module"
	"github.com/segue-run/segue/runtime/rollout"
	"github.com/segue-run/segue/sdk/manifest"
)

// inWorld runs a test in virtual time, and sees that the engine stops clean.
func inWorld(t *testing.T, test func(t *testing.T, w *world)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		test(t, w)
		w.stop()
		for _, inst := range w.instances {
			if !inst.isDone() {
				t.Errorf("%s still runs after the engine has stopped", inst.id)
			}
		}
	})
}

func TestAFirstReleaseGetsAllTrafficOnceItIsWarm(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		if err := w.offer("1.0.0", gradual); err != nil {
			t.Fatal(err)
		}
		w.pass(time.Second)
		w.wantSplit(map[string]manifest.Weight{"1.0.0": 10000})
		s := w.status()
		if s.State != module.Active || s.Stable.PID == 0 || s.Candidate != nil || s.Rollout.Phase != "promoted" {
			t.Errorf("status %+v", s)
		}
	})
}

func TestAGradualRolloutMovesStepByStep(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.activate("1.0.0")
		if err := w.offer("1.1.0", gradual); err != nil {
			t.Fatal(err)
		}
		w.pass(time.Second)
		for _, want := range []manifest.Weight{100, 2500} {
			w.wantSplit(map[string]manifest.Weight{"1.0.0": 10000 - want, "1.1.0": want})
			if s := w.status(); s.State != module.RollingOut || s.Candidate.Weight != want || s.Stable.Weight != 10000-want {
				t.Errorf("status %+v %+v", s.Stable, s.Candidate)
			}
			w.pass(10 * time.Second)
		}
		w.wantSplit(map[string]manifest.Weight{"1.1.0": 10000})
		w.pass(10 * time.Second)
		s := w.status()
		if s.Stable.Version != "1.1.0" || s.Candidate != nil || s.Previous.Version != "1.0.0" || s.Previous.State != module.Warm {
			t.Errorf("status %+v", s)
		}
		w.pass(10 * time.Minute)
		if w.instance("1.0.0") != nil {
			t.Error("the previous release still runs after the rollback window")
		}
	})
}

func TestACandidateThatFailsIsTakenBackAndQuarantined(t *testing.T) {
	for _, c := range []struct {
		name      string
		behaviour behaviour
		spoil     func(w *world)
		phase     string
		reason    string
	}{
		{name: "it does not start", behaviour: behaviour{startErr: &module.Error{Kind: module.Timeout, Msg: "did not shake hands within 10s"}}, phase: "failed", reason: "did not shake hands"},
		{name: "it never passes a probe", behaviour: behaviour{probeErr: errors.New("not ready")}, phase: "failed", reason: "not ready within 10s"},
		{name: "it dies while warming up", behaviour: behaviour{diesEarly: true}, phase: "failed", reason: "exited with code 1"},
		{name: "its requests fail", spoil: func(w *world) { w.serve("2.0.0", 3, 3, 0) }, phase: "rolled-back", reason: "requests failed"},
		{name: "its requests are slow", spoil: func(w *world) { w.serve("2.0.0", 10, 0, time.Second) }, phase: "rolled-back", reason: "requests took too long"},
		{name: "it crashes", spoil: func(w *world) { w.instance("2.0.0").crash("killed by SIGSEGV") }, phase: "rolled-back", reason: "crashed: killed by SIGSEGV"},
		{name: "its probes begin to fail", spoil: func(w *world) { w.instance("2.0.0").sicken(errors.New("sick")) }, phase: "rolled-back", reason: "failed 3 probes in a row: sick"},
	} {
		t.Run(c.name, func(t *testing.T) {
			inWorld(t, func(t *testing.T, w *world) {
				w.activate("1.0.0")
				w.behave("2.0.0", c.behaviour)
				if err := w.offer("2.0.0", gradual); err != nil {
					t.Fatal(err)
				}
				w.pass(time.Second)
				if c.spoil != nil {
					c.spoil(w)
					w.pass(5 * time.Second)
				} else {
					w.pass(15 * time.Second)
				}
				w.wantSplit(map[string]manifest.Weight{"1.0.0": 10000})
				s := w.status()
				if s.State != module.Active || s.Rollout.Phase != c.phase || s.Rollout.Verdict != module.Fail || !strings.Contains(s.Rollout.Reason, c.reason) {
					t.Errorf("state %s, rollout %+v", s.State, s.Rollout)
				}
				if w.instance("2.0.0") != nil {
					t.Error("the candidate still runs")
				}
				w.wantEvent(module.ReleaseQuarantine, c.reason)
				err := w.offer("2.0.0", gradual)
				if module.KindOf(err) != module.Conflict || !strings.Contains(err.Error(), "quarantine") {
					t.Errorf("a second offer: %v", err)
				}
			})
		})
	}
}

func TestForceLiftsAQuarantine(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.activate("1.0.0")
		w.behave("2.0.0", behaviour{startErr: errNo})
		_ = w.offer("2.0.0", gradual)
		w.pass(time.Second)
		w.behave("2.0.0", behaviour{})
		if _, err := w.engine.Offer(t.Context(), rollout.Offer{Plan: plan("2.0.0"), Policy: instant, Actor: alice, Force: true}); err != nil {
			t.Fatal(err)
		}
		w.pass(time.Second)
		w.wantSplit(map[string]manifest.Weight{"2.0.0": 10000})
	})
}

func TestABadReleaseAfterAnInstantSwitchGivesWayAtOnce(t *testing.T) {
	for name, spoil := range map[string]func(w *world){
		"errors": func(w *world) { w.serve("2.0.0", 20, 20, 0) },
		"crash":  func(w *world) { w.instance("2.0.0").crash("exited with code 1") },
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, func(t *testing.T, w *world) {
				w.activate("1.0.0")
				if err := w.offer("2.0.0", instant); err != nil {
					t.Fatal(err)
				}
				w.pass(time.Second)
				w.wantSplit(map[string]manifest.Weight{"2.0.0": 10000})
				spoil(w)
				w.pass(0)
				w.wantSplit(map[string]manifest.Weight{"1.0.0": 10000})
				if s := w.status(); s.Stable.Version != "1.0.0" || s.Previous != nil {
					t.Errorf("status %+v", s)
				}
				if err := w.offer("2.0.0", instant); module.KindOf(err) != module.Conflict {
					t.Errorf("the bad release was taken again: %v", err)
				}
			})
		})
	}
}

func TestANewerOfferSupersedesTheRolloutUnderWay(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.activate("1.0.0")
		_ = w.offer("1.1.0", gradual)
		w.pass(time.Second)
		if err := w.offer("1.2.0", gradual); err != nil {
			t.Fatal(err)
		}
		w.pass(time.Second)
		w.wantSplit(map[string]manifest.Weight{"1.0.0": 9900, "1.2.0": 100})
		w.wantEvent(module.RolloutAborted, "superseded by hello@1.2.0")
		w.pass(2 * time.Second)
		if w.instance("1.1.0") != nil {
			t.Error("the superseded candidate still runs")
		}
		if err := w.offer("1.1.0", gradual); err != nil {
			t.Errorf("a superseded release is in quarantine: %v", err)
		}
	})
}

func TestOfferingStableAgainDuringARolloutGoesBackToIt(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.activate("1.0.0")
		if err := w.offer("1.0.0", gradual); !errors.Is(err, rollout.ErrUnchanged) {
			t.Errorf("offering stable: %v", err)
		}
		_ = w.offer("1.1.0", gradual)
		w.pass(time.Second)
		if err := w.offer("1.1.0", gradual); !errors.Is(err, rollout.ErrUnchanged) {
			t.Errorf("offering the candidate: %v", err)
		}
		if err := w.offer("1.0.0", gradual); err != nil {
			t.Fatal(err)
		}
		w.wantSplit(map[string]manifest.Weight{"1.0.0": 10000})
	})
}

func TestAVersionThatServedIsTakenForGood(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.activate("1.0.0")
		w.activate("1.1.0")
		other := plan("1.0.0")
		other.Digest = module.Digest(strings.Repeat("ab", 32))
		_, err := w.engine.Offer(t.Context(), rollout.Offer{Plan: other, Policy: instant, Actor: alice})
		if module.KindOf(err) != module.Conflict || !strings.Contains(err.Error(), "raise the version") {
			t.Errorf("err %v", err)
		}
		w.behave("2.0.0", behaviour{startErr: errNo})
		_ = w.offer("2.0.0", gradual)
		w.pass(time.Second)
		fixed := plan("2.0.0")
		fixed.Digest = module.Digest(strings.Repeat("cd", 32))
		w.behave("2.0.0", behaviour{})
		if _, err := w.engine.Offer(t.Context(), rollout.Offer{Plan: fixed, Policy: instant, Actor: alice}); err != nil {
			t.Errorf("new bytes for a version that never served: %v", err)
		}
	})
}

func TestRollbackToAWarmReleaseIsOneSplit(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.activate("1.0.0")
		w.activate("1.1.0")
		before := len(w.done(0))
		if err := w.engine.Rollback(t.Context(), by(alice)); err != nil {
			t.Fatal(err)
		}
		if got := w.done(before); !slices.Equal(got[:2], []string{"split map[1.0.0:100%]", "save promoted"}) {
			t.Errorf("a rollback did %q", got)
		}
		w.pass(2 * time.Second)
		s := w.status()
		if s.Stable.Version != "1.0.0" || s.Previous != nil || w.instance("1.1.0") != nil {
			t.Errorf("status %+v", s)
		}
		if err := w.engine.Rollback(t.Context(), by(alice)); module.KindOf(err) != module.NotFound {
			t.Errorf("a second rollback: %v", err)
		}
	})
}

func TestRollbackToAColdReleaseStartsItFirst(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.activate("1.0.0")
		w.activate("1.1.0")
		w.pass(11 * time.Minute)
		if err := w.engine.Rollback(t.Context(), by(alice)); err != nil {
			t.Fatal(err)
		}
		w.wantSplit(map[string]manifest.Weight{"1.1.0": 10000})
		w.pass(time.Second)
		w.wantSplit(map[string]manifest.Weight{"1.0.0": 10000})
		w.wantEvent(module.ReleaseQuarantine, "rolled back by user:alice")
	})
}

func TestPromoteFinishesAndAbortTakesBack(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.activate("1.0.0")
		if err := w.engine.Promote(t.Context(), by(alice)); module.KindOf(err) != module.Conflict {
			t.Errorf("promote without a rollout: %v", err)
		}
		_ = w.offer("1.1.0", gradual)
		w.pass(time.Second)
		if err := w.engine.Promote(t.Context(), by(alice)); err != nil {
			t.Fatal(err)
		}
		w.wantSplit(map[string]manifest.Weight{"1.1.0": 10000})
		_ = w.offer("1.2.0", gradual)
		w.pass(time.Second)
		if err := w.engine.Abort(t.Context(), by(alice)); err != nil {
			t.Fatal(err)
		}
		w.wantSplit(map[string]manifest.Weight{"1.1.0": 10000})
		if err := w.offer("1.2.0", gradual); module.KindOf(err) != module.Conflict {
			t.Errorf("an aborted release was taken again: %v", err)
		}
	})
}

func TestRemoveTakesTheModuleOutAndKeepsWhatIsKnown(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.activate("1.0.0")
		if err := w.engine.Remove(t.Context(), rollout.Order{Actor: alice, Module: "hello", Reason: "removed by user:alice"}); err != nil {
			t.Fatal(err)
		}
		w.pass(2 * time.Second)
		if w.routed || w.instance("1.0.0") != nil || w.status().State != module.Inactive {
			t.Errorf("status %+v", w.status())
		}
		w.wantEvent(module.ModuleDeactivated, "removed by user:alice")
		w.activate("1.0.0")
	})
}

func TestAStableThatCrashesIsRestartedAndWaitedFor(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.activate("1.0.0")
		w.instance("1.0.0").crash("exited with code 2")
		w.pass(0)
		w.mu.Lock()
		waiting := w.routed && len(w.split) == 0
		w.mu.Unlock()
		if !waiting {
			t.Errorf("requests do not wait for the restart: %v", w.journal)
		}
		w.pass(time.Second)
		w.wantSplit(map[string]manifest.Weight{"1.0.0": 10000})
		w.wantEvent(module.InstanceCrashed, "exited with code 2")
	})
}

func TestAStableThatLoopsInCrashesFallsBackToItsPredecessor(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.activate("1.0.0")
		w.activate("1.1.0")
		for range 5 {
			if inst := w.instance("1.1.0"); inst != nil {
				inst.crash("exited with code 2")
			}
			w.pass(4 * time.Second)
		}
		w.wantSplit(map[string]manifest.Weight{"1.0.0": 10000})
		w.wantEvent(module.ReleaseQuarantine, "5 failures within 1m0s")
	})
}

func TestALoneStableThatLoopsIsRestartedForEverWithPauses(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.activate("1.0.0")
		w.behave("1.0.0", behaviour{diesEarly: true})
		w.instance("1.0.0").crash("exited with code 2")
		w.pass(5 * time.Minute)
		starts := 0
		for _, line := range w.done(0) {
			if line == "start 1.0.0" {
				starts++
			}
		}
		if starts < 10 || starts > 30 {
			t.Errorf("%d starts in five minutes", starts)
		}
		if s := w.status(); s.State != module.Failing {
			t.Errorf("state %s", s.State)
		}
		w.behave("1.0.0", behaviour{})
		w.pass(time.Minute)
		w.wantSplit(map[string]manifest.Weight{"1.0.0": 10000})
	})
}

func TestWhatTheHostLacksToAskIsNobodysIllness(t *testing.T) {
	lack := fmt.Errorf("probe hello: %w", &module.Error{Kind: module.Quota, Msg: "no descriptors"})
	inWorld(t, func(t *testing.T, w *world) {
		w.activate("1.0.0")
		_ = w.offer("2.0.0", gradual)
		w.pass(time.Second)
		stable, candidate := w.instance("1.0.0"), w.instance("2.0.0")
		stable.sicken(lack)
		candidate.sicken(errors.New("sick"))
		w.pass(2 * time.Second) // two of three
		candidate.sicken(lack)
		w.pass(3 * time.Second)
		candidate.sicken(nil)
		w.pass(time.Minute)
		w.wantPhase(rollout.Promoted, "")
		if w.instance("2.0.0") != candidate || len(w.status().Rollout.Evidence.Signs) > 0 {
			t.Errorf("it was started again, or %+v", w.status().Rollout.Evidence)
		}
	})
	inWorld(t, func(t *testing.T, w *world) {
		w.activate("1.0.0")
		w.behave("2.0.0", behaviour{probeErr: lack})
		_ = w.offer("2.0.0", gradual)
		w.pass(time.Minute)
		w.wantPhase(rollout.Failed, "no descriptors")
		w.behave("2.0.0", behaviour{})
		if err := w.offer("2.0.0", gradual); err != nil {
			t.Errorf("it is blamed for what the host lacked: %v", err)
		}
	})
}

func TestAnUnwellStableServesUntilAnotherProcessTakesOver(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.activate("1.0.0")
		old := w.instance("1.0.0")
		w.behave("1.0.0", behaviour{startTime: 2 * time.Second})
		old.sicken(errors.New("deadlock"))
		w.pass(4 * time.Second)
		w.wantSplit(map[string]manifest.Weight{"1.0.0": 10000})
		if old.isDone() {
			t.Error("stopped before another process was there")
		}
		w.pass(4 * time.Second)
		w.wantSplit(map[string]manifest.Weight{"1.0.0": 10000})
		if !old.isDone() || w.instance("1.0.0") == nil {
			t.Error("the unwell process was not replaced")
		}
	})
}

func TestWideningIsSavedFirstAndNarrowingActedOnFirst(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.activate("1.0.0")
		before := len(w.done(0))
		_ = w.offer("1.1.0", gradual)
		w.pass(time.Second)
		want := []string{"save starting", "start 1.1.0", "save shifting", "split map[1.0.0:99% 1.1.0:1%]"}
		if got := w.done(before); !slices.Equal(got, want) {
			t.Errorf("widening did %q, want %q", got, want)
		}
		before = len(w.done(0))
		w.instance("1.1.0").crash("exited with code 1")
		w.pass(time.Second)
		want = []string{"split map[1.0.0:100%]", "save rolled-back"}
		if got := w.done(before)[:2]; !slices.Equal(got, want) {
			t.Errorf("narrowing did %q, want %q", got, want)
		}
	})
}

func TestWithAFullDiskNothingWidensAndABadCandidateStillLeaves(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.activate("1.0.0")
		_ = w.offer("1.1.0", gradual)
		w.pass(time.Second)
		w.setSaveErr(errFull)
		w.serve("1.1.0", 3, 3, 0)
		w.wantSplit(map[string]manifest.Weight{"1.0.0": 10000})
		if err := w.offer("1.2.0", gradual); module.KindOf(err) != module.Unavailable || !errors.Is(err, errFull) {
			t.Errorf("an offer with a full disk: %v", err)
		}
		w.wantSplit(map[string]manifest.Weight{"1.0.0": 10000})
		w.setSaveErr(nil)
		w.pass(5 * time.Second)
		if rec := w.saved["hello"].Record; rec.Rollout.Phase != rollout.RolledBack {
			t.Errorf("saved after the disk has space again: %+v", rec.Rollout)
		}
	})
}

func TestAFullDiskInTheMiddleOfARolloutTakesTheCandidateBack(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.activate("1.0.0")
		_ = w.offer("1.1.0", gradual)
		w.pass(time.Second)
		w.setSaveErr(errFull)
		w.pass(15 * time.Second)
		w.wantSplit(map[string]manifest.Weight{"1.0.0": 10000})
		w.wantEvent(module.RolloutRolledBack, "could not be saved")
	})
}

func TestAChangeThatCannotBeAuditedIsNotMade(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.activate("1.0.0")
		w.mu.Lock()
		w.auditErr = errFull
		w.mu.Unlock()
		if err := w.offer("1.1.0", gradual); !errors.Is(err, errFull) {
			t.Errorf("offer: %v", err)
		}
		if s := w.status(); s.State != module.Active || s.Rollout.To != "1.0.0" {
			t.Errorf("status %+v", s)
		}
	})
}

func TestEveryChangeHasAnActorAndAnAuditRecord(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.activate("1.0.0")
		_ = w.offer("9.9.9", gradual)
		_ = w.offer("1.1.0", gradual)
		w.pass(time.Second)
		_ = w.engine.Abort(t.Context(), by(alice))
		_ = w.engine.Remove(t.Context(), rollout.Order{Actor: alice, Module: "hello", Reason: "enough"})
		var got []string
		for _, a := range w.audits {
			got = append(got, a.Actor.String()+" "+a.Action+" "+a.Target+" "+a.Outcome)
		}
		want := []string{"user:alice deploy hello@1.0.0 accepted", "segue promote hello@1.0.0 accepted",
			"user:alice deploy hello@9.9.9 refused", "user:alice deploy hello@1.1.0 accepted",
			"user:alice abort hello accepted", "user:alice remove hello accepted"}
		if !slices.Equal(got, want) {
			t.Errorf("audit\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
	})
}

func TestAfterACrashOfTheHostARolloutGoesOnWhereItWas(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.activate("1.0.0")
		_ = w.offer("1.1.0", gradual)
		w.pass(12 * time.Second)
		w.wantSplit(map[string]manifest.Weight{"1.0.0": 7500, "1.1.0": 2500})
		w.crashHost()
		w.pass(time.Second)
		w.wantSplit(map[string]manifest.Weight{"1.0.0": 7500, "1.1.0": 2500})
		w.wantEvent(module.RolloutResumed, "hello@1.1.0")
		w.pass(30 * time.Second)
		if s := w.status(); s.Stable.Version != "1.1.0" {
			t.Errorf("stable %+v", s.Stable)
		}
		w.behave("1.2.0", behaviour{})
		_ = w.offer("1.2.0", gradual)
		w.pass(time.Second)
		w.behave("1.2.0", behaviour{startErr: errors.New("not any more")})
		w.crashHost()
		w.pass(15 * time.Second)
		w.wantSplit(map[string]manifest.Weight{"1.1.0": 10000})
	})
}

func TestAReleaseBringsItsRoutesWhenItIsPromoted(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.activate("1.0.0")
		wider := plan("1.1.0")
		wider.Routes = append(wider.Routes, manifest.Route{Path: "/more"})
		if _, err := w.engine.Offer(t.Context(), rollout.Offer{Plan: wider, Policy: gradual, Actor: alice}); err != nil {
			t.Fatal(err)
		}
		w.pass(25 * time.Second)
		if len(w.routes()) != 1 {
			t.Errorf("routes while shifting: %v", w.routes())
		}
		w.pass(10 * time.Second)
		if len(w.routes()) != 2 || w.status().Stable.Version != "1.1.0" {
			t.Errorf("routes after the promotion: %v", w.routes())
		}
	})
}

func TestAnOfferThatIsRefusedLeavesNoModuleBehind(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		if err := w.offer("9.9.9", gradual); module.KindOf(err) != module.Conflict {
			t.Errorf("offer: %v", err)
		}
		if _, err := w.engine.Status("hello"); module.KindOf(err) != module.NotFound {
			t.Errorf("status: %v", err)
		}
		if all := w.engine.Statuses(); len(all) != 0 {
			t.Errorf("modules %v", all)
		}
	})
}

func TestTheCountsOfTheStepAreSeenWhileItLasts(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.activate("1.0.0")
		w.serve("1.0.0", 7, 0, 0)
		_ = w.offer("1.1.0", gradual)
		w.pass(time.Second)
		w.serve("1.0.0", 5, 1, 0)
		w.serve("1.1.0", 4, 0, 0)
		ro := w.status().Rollout
		if ro.StableSample != (module.Sample{Requests: 5, Errors: 1}) || ro.CandidateSample != (module.Sample{Requests: 4}) {
			t.Errorf("stable %+v, candidate %+v", ro.StableSample, ro.CandidateSample)
		}
	})
}

func TestWhileStableRestartsTheCandidateGetsNoMoreThanItsShare(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.activate("1.0.0")
		_ = w.offer("1.1.0", gradual)
		w.pass(time.Second)
		w.behave("1.0.0", behaviour{startTime: time.Second})
		w.instance("1.0.0").crash("exited with code 2")
		w.pass(time.Millisecond)
		w.wantSplit(map[string]manifest.Weight{"1.1.0": 100})
		w.pass(2 * time.Second)
		w.wantSplit(map[string]manifest.Weight{"1.0.0": 9900, "1.1.0": 100})
	})
}

var errNo = &module.Error{Kind: module.Invalid, Msg: "no"}

func TestARestartOfStableInAStepDoesNotBlindTheJudge(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.activate("1.0.0")
		w.serve("1.0.0", 200, 1, 0)
		_ = w.offer("1.1.0", gradual)
		w.pass(time.Second)
		w.instance("1.0.0").crash("exited with code 2")
		w.pass(time.Second)
		if s := w.status().Rollout.StableSample; s.Requests != 0 || s.Errors != 0 {
			t.Errorf("stable's sample after its restart: %+v", s)
		}
		w.serve("1.1.0", 10, 10, 0)
		w.wantSplit(map[string]manifest.Weight{"1.0.0": 10000})
		w.wantEvent(module.RolloutRolledBack, "requests failed")
	})
}

func TestWhatTheHostCouldNotDoCondemnsNoRelease(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.activate("1.0.0")
		w.behave("1.1.0", behaviour{startErr: &module.Error{Kind: module.NotFound, Msg: "no such artifact"}})
		_ = w.offer("1.1.0", gradual)
		w.pass(time.Second)
		if s := w.status(); s.Rollout.Phase != "failed" || s.Releases[0].State != module.Failed {
			t.Errorf("rollout %+v, release %+v", s.Rollout, s.Releases[0])
		}
		w.behave("1.1.0", behaviour{})
		if err := w.offer("1.1.0", gradual); err != nil {
			t.Errorf("offered again: %v", err)
		}
	})
}

func TestACrashLoopIsKeptUpThoughItsAuditCannotBeWritten(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.activate("1.0.0")
		w.activate("1.1.0")
		w.pass(11 * time.Minute) // the predecessor is cold
		w.mu.Lock()
		w.auditErr = errFull
		w.mu.Unlock()
		for range 6 {
			if inst := w.instance("1.1.0"); inst != nil {
				inst.crash("exited with code 2")
			}
			w.pass(4 * time.Second)
		}
		w.pass(time.Minute)
		if w.instance("1.1.0") == nil && w.instance("1.0.0") == nil {
			t.Errorf("nothing runs: %+v", w.status())
		}
	})
}

func TestAPromotionThatCannotBeSavedIsRefusedAndCondemnsNobody(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.activate("1.0.0")
		_ = w.offer("1.1.0", gradual)
		w.pass(time.Second)
		w.setSaveErr(errFull)
		if err := w.engine.Promote(t.Context(), by(alice)); !errors.Is(err, errFull) {
			t.Errorf("promote: %v", err)
		}
		if err := w.offer("1.2.0", gradual); !errors.Is(err, errFull) {
			t.Errorf("offer: %v", err)
		}
		w.setSaveErr(nil)
		w.pass(2 * time.Second)
		s := w.status()
		if s.State != module.RollingOut || s.Candidate == nil || s.Candidate.Version != "1.1.0" {
			t.Errorf("status %+v", s)
		}
	})
}

func TestARemovalThatCannotBeSavedYetIsDoneAndSaysSo(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.activate("1.0.0")
		w.setSaveErr(errFull)
		err := w.engine.Remove(t.Context(), rollout.Order{Actor: alice, Module: "hello", Reason: "enough"})
		if err == nil || !strings.Contains(err.Error(), "it is done, but could not be saved yet") {
			t.Errorf("remove: %v", err)
		}
		w.wantSplit(map[string]manifest.Weight{})
		w.setSaveErr(nil)
		w.pass(2 * time.Second)
		if rec := w.saved["hello"].Record; rec.Stable != nil {
			t.Errorf("saved %+v", rec)
		}
	})
}

func TestAPredecessorThatDoesNotComeUpIsNoWayBackAnyMore(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.activate("1.0.0")
		w.activate("1.1.0")
		w.pass(11 * time.Minute)
		w.behave("1.0.0", behaviour{startErr: errNo})
		for range 20 {
			if inst := w.instance("1.1.0"); inst != nil {
				inst.crash("exited with code 2")
			}
			w.pass(2 * time.Second)
		}
		backs := 0
		for _, a := range w.audits {
			if a.Action == "rollback" {
				backs++
			}
		}
		if backs != 1 || w.status().Previous != nil {
			t.Errorf("%d ways back were tried: %+v", backs, w.status().Previous)
		}
	})
}

func TestAbortingAWayBackLeavesTheWayOpen(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.activate("1.0.0")
		w.activate("1.1.0")
		w.pass(11 * time.Minute)
		w.behave("1.0.0", behaviour{startTime: 5 * time.Second})
		if err := w.engine.Rollback(t.Context(), by(alice)); err != nil {
			t.Fatal(err)
		}
		w.pass(time.Second)
		if err := w.engine.Abort(t.Context(), by(alice)); err != nil {
			t.Fatal(err)
		}
		w.behave("1.0.0", behaviour{})
		if err := w.offer("1.0.0", instant); err != nil {
			t.Errorf("the predecessor is condemned: %v", err)
		}
	})
}

func TestAReleaseThatKeepsFailingSaysWhyAndWhenItIsTriedAgain(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.activate("1.0.0")
		w.behave("1.0.0", behaviour{diesEarly: true})
		w.instance("1.0.0").crash("exited with code 2")
		w.pass(30 * time.Second)
		s := w.status().Stable
		if s.State != module.Restarting || s.Weight != 0 || s.Restarts < 5 || s.Reason == "" || s.NextTry.IsZero() {
			t.Errorf("stable %+v", s)
		}
	})
}

func TestACandidateThatEndsTheHostEachTimeIsGivenUp(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.activate("1.0.0")
		w.behave("1.1.0", behaviour{startTime: time.Hour})
		_ = w.offer("1.1.0", gradual)
		for range 4 {
			w.crashHost()
		}
		w.pass(time.Second)
		if s := w.status(); s.State != module.Active || s.Rollout.Phase != "failed" || !strings.Contains(s.Rollout.Reason, "the runtime ended 3 times") {
			t.Errorf("status %s, rollout %+v", s.State, s.Rollout)
		}
	})
}

func TestALongReasonIsCutBeforeItIsKept(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.activate("1.0.0")
		w.behave("1.1.0", behaviour{startErr: &module.Error{Kind: module.Invalid, Msg: strings.Repeat("é\n", 50_000)}})
		_ = w.offer("1.1.0", gradual)
		w.pass(time.Second)
		if rec := w.saved["hello"].Record; len(rec.Rollout.Reason) > 600 || strings.Contains(rec.Decisions[0].Reason, "\n") {
			t.Errorf("%d bytes of reason: %.80q", len(rec.Rollout.Reason), rec.Rollout.Reason)
		}
	})
}
