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

// patient is a policy that waits ten minutes for evidence, then does so.
func patient(then manifest.Unproven) func(*rollout.Policy) {
	return func(p *rollout.Policy) {
		p.Limit, p.Unproven, p.MinRequests = new(manifest.Duration(10*time.Minute)), then, 20
	}
}

func TestAStepPassesOnEvidenceOnceItsHoldIsOver(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.activate("1.0.0")
		_ = w.offer("1.1.0", like(manifest.Gradual, patient(manifest.Wait)))
		w.pass(time.Second)
		w.serve("1.0.0", 9900, 0, 0)
		w.serve("1.1.0", 200, 0, 0)
		w.pass(8 * time.Second)
		w.wantSplit(map[string]manifest.Weight{"1.0.0": 9900, "1.1.0": 100})
		w.pass(2 * time.Second)
		w.wantSplit(map[string]manifest.Weight{"1.0.0": 7500, "1.1.0": 2500})
		w.pass(time.Minute) // what the first step has shown is not enough for the second
		w.wantSplit(map[string]manifest.Weight{"1.0.0": 7500, "1.1.0": 2500})
		w.wantWaiting("evidence", "")
		w.wantEvent(module.RolloutWaiting, "no proof yet")
		w.serve("1.0.0", 300, 0, 0)
		w.serve("1.1.0", 100, 0, 0)
		w.pass(time.Second)
		w.wantSplit(map[string]manifest.Weight{"1.1.0": 10000})
		w.serve("1.1.0", 100, 0, 0)
		w.pass(10 * time.Second)
		ro := w.wantPhase(rollout.Promoted, "")
		if ro.Verdict != module.Pass || ro.Unproven || len(ro.Samples) != 3 || ro.Samples[0].Candidate.Requests != 200 || ro.Samples[1].Stable.Requests != 300 {
			t.Errorf("rollout %+v", ro)
		}
	})
}

func TestWithoutAHoldEvidenceAloneMovesTheRollout(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.activate("1.0.0")
		_ = w.offer("1.1.0", like(manifest.Gradual, patient(manifest.Wait), func(p *rollout.Policy) { p.Hold = new(manifest.Duration(0)) }))
		w.pass(time.Second)
		w.serve("1.0.0", 9900, 0, time.Millisecond)
		w.serve("1.1.0", 200, 0, time.Millisecond)
		w.pass(time.Second)
		w.wantSplit(map[string]manifest.Weight{"1.0.0": 7500, "1.1.0": 2500})
	})
}

func TestWithoutEvidenceThePolicySaysHowItGoesOn(t *testing.T) {
	for then, c := range map[manifest.Unproven]struct {
		phase    rollout.Phase
		verdict  module.Verdict
		unproven bool
	}{
		manifest.Proceed: {rollout.Promoted, module.Unproven, true},
		manifest.Wait:    {rollout.Shifting, module.Pending, false},
		manifest.GiveUp:  {rollout.RolledBack, module.Inconclusive, false},
	} {
		t.Run(string(then), func(t *testing.T) {
			inWorld(t, func(t *testing.T, w *world) {
				w.activate("1.0.0")
				_ = w.offer("1.1.0", like(manifest.Gradual, patient(then)))
				w.pass(31 * time.Minute)
				ro := w.wantPhase(c.phase, "")
				if ro.Verdict != c.verdict || ro.Unproven != c.unproven || w.state("1.1.0") == module.Quarantined {
					t.Errorf("verdict %s, unproven %v, release %s", ro.Verdict, ro.Unproven, w.state("1.1.0"))
				}
				if then != manifest.Wait {
					return
				}
				for range 3 {
					w.wantWaiting("evidence", "")
					if err := w.engine.Approve(t.Context(), rollout.Order{Actor: alice, Module: "hello", Point: "evidence"}); err != nil {
						t.Fatal(err)
					}
					w.pass(time.Minute)
				}
				if ro := w.wantPhase(rollout.Promoted, ""); ro.Verdict != module.Unproven {
					t.Errorf("verdict %s on an operator's word", ro.Verdict)
				}
			})
		})
	}
}

func TestAHangingCandidateIsOutThoughNoRequestEnds(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.activate("1.0.0")
		w.serve("1.0.0", 200, 0, time.Millisecond)
		_ = w.offer("1.1.0", gradual)
		w.pass(time.Second)
		if w.shown.Cap != 5 {
			t.Errorf("%d requests may hang", w.shown.Cap)
		}
		w.hang("1.1.0", 5)
		w.pass(time.Second)
		w.wantPhase(rollout.RolledBack, "5 of 5 requests took too long")
	})
}

func TestWhatHangsSinceBeforeTheStepIsNoEvidenceInIt(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.activate("1.0.0")
		w.hang("1.0.0", 40)
		w.pass(time.Second)
		_ = w.offer("1.1.0", gradual)
		w.pass(5 * time.Second)
		if s := w.status().Rollout.StableSample; s.Requests != 0 {
			t.Errorf("stable %+v", s)
		}
	})
}

