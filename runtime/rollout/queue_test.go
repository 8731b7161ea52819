package rollout_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/segue-run/segue/runtime/module"
	"github.com/segue-run/segue/runtime/policy"
	"github.com/segue-run/segue/runtime/rollout"
	"github.com/segue-run/segue/sdk/manifest"
)

var queued = like(manifest.Gradual, func(p *rollout.Policy) { p.OnNew = policy.Queue })

func (w *world) wantQueued(version string) {
	w.t.Helper()
	q := w.status().Queued
	if version == "" && q == nil || q != nil && q.Version == version && q.Actor == "user:alice" {
		return
	}
	w.t.Errorf("queued is %+v, want %q", q, version)
}

func TestAnOfferWaitsForTheEndOfTheRolloutAlsoOverARestart(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.activate("1.0.0")
		_ = w.offer("1.1.0", queued)
		w.pass(time.Second)
		for _, version := range []string{"1.2.0", "1.3.0"} {
			if err := w.offer(version, queued); err != nil {
				t.Fatal(err)
			}
			w.wantQueued(version)
		}
		if err := w.offer("1.3.0", queued); !errors.Is(err, rollout.ErrUnchanged) {
			t.Errorf("offered again: %v", err)
		}
		w.wantEvent(module.RolloutQueued, "hello@1.3.0 waits for the end of hello-2")
		w.wantEvent(module.OfferSuperseded, "superseded by hello@1.3.0")
		w.crashHost()
		w.pass(time.Second)
		w.wantQueued("1.3.0")
		w.wantSplit(map[string]manifest.Weight{"1.0.0": 9900, "1.1.0": 100})
		if !w.engine.Uses(plan("1.3.0").Digest) || !w.engine.Knows(plan("1.3.0").Release) {
			t.Error("what waits is not kept")
		}
		w.pass(31 * time.Second)
		w.wantQueued("")
		w.wantSplit(map[string]manifest.Weight{"1.1.0": 9900, "1.3.0": 100})
		w.pass(time.Minute)
		if s := w.status(); s.Stable.Version != "1.3.0" || s.Previous.Version != "1.1.0" {
			t.Errorf("stable %+v", s.Stable)
		}
	})
}

func TestAnOfferIsAnsweredWithTheRolloutThatBringsIt(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		offer := func(version string, how rollout.Policy) (module.RolloutStatus, error) {
			s, err := w.engine.Offer(t.Context(), rollout.Offer{Plan: plan(version), Policy: how, Actor: alice})
			if s.Module != "hello" || s.To != version || s.Digest != plan(version).Digest || len(s.Steps) == 0 || s.Strategy == "" || s.Started.IsZero() {
				t.Errorf("%s: %+v", version, s)
			}
			return s, err
		}
		w.activate("1.0.0")
		if s, err := offer("1.1.0", queued); err != nil || s.ID != "hello-2" || s.Over() {
			t.Errorf("a rollout of its own: %+v, %v", s, err)
		}
		if s, err := offer("1.1.0", queued); !errors.Is(err, rollout.ErrUnchanged) || s.ID != "hello-2" {
			t.Errorf("what is on its way: %+v, %v", s, err)
		}
		since := time.Now()
		w.pass(time.Second)
		for range 2 { // the second changes nothing
			s, err := offer("1.2.0", queued)
			if s.ID != "" || s.Phase != string(rollout.Pending) || s.Over() || s.Actor != "user:alice" {
				t.Errorf("what is queued: %+v, %v", s, err)
			}
			if q := s.Waiting; q == nil || q.For != module.ForQueue || !q.Since.After(since) || q.Message != "the rollout to 1.1.0 must end first; then it begins by itself" {
				t.Errorf("what is queued waits for %+v", q)
			}
		}
		s, _ := offer("1.3.0", queued)
		if d := s.Displaced; len(d) != 1 || d[0].Version != "1.2.0" || d[0].Rollout != "" || !d[0].Since.After(since) {
			t.Errorf("in the queue it takes the place of %+v", d)
		}
		s, _ = offer("1.4.0", gradual)
		if d := s.Displaced; len(d) != 2 || d[0].Version != "1.3.0" || d[1].Version != "1.1.0" || d[1].Rollout != "hello-2" || !d[1].Since.Equal(since) {
			t.Errorf("it takes the place of %+v", d)
		}
		w.wantEvent(module.RolloutAborted, "hello@1.1.0 gave way: superseded by hello@1.4.0")
		if s, err := offer("1.0.0", gradual); err != nil || s.Phase != string(rollout.Promoted) || s.Reason != "it serves already" || !s.Over() {
			t.Errorf("what serves: %+v, %v", s, err)
		}
	})
}

func TestWhatWaitsBeginsAlsoWhenTheRolloutFails(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.activate("1.0.0")
		_ = w.offer("1.1.0", queued)
		w.pass(time.Second)
		_ = w.offer("1.2.0", queued)
		w.instance("1.1.0").crash("exited with code 1")
		w.pass(time.Second)
		w.wantSplit(map[string]manifest.Weight{"1.0.0": 9900, "1.2.0": 100})
	})
}

