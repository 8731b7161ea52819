package rollout_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/segue-run/segue/runtime/module"
	"github.com/segue-run/segue/runtime/policy"
	"github.com/segue-run/segue/runtime/rollout"
	"github.com/segue-run/segue/sdk/manifest"
)

// heir is who answers what others cannot, as the data plane was told.
func (w *world) heir() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, s := range w.shown.Shares {
		if s.Stable {
			return s.Target.(*fakeTarget).rel.Version
		}
	}
	return ""
}

// toldOf is the rollout that the data plane was told of.
func (w *world) toldOf() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.shown.Rollout
}

// onFile is what the history says of a rollout.
func (w *world) onFile(id string) module.RolloutStatus {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.filed[id]
}

func TestAReleaseThatHangsAfterASwitchGivesWay(t *testing.T) {
	for _, strategy := range []manifest.Strategy{manifest.Instant, manifest.Bluegreen} {
		t.Run(string(strategy), func(t *testing.T) {
			inWorld(t, func(t *testing.T, w *world) {
				w.activate("1.0.0")
				w.serve("1.0.0", 200, 0, time.Millisecond)
				_ = w.offer("1.1.0", like(strategy, func(p *rollout.Policy) { p.Hold = new(manifest.Duration(30 * time.Second)) }))
				w.pass(31 * time.Second)
				if strategy == manifest.Instant {
					w.activate("1.2.0")
					_ = w.offer("1.3.0", instant)
					w.pass(time.Second)
				}
				serves := w.status().Stable.Version
				w.wantSplit(map[string]manifest.Weight{serves: 10000})
				was := w.status().Previous.Version
				if w.heir() != was {
					t.Errorf("%s answers what %s fails, not %s", w.heir(), serves, was)
				}
				w.hang(serves, 20)
				w.pass(time.Second)
				w.wantSplit(map[string]manifest.Weight{was: 10000})
				if w.heir() != was || w.state(serves) != module.Quarantined {
					t.Errorf("heir %s, %s is %s", w.heir(), serves, w.state(serves))
				}
			})
		})
	}
}

func TestAFirstReleaseThatHangsIsTakenOutAndOneThatIsSlowIsNot(t *testing.T) {
	t.Run("hangs", func(t *testing.T) {
		inWorld(t, func(t *testing.T, w *world) {
			_ = w.offer("1.0.0", instant)
			w.pass(time.Second)
			w.hang("1.0.0", 20)
			w.pass(6 * time.Second)
			w.wantPhase(rollout.RolledBack, "took too long")
			if s := w.status(); s.State != module.Inactive {
				t.Errorf("state %s", s.State)
			}
		})
	})
	t.Run("slow at times", func(t *testing.T) {
		inWorld(t, func(t *testing.T, w *world) {
			_ = w.offer("1.0.0", like(manifest.Instant, func(p *rollout.Policy) { p.Hold = new(manifest.Duration(time.Minute)) }))
			w.pass(time.Second)
			w.serve("1.0.0", 80, 0, time.Millisecond)
			w.serve("1.0.0", 16, 0, 6*time.Second) // by the clock alone
			w.pass(2 * time.Minute)
			w.wantPhase(rollout.Promoted, "")
			w.wantSplit(map[string]manifest.Weight{"1.0.0": 10000})
		})
	})
}

func TestWhatCameWithoutStepsIsPendingUntilItsTrialEnds(t *testing.T) {
	for name, c := range map[string]struct {
		requests int
		verdict  module.Verdict
	}{"seen enough": {200, module.Pass}, "seen too little": {3, module.Unproven}} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, func(t *testing.T, w *world) {
				w.activate("1.0.0")
				before := len(w.done(0))
				_ = w.offer("1.1.0", like(manifest.Instant, hooks(policy.AfterPromotion)))
				w.pass(time.Second)
				saves := 0
				for _, what := range w.done(before) {
					if strings.HasPrefix(what, "save") {
						saves++
					}
				}
				if saves != 2 { // that it begins, and that it serves
					t.Errorf("%d saves on the way of an activation: %q", saves, w.done(before))
				}
				w.wantEvent(module.RolloutPromoted, "1.1.0")
				if ro := w.wantPhase(rollout.Promoted, ""); ro.Verdict != module.Pending || w.onFile("hello-2").Verdict != module.Pending {
					t.Errorf("verdict %s, on file %+v", ro.Verdict, w.onFile("hello-2"))
				}
				w.serve("1.1.0", c.requests, 0, time.Millisecond)
				if s := w.status().Rollout.CandidateSample; s.Requests != uint64(c.requests) {
					t.Errorf("seen while it is on trial: %+v", s)
				}
				w.pass(10 * time.Second)
				ro, past := w.wantPhase(rollout.Promoted, ""), w.onFile("hello-2")
				if ro.Verdict != c.verdict || past.Verdict != c.verdict || past.CandidateSample.Requests != uint64(c.requests) || past.Ended != ro.Ended {
					t.Errorf("verdict %s, on file %+v", ro.Verdict, past)
				}
				w.wantEvent(module.RolloutTried, string(c.verdict))
				w.mu.Lock()
				if len(w.called) != 1 || w.shown.Rollout != "" || len(w.saved["hello"].Record.Unfiled) > 1 {
					t.Errorf("hooks %v, told %+v, unfiled %v", w.called, w.shown, w.saved["hello"].Record.Unfiled)
				}
				events := slices.Clone(w.events)
				w.mu.Unlock()
				if w.heir() != "1.1.0" {
					t.Errorf("after its trial %s answers what it fails", w.heir())
				}
				promoted := func(ev module.Event) bool { return ev.Type != module.RolloutPromoted || ev.Version != "1.1.0" }
				if events = slices.DeleteFunc(events, promoted); len(events) != 1 {
					t.Errorf("promoted %d times", len(events))
				}
				w.serve("1.1.0", 100, 100, 0)
				w.pass(time.Second)
				w.wantSplit(map[string]manifest.Weight{"1.1.0": 10000})
			})
		})
	}
}

