package rollout_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/segue-run/segue/runtime/module"
	"github.com/segue-run/segue/runtime/policy"
	"github.com/segue-run/segue/runtime/rollout"
	"github.com/segue-run/segue/sdk/manifest"
)

func wantConflict(t *testing.T, err error, words ...string) {
	t.Helper()
	for _, word := range words {
		if module.KindOf(err) != module.Conflict || !strings.Contains(err.Error(), word) {
			t.Errorf("got %v, want a conflict with %q", err, word)
		}
	}
}

func TestAPausedRolloutStaysWhereItIsAlsoAfterARestart(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.activate("1.0.0")
		_ = w.offer("1.1.0", gradual)
		w.pass(time.Second)
		if err := w.engine.Pause(t.Context(), rollout.Order{Actor: bob, Module: "hello", Reason: "lunch"}); err != nil {
			t.Fatal(err)
		}
		w.wantEvent(module.RolloutPaused, "lunch")
		w.pass(time.Hour)
		w.wantSplit(map[string]manifest.Weight{"1.0.0": 9900, "1.1.0": 100})
		w.crashHost()
		w.pass(time.Hour)
		w.wantSplit(map[string]manifest.Weight{"1.0.0": 9900, "1.1.0": 100})
		waiting := w.status().Rollout.Waiting
		if waiting == nil || waiting.For != "pause" || waiting.Actor != "user:bob" || !strings.Contains(waiting.Message, "lunch") {
			t.Errorf("waiting %+v", waiting)
		}
		if err := w.engine.Resume(t.Context(), by(alice)); err != nil {
			t.Fatal(err)
		}
		w.pass(time.Minute)
		w.wantPhase(rollout.Promoted, "")
	})
}

func TestNothingRunsOutInAPause(t *testing.T) {
	t.Run("an approval", func(t *testing.T) {
		inWorld(t, func(t *testing.T, w *world) {
			w.activate("1.0.0")
			_ = w.offer("1.1.0", like(manifest.Gradual, approvals(policy.BeforeTraffic)))
			w.pass(20 * time.Minute)
			_ = w.engine.Pause(t.Context(), by(bob))
			w.pass(25 * time.Hour)
			_ = w.engine.Resume(t.Context(), by(bob))
			w.pass(39 * time.Minute)
			w.wantWaiting("approval", policy.BeforeTraffic)
			w.pass(2 * time.Minute)
			w.wantPhase(rollout.Failed, "nobody approved")
		})
	})
	t.Run("a step", func(t *testing.T) {
		inWorld(t, func(t *testing.T, w *world) {
			w.activate("1.0.0")
			_ = w.offer("1.1.0", gradual)
			w.pass(4 * time.Second)
			_ = w.engine.Pause(t.Context(), by(bob))
			w.pass(time.Hour)
			_ = w.engine.Resume(t.Context(), by(bob))
			w.pass(5 * time.Second)
			w.wantSplit(map[string]manifest.Weight{"1.0.0": 9900, "1.1.0": 100})
			w.pass(2 * time.Second)
			w.wantSplit(map[string]manifest.Weight{"1.0.0": 7500, "1.1.0": 2500})
		})
	})
	t.Run("a step that a restart began again in the pause", func(t *testing.T) {
		inWorld(t, func(t *testing.T, w *world) {
			w.activate("1.0.0")
			_ = w.offer("1.1.0", gradual)
			w.pass(4 * time.Second)
			_ = w.engine.Pause(t.Context(), by(bob))
			w.pass(time.Hour)
			w.crashHost()
			w.pass(time.Hour)
			_ = w.engine.Resume(t.Context(), by(bob))
			w.pass(9 * time.Second)
			w.wantSplit(map[string]manifest.Weight{"1.0.0": 9900, "1.1.0": 100})
			w.pass(2 * time.Second)
			w.wantSplit(map[string]manifest.Weight{"1.0.0": 7500, "1.1.0": 2500})
		})
	})
}

func TestWhatIsSeenInAPauseIsEvidence(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.activate("1.0.0")
		_ = w.offer("1.1.0", like(manifest.Gradual, func(p *rollout.Policy) { p.Unproven = manifest.Wait }))
		w.pass(time.Second)
		_ = w.engine.Pause(t.Context(), by(bob))
		w.serve("1.0.0", 40, 0, 0)
		w.serve("1.1.0", 7, 0, 0)
		w.pass(time.Hour)
		_ = w.engine.Resume(t.Context(), by(bob))
		w.pass(time.Second)
		ro := w.status().Rollout
		if got := ro.Samples[0]; got.Candidate.Requests != 7 || got.Stable.Requests != 40 {
			t.Errorf("the step has seen %+v", got)
		}
	})
}