func TestWhatWasSentBeforeTheStepIsNoEvidenceInIt(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.activate("1.0.0")
		_ = w.offer("1.1.0", gradual)
		w.pass(11 * time.Second) // a second into the second step
		for range 50 {
			w.target("1.1.0").observe(rollout.Observation{Failed: true, Took: 5 * time.Second, Dealt: true})
		}
		w.pass(time.Second)
		if ro := w.wantPhase(rollout.Shifting, ""); ro.Step != 2 || ro.CandidateSample.Requests != 0 {
			t.Errorf("step %d, candidate %+v", ro.Step, ro.CandidateSample)
		}
	})
}

func TestOneUserWhoKeepsFailingIsOneFailure(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.activate("1.0.0")
		_ = w.offer("1.1.0", like(manifest.Gradual, func(p *rollout.Policy) { p.Sticky = policy.StickyCookie }))
		w.pass(time.Second)
		w.serveKeyed("1.1.0", 50, 50, 0, 7)
		w.wantPhase(rollout.Shifting, "")
		if s := w.status().Rollout.CandidateSample; s.Errors != 1 || s.Requests != 1 { // users are counted
			t.Errorf("candidate %+v", s)
		}
		for key := range uint64(6) {
			w.serveKeyed("1.1.0", 1, 1, 0, 100+key)
		}
		w.wantPhase(rollout.RolledBack, "requests failed")
	})
}

func TestWhatChanceDidNotDealIsNoEvidence(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.activate("1.0.0")
		_ = w.offer("1.1.0", gradual)
		w.pass(time.Second)
		for range 50 {
			w.target("1.1.0").observe(rollout.Observation{Failed: true})
		}
		w.pass(time.Second)
		s := w.status()
		if s.Rollout.Phase != "shifting" || s.Rollout.CandidateSample.Requests != 0 || s.Candidate.Requests != 50 || s.Candidate.Errors != 50 {
			t.Errorf("rollout %+v, candidate %+v", s.Rollout, s.Candidate)
		}
	})
}

func TestUsersWhoFailEverywhereSpeakAgainstNobodyWhenTheyAreMoved(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.activate("1.0.0")
		_ = w.offer("1.1.0", like(manifest.Gradual, func(p *rollout.Policy) { p.Sticky = policy.StickyCookie }))
		w.pass(time.Second)
		w.serve("1.0.0", 1000, 0, 0)
		for key := range uint64(20) {
			w.serveKeyed("1.0.0", 1, 1, 0, 100+key)
			w.serveKeyed("1.1.0", 1, 1, 0, 100+key)
		}
		w.wantPhase(rollout.Shifting, "")
		for key := range uint64(20) {
			w.serveKeyed("1.1.0", 1, 1, 0, 200+key)
		}
		w.wantPhase(rollout.RolledBack, "requests failed")
	})
}

// toFull brings 1.1.0 to all the traffic, beside a stable that did well.
func (w *world) toFull(change ...func(*rollout.Policy)) {
	w.t.Helper()
	w.activate("1.0.0")
	_ = w.offer("1.1.0", like(manifest.Gradual, change...))
	w.pass(time.Second)
	w.serve("1.0.0", 5000, 5, 0)
	w.serve("1.1.0", 50, 0, 0)
	w.pass(20 * time.Second)
	w.wantSplit(map[string]manifest.Weight{"1.1.0": 10000})
}