func TestATrialThatIsCutShortHasAVerdictToo(t *testing.T) {
	for name, act := range map[string]func(*world) error{
		"by an offer":    func(w *world) error { return w.offer("1.2.0", gradual) },
		"by a way back":  func(w *world) error { return w.engine.Rollback(w.t.Context(), by(alice)) },
		"by its removal": func(w *world) error { return w.engine.Remove(w.t.Context(), by(alice)) },
		"by the host": func(w *world) error {
			w.crashHost()
			w.pass(20 * time.Second)
			return nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, func(t *testing.T, w *world) {
				w.activate("1.0.0")
				_ = w.offer("1.1.0", instant)
				w.pass(2 * time.Second)
				w.serve("1.1.0", 3, 0, 0)
				w.pass(2 * time.Second) // kept
				if err := act(w); err != nil {
					t.Fatal(err)
				}
				w.pass(2 * time.Second)
				if past := w.onFile("hello-2"); past.Phase != "promoted" || past.Verdict != module.Unproven || past.CandidateSample.Requests != 3 {
					t.Errorf("on file %+v", past)
				}
			})
		})
	}
}

func TestTheHistoryGetsTheLaterWordThoughItWasSlowToTakeTheFirst(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.activate("1.0.0")
		w.mu.Lock()
		w.fileErr = errors.New("full")
		w.mu.Unlock()
		_ = w.offer("1.1.0", instant)
		w.pass(15 * time.Second)
		w.mu.Lock()
		w.fileErr = nil
		w.mu.Unlock()
		w.pass(5 * time.Second)
		if past := w.onFile("hello-2"); past.Verdict != module.Unproven {
			t.Errorf("on file %+v", past)
		}
	})
}

func TestWhileItIsRestartedOnTrialItsPredecessorAnswers(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.activate("1.0.0")
		_ = w.offer("1.1.0", like(manifest.Instant, func(p *rollout.Policy) {
			p.Signs = map[policy.Sign]manifest.Weight{policy.Crash: 1000, policy.Restart: 1000}
			p.Hold = new(manifest.Duration(time.Minute))
		}))
		w.pass(time.Second)
		w.instance("1.1.0").crash("exited with code 3")
		w.pass(0)
		w.wantSplit(map[string]manifest.Weight{"1.0.0": 10000})
		if !w.partial() {
			t.Error("what its predecessor gets is taken for evidence")
		}
		w.pass(5 * time.Second)
		w.wantSplit(map[string]manifest.Weight{"1.1.0": 10000})
		w.wantPhase(rollout.Promoted, "")
		if w.partial() || w.heir() != "1.0.0" {
			t.Errorf("partial %t, heir %s", w.partial(), w.heir())
		}
	})
}

func TestItsPredecessorAnswersNoLongerThanItIsWarm(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.activate("1.0.0")
		_ = w.offer("1.1.0", like(manifest.Instant, func(p *rollout.Policy) {
			p.Hold, p.Window = new(manifest.Duration(time.Minute)), new(manifest.Duration(10*time.Second))
		}))
		w.pass(5 * time.Second)
		if w.heir() != "1.0.0" {
			t.Errorf("heir %s", w.heir())
		}
		w.pass(20 * time.Second)
		if w.heir() != "1.1.0" || w.toldOf() != "hello-2" {
			t.Errorf("heir %s, told of %q", w.heir(), w.toldOf())
		}
		w.pass(time.Minute)
		if ro := w.wantPhase(rollout.Promoted, ""); ro.Verdict != module.Unproven {
			t.Errorf("verdict %s", ro.Verdict)
		}
	})
}