func TestAHookIsNotAskedAgainAfterAPause(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.activate("1.0.0")
		w.hooks[policy.BeforeTraffic] = answer{after: 8 * time.Second}
		_ = w.offer("1.1.0", like(manifest.Gradual, hooks(policy.BeforeTraffic)))
		w.pass(time.Second)
		_ = w.engine.Pause(t.Context(), by(bob))
		w.pass(time.Second)
		_ = w.engine.Resume(t.Context(), by(bob))
		w.pass(time.Minute)
		if w.wantPhase(rollout.Promoted, ""); len(w.called) != 1 || w.calledOff != 0 {
			t.Errorf("called %v, %d called off", w.called, w.calledOff)
		}
	})
}

func TestARollbackOfAWayBackKeepsWhereItLedTo(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.activate("1.0.0")
		w.activate("1.1.0")
		stepped := by(alice)
		stepped.Stepped = true
		_ = w.engine.Rollback(t.Context(), stepped)
		w.pass(time.Second)
		w.wantSplit(map[string]manifest.Weight{"1.1.0": 9900, "1.0.0": 100})
		if err := w.engine.Rollback(t.Context(), by(bob)); err != nil {
			t.Fatal(err)
		}
		w.pass(time.Second)
		w.wantSplit(map[string]manifest.Weight{"1.1.0": 10000})
		w.wantPhase(rollout.Aborted, "rolled back by user:bob")
		if s := w.status(); s.Previous == nil || s.Previous.Version != "1.0.0" || w.state("1.0.0") != module.Stopped || w.state("1.1.0") != module.Serving {
			t.Errorf("previous %+v, 1.0.0 is %s, 1.1.0 %s", s.Previous, w.state("1.0.0"), w.state("1.1.0"))
		}
		if err := w.engine.Rollback(t.Context(), by(bob)); err != nil { // there still is a way back
			t.Error(err)
		}
	})
}

func TestAPausedCandidateIsJudgedAllTheSame(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.activate("1.0.0")
		_ = w.offer("1.1.0", gradual)
		w.pass(time.Second)
		_ = w.engine.Pause(t.Context(), by(bob))
		w.pass(time.Minute)
		w.serve("1.1.0", 5, 5, 0)
		w.wantPhase(rollout.RolledBack, "requests failed")
		w.wantSplit(map[string]manifest.Weight{"1.0.0": 10000})
	})
}

func TestOfTwoOperatorsTheSecondIsToldWhoAndWhen(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.activate("1.0.0")
		ctx := t.Context()
		wantConflict(t, w.engine.Pause(ctx, by(alice)), "module hello has no rollout under way: hello-1 to 1.0.0 was promoted at 00:00:00")
		_ = w.offer("1.1.0", like(manifest.Gradual, approvals(policy.EachStep)))
		w.pass(time.Second)
		wantConflict(t, w.engine.Resume(ctx, by(alice)), "hello-2 to 1.1.0 is not paused", "the step lasts at least 10s")
		wantConflict(t, w.engine.Approve(ctx, by(alice)), "waits for no approval")
		_ = w.engine.Pause(ctx, by(bob))
		wantConflict(t, w.engine.Pause(ctx, by(alice)), "is paused by user:bob since 00:00:2")
		_ = w.engine.Resume(ctx, by(bob))
		wantConflict(t, w.engine.Resume(ctx, by(alice)), "is not paused (resume by user:bob at 00:00:2")
		w.pass(10 * time.Second)
		w.wantWaiting("approval", policy.EachStep)
		_ = w.engine.Approve(ctx, by(bob))
		wantConflict(t, w.engine.Approve(ctx, by(alice)), "waits for no approval (approve by user:bob at 00:00:3")
		_ = w.engine.Abort(ctx, by(bob))
		for _, err := range []error{w.engine.Abort(ctx, by(alice)), w.engine.Promote(ctx, by(alice)), w.engine.Approve(ctx, by(alice))} {
			wantConflict(t, err, "hello-2 to 1.1.0 was aborted by user:bob at 00:00:3")
		}
	})
}