func TestAFailureWithAllTheTrafficIsADoubtThatStableDecides(t *testing.T) {
	t.Run("it was trouble from elsewhere", func(t *testing.T) {
		inWorld(t, func(t *testing.T, w *world) {
			w.toFull()
			w.serve("1.1.0", 100, 100, time.Millisecond)
			w.wantSplit(map[string]manifest.Weight{"1.0.0": 7500, "1.1.0": 2500})
			ro := w.wantPhase(rollout.Shifting, "")
			if len(ro.Doubts) != 1 || !strings.Contains(ro.Doubts[0], "requests failed") {
				t.Errorf("doubts %q", ro.Doubts)
			}
			w.serve("1.0.0", 75, 75, 0)
			w.serve("1.1.0", 25, 25, 0)
			w.pass(10 * time.Second) // no round number of them: it holds longer than before
			w.wantSplit(map[string]manifest.Weight{"1.0.0": 7500, "1.1.0": 2500})
			w.pass(rollout.HoldAfter(10*time.Second, 1) - 10*time.Second)
			w.wantSplit(map[string]manifest.Weight{"1.1.0": 10000})
			w.serve("1.1.0", 100, 0, 0)
			w.pass(rollout.HoldAfter(10*time.Second, 1))
			w.wantPhase(rollout.Promoted, "")
		})
	})
	t.Run("it was the candidate", func(t *testing.T) {
		inWorld(t, func(t *testing.T, w *world) {
			w.toFull()
			w.serve("1.1.0", 100, 100, time.Millisecond)
			w.serve("1.0.0", 75, 0, 0)
			w.serve("1.1.0", 25, 25, 0)
			w.wantPhase(rollout.RolledBack, "requests failed")
		})
	})
	t.Run("doubts come to an end", func(t *testing.T) {
		inWorld(t, func(t *testing.T, w *world) {
			w.toFull()
			for n := range rollout.MaxDoubts {
				w.serve("1.1.0", 10000, 10000, time.Millisecond)
				w.wantPhase(rollout.Shifting, "")
				w.wantSplit(map[string]manifest.Weight{"1.0.0": 7500, "1.1.0": 2500})
				w.pass(rollout.HoldAfter(12*time.Second, n+1))
				w.wantSplit(map[string]manifest.Weight{"1.1.0": 10000})
			}
			w.serve("1.1.0", 10000, 10000, time.Millisecond)
			w.wantPhase(rollout.RolledBack, "requests failed")
		})
	})
	t.Run("no user is sent back and forth", func(t *testing.T) {
		inWorld(t, func(t *testing.T, w *world) {
			w.toFull(func(p *rollout.Policy) { p.Sticky = policy.StickyCookie })
			w.serve("1.1.0", 10, 1, 0)
			w.wantSplit(map[string]manifest.Weight{"1.1.0": 10000})
			w.serve("1.1.0", 100, 100, time.Millisecond)
			w.wantPhase(rollout.RolledBack, "requests failed")
		})
	})
}

func TestADoubtLeavesTrafficFirstAndIsSavedThen(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.toFull()
		before := len(w.done(0))
		w.setSaveErr(errFull)
		w.serve("1.1.0", 100, 100, time.Millisecond)
		w.wantSplit(map[string]manifest.Weight{"1.0.0": 7500, "1.1.0": 2500})
		w.setSaveErr(nil)
		w.pass(2 * time.Second)
		if got := w.done(before); len(got) != 2 || got[1] != "save shifting" {
			t.Errorf("a doubt did %q", got)
		}
	})
}

func TestAFirstReleaseThatFailsIsTakenOut(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		_ = w.offer("1.0.0", gradual)
		w.pass(time.Second)
		w.serve("1.0.0", 20, 4, 0) // not the half of them
		w.wantSplit(map[string]manifest.Weight{"1.0.0": 10000})
		w.serve("1.0.0", 100, 100, 0)
		s := w.status()
		if s.State != module.Inactive || w.routed || s.Rollout.Phase != "rolled-back" || s.Rollout.Verdict != module.Fail {
			t.Errorf("state %s, rollout %+v", s.State, s.Rollout)
		}
		w.wantEvent(module.ReleaseQuarantine, "requests failed")
		w.pass(time.Second)
		if past := w.filed["hello-1"]; past.Phase != "rolled-back" {
			t.Errorf("history says %s", past.Phase)
		}
		w.activate("1.0.1")
	})
}

func TestAFirstReleaseIsOnlyOnTrialForItsHold(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.activate("1.0.0")
		w.serve("1.0.0", 100, 100, 0)
		w.wantSplit(map[string]manifest.Weight{"1.0.0": 10000})
	})
}

func TestEvidenceSurvivesARestartOfTheHost(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.activate("1.0.0")
		_ = w.offer("1.1.0", like(manifest.Gradual, patient(manifest.Wait)))
		w.pass(time.Second)
		w.serve("1.0.0", 500, 0, 0)
		w.serve("1.1.0", 15, 1, 0)
		_ = w.engine.Pause(t.Context(), by(bob)) // saves
		w.crashHost()
		w.pass(time.Second)
		w.serve("1.1.0", 3, 1, 0)
		s := w.status().Rollout
		if s.StableSample.Requests != 500 || s.CandidateSample != (module.Sample{Requests: 18, Errors: 2}) {
			t.Errorf("stable %+v, candidate %+v", s.StableSample, s.CandidateSample)
		}
	})
}

func TestTheVerdictFollowsFromTheRecordAlone(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.activate("1.0.0")
		_ = w.offer("1.1.0", gradual)
		w.pass(time.Second)
		w.hang("1.1.0", 3)
		w.serve("1.1.0", 2, 2, 0)
		w.pass(6 * time.Second)
		rec := w.saved["hello"].Record
		if rec.Rollout.Phase != rollout.RolledBack {
			t.Fatalf("phase %s", rec.Rollout.Phase)
		}
		if f := rec.Rollout.Finding(); f.Verdict != module.Fail || f.Reason != rec.Rollout.Reason {
			t.Errorf("found again: %+v, recorded %q", f, rec.Rollout.Reason)
		}
	})
}