func TestWhatWaitsIsHeldToTheRulesWhenItComes(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.activate("1.0.0")
		_ = w.offer("1.1.0", queued)
		w.pass(time.Second)
		_ = w.offer("1.0.0", queued) // serves already if the rollout fails
		w.wantQueued("1.0.0")
		_ = w.engine.Abort(t.Context(), by(alice))
		w.pass(time.Second)
		w.wantQueued("")
		w.wantEvent(module.OfferRefused, "nothing to do")
		if s := w.status(); s.State != module.Active || w.state("1.0.0") != module.Serving {
			t.Errorf("state %s, 1.0.0 %s", s.State, w.state("1.0.0"))
		}
		if err := w.offer("1.1.0", queued); module.KindOf(err) != module.Conflict {
			t.Errorf("an aborted release: %v", err)
		}
	})
}

func TestWhatWaitsComesAfterTheTrialOfAnInstantSwitch(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.activate("1.0.0")
		w.behave("1.1.0", behaviour{startTime: time.Second})
		_ = w.offer("1.1.0", instant)
		_ = w.offer("1.2.0", queued)
		w.pass(5 * time.Second)
		w.wantQueued("1.2.0")
		w.serve("1.1.0", 30, 30, 0)
		w.wantEvent(module.ReleaseQuarantine, "requests failed")
		w.pass(time.Second)
		w.wantSplit(map[string]manifest.Weight{"1.0.0": 9900, "1.2.0": 100})
	})
}

func TestARemovalClearsWhatWaits(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.activate("1.0.0")
		_ = w.offer("1.1.0", queued)
		w.pass(time.Second)
		_ = w.offer("1.2.0", queued)
		if err := w.engine.Remove(t.Context(), rollout.Order{Actor: alice, Module: "hello", Reason: "enough"}); err != nil {
			t.Fatal(err)
		}
		w.pass(time.Minute)
		w.wantQueued("")
		if s := w.status(); s.State != module.Inactive {
			t.Errorf("state %s", s.State)
		}
	})
}

func TestEveryRolloutThatEndedIsInTheHistory(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.mu.Lock()
		w.fileErr = errFull
		w.mu.Unlock()
		w.activate("1.0.0")
		_ = w.offer("1.1.0", gradual)
		w.pass(time.Second)
		_ = w.offer("1.2.0", gradual) // supersedes
		w.pass(time.Second)
		_ = w.engine.Abort(t.Context(), by(alice))
		w.pass(time.Minute)
		w.crashHost()
		w.mu.Lock()
		w.fileErr = nil
		w.mu.Unlock()
		w.pass(10 * time.Second)
		for id, phase := range map[string]string{"hello-1": "promoted", "hello-2": "superseded", "hello-3": "aborted"} {
			if past := w.filed[id]; past.Phase != phase || past.Ended.IsZero() || len(past.Phases) == 0 {
				t.Errorf("%s: %+v, want %s", id, past, phase)
			}
		}
		_ = w.offer("1.3.0", gradual)
		w.pass(time.Second)
		if left := w.saved["hello"].Record.Unfiled; len(left) != 0 {
			t.Errorf("still to be filed: %d", len(left))
		}
	})
}

func TestWhatTheHistoryNeverTookIsLostWithAWord(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.mu.Lock()
		w.fileErr = errFull
		w.mu.Unlock()
		w.activate("1.0.0")
		for n := range 21 {
			_ = w.offer(fmt.Sprintf("1.%d.0", n+1), gradual)
			w.pass(time.Second)
			_ = w.engine.Abort(t.Context(), by(alice))
			w.pass(time.Second)
		}
		var lost []any
		for _, line := range w.logs.FilterMessageSnippet("lost to the history").All() {
			lost = append(lost, line.ContextMap()["rollout"])
		}
		if fmt.Sprint(lost) != "[hello-1 hello-2]" {
			t.Errorf("lost %v", lost)
		}
	})
}

func TestATrialThatIsLostIsInTheHistory(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.activate("1.0.0")
		_ = w.offer("1.1.0", instant)
		w.pass(2 * time.Second)
		if past := w.filed["hello-2"]; past.Phase != "promoted" {
			t.Errorf("history says %s", past.Phase)
		}
		w.serve("1.1.0", 30, 30, 0)
		w.pass(2 * time.Second)
		past, back := w.filed["hello-2"], w.filed["hello-3"]
		if past.Phase != "rolled-back" || past.Verdict != module.Fail || past.CandidateSample.Errors != 30 {
			t.Errorf("the rollout: %+v", past)
		}
		if back.Phase != "promoted" || back.To != "1.0.0" || back.Condemns != plan("1.1.0").Digest {
			t.Errorf("the way back: %+v", back)
		}
	})
}

func TestAnEndThatIsNotSavedIsNotInTheHistory(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.activate("1.0.0")
		_ = w.offer("1.1.0", gradual)
		w.pass(time.Second)
		w.setSaveErr(errFull)
		_ = w.engine.Abort(t.Context(), by(alice))
		w.pass(10 * time.Second)
		if past, ok := w.filed["hello-2"]; ok {
			t.Errorf("filed as %s, and a crash would undo it", past.Phase)
		}
		w.setSaveErr(nil)
		w.pass(2 * time.Second)
		if past := w.filed["hello-2"]; past.Phase != "aborted" {
			t.Errorf("history says %q", past.Phase)
		}
	})
}