func TestAnOrderForOneRolloutMovesNoOther(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.activate("1.0.0")
		_ = w.offer("1.1.0", gradual)
		w.pass(time.Second)
		mine := by(alice)
		mine.Rollout = w.status().Rollout.ID
		if err := w.engine.Pause(t.Context(), mine); err != nil {
			t.Fatal(err)
		}
		_ = w.offer("1.2.0", gradual) // takes its place
		w.pass(time.Second)
		verbs := map[string]func(context.Context, rollout.Order) error{"promote": w.engine.Promote, "abort": w.engine.Abort, "pause": w.engine.Pause,
			"resume": w.engine.Resume, "approve": w.engine.Approve, "rollback": w.engine.Rollback, "remove": w.engine.Remove}
		for verb, do := range verbs {
			wantConflict(t, do(t.Context(), mine), "rollout", mine.Rollout, "that is hello-3, to 1.2.0, begun by user:alice")
			if last := w.audits[len(w.audits)-1]; last.Action != verb || last.Outcome != "refused" {
				t.Errorf("%s: the last audit record is %+v", verb, last)
			}
		}
		w.wantSplit(map[string]manifest.Weight{"1.0.0": 9900, "1.2.0": 100})
		mine.Rollout = w.status().Rollout.ID
		if err := w.engine.Abort(t.Context(), mine); err != nil {
			t.Error(err)
		}
		wantConflict(t, w.engine.Abort(t.Context(), mine), "is aborted since")
	})
}

func TestPromoteStandsForWhatIsWaitedForButNotForTheProbes(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.activate("1.0.0")
		_ = w.offer("1.1.0", like(manifest.Gradual, approvals(policy.BeforeStart, policy.BeforeTraffic)))
		if err := w.engine.Promote(t.Context(), by(alice)); module.KindOf(err) != module.Unavailable {
			t.Errorf("promote while pending: %v", err)
		}
		_ = w.engine.Approve(t.Context(), by(alice))
		w.pass(time.Second)
		_ = w.engine.Pause(t.Context(), by(bob))
		if err := w.engine.Promote(t.Context(), by(alice)); err != nil {
			t.Fatal(err)
		}
		w.wantSplit(map[string]manifest.Weight{"1.1.0": 10000})
		w.wantPhase(rollout.Promoted, "promoted by user:alice")
	})
}

func TestACandidateThatIsDownIsNotPromoted(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.activate("1.0.0")
		_ = w.offer("1.1.0", like(manifest.Gradual, lenient))
		w.pass(time.Second)
		w.behave("1.1.0", behaviour{startTime: 5 * time.Second})
		w.instance("1.1.0").crash("exited with code 1")
		w.pass(time.Millisecond)
		if err := w.engine.Promote(t.Context(), by(alice)); module.KindOf(err) != module.Unavailable {
			t.Errorf("promote: %v", err)
		}
		w.wantSplit(map[string]manifest.Weight{"1.0.0": 10000})
		w.pass(6 * time.Second)
		w.wantSplit(map[string]manifest.Weight{"1.0.0": 9900, "1.1.0": 100})
	})
}

func TestARollbackByStepsIsJudgedLikeARollout(t *testing.T) {
	for name, wait := range map[string]time.Duration{"warm": 0, "cold": 11 * time.Minute} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, func(t *testing.T, w *world) {
				w.activate("1.0.0")
				_ = w.offer("1.1.0", gradual)
				w.pass(time.Minute)
				w.pass(wait)
				if err := w.engine.Rollback(t.Context(), rollout.Order{Actor: alice, Module: "hello", Stepped: true}); err != nil {
					t.Fatal(err)
				}
				w.pass(time.Second)
				w.wantSplit(map[string]manifest.Weight{"1.1.0": 9900, "1.0.0": 100})
				w.crashHost()
				w.pass(12 * time.Second)
				w.wantSplit(map[string]manifest.Weight{"1.1.0": 7500, "1.0.0": 2500})
				w.pass(30 * time.Second)
				w.wantSplit(map[string]manifest.Weight{"1.0.0": 10000})
				if got := w.state("1.1.0"); got != module.Quarantined {
					t.Errorf("1.1.0 is %s", got)
				}
			})
		})
	}
}
