package rollout_test

import (
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
		if err := w.engine.Pause(t.Context(), bob, "hello", "lunch"); err != nil {
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
		if err := w.engine.Resume(t.Context(), alice, "hello"); err != nil {
			t.Fatal(err)
		}
		w.pass(time.Minute)
		w.wantPhase(rollout.Promoted, "")
	})
}

func TestAPausedCandidateIsJudgedAllTheSame(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.activate("1.0.0")
		_ = w.offer("1.1.0", gradual)
		w.pass(time.Second)
		_ = w.engine.Pause(t.Context(), bob, "hello", "")
		w.pass(time.Minute)
		w.serve("1.1.0", 5, 5, 0)
		w.wantPhase(rollout.RolledBack, "5 of 5")
		w.wantSplit(map[string]manifest.Weight{"1.0.0": 10000})
	})
}

func TestOfTwoOperatorsTheSecondIsToldWhoAndWhen(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.activate("1.0.0")
		ctx := t.Context()
		wantConflict(t, w.engine.Pause(ctx, alice, "hello", ""), "module hello has no rollout under way: hello-1 to 1.0.0 was promoted at 00:00:00")
		_ = w.offer("1.1.0", like(manifest.Gradual, approvals(policy.EachStep)))
		w.pass(time.Second)
		wantConflict(t, w.engine.Resume(ctx, alice, "hello"), "hello-2 to 1.1.0 is not paused", "the step lasts at least 10s")
		wantConflict(t, w.engine.Approve(ctx, alice, "hello"), "waits for no approval")
		_ = w.engine.Pause(ctx, bob, "hello", "")
		wantConflict(t, w.engine.Pause(ctx, alice, "hello", ""), "is paused by user:bob since 00:00:2")
		_ = w.engine.Resume(ctx, bob, "hello")
		wantConflict(t, w.engine.Resume(ctx, alice, "hello"), "is not paused (resume by user:bob at 00:00:2")
		w.pass(10 * time.Second)
		w.wantWaiting("approval", policy.EachStep)
		_ = w.engine.Approve(ctx, bob, "hello")
		wantConflict(t, w.engine.Approve(ctx, alice, "hello"), "waits for no approval (approve by user:bob at 00:00:3")
		_ = w.engine.Abort(ctx, bob, "hello")
		for _, err := range []error{w.engine.Abort(ctx, alice, "hello"), w.engine.Promote(ctx, alice, "hello"), w.engine.Approve(ctx, alice, "hello")} {
			wantConflict(t, err, "hello-2 to 1.1.0 was aborted by user:bob at 00:00:3")
		}
	})
}

func TestPromoteStandsForWhatIsWaitedForButNotForTheProbes(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.activate("1.0.0")
		_ = w.offer("1.1.0", like(manifest.Gradual, approvals(policy.BeforeStart, policy.BeforeTraffic)))
		if err := w.engine.Promote(t.Context(), alice, "hello"); module.KindOf(err) != module.Unavailable {
			t.Errorf("promote while pending: %v", err)
		}
		_ = w.engine.Approve(t.Context(), alice, "hello")
		w.pass(time.Second)
		_ = w.engine.Pause(t.Context(), bob, "hello", "")
		if err := w.engine.Promote(t.Context(), alice, "hello"); err != nil {
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
		if err := w.engine.Promote(t.Context(), alice, "hello"); module.KindOf(err) != module.Unavailable {
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
				if err := w.engine.Rollback(t.Context(), alice, "hello", true); err != nil {
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
