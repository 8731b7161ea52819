package rollout_test

import (
	"testing"
	"time"

	"github.com/segue-run/segue/runtime/module"
	"github.com/segue-run/segue/runtime/policy"
	"github.com/segue-run/segue/runtime/rollout"
	"github.com/segue-run/segue/sdk/manifest"
)

// partial reports whether the data plane was told that a side is missing.
func (w *world) partial() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.shown.Partial
}

func TestWhileASideIsDownTheDataPlaneIsToldThatNothingIsEvidence(t *testing.T) {
	light := func(p *rollout.Policy) {
		p.Signs = map[policy.Sign]manifest.Weight{policy.Crash: 100, policy.Restart: 100}
	}
	for _, version := range []string{"1.0.0", "1.1.0"} {
		t.Run(version, func(t *testing.T) {
			inWorld(t, func(t *testing.T, w *world) {
				w.activate("1.0.0")
				_ = w.offer("1.1.0", like(manifest.Gradual, light))
				w.pass(time.Second)
				if w.partial() {
					t.Error("partial with both up")
				}
				w.instance(version).crash("killed")
				w.pass(0)
				if !w.partial() {
					t.Errorf("told %+v", w.shown)
				}
				w.pass(5 * time.Second)
				if w.partial() || w.instance(version) == nil {
					t.Errorf("told when it is back %+v", w.shown)
				}
			})
		})
	}
	t.Run("who has no share is not missed", func(t *testing.T) {
		inWorld(t, func(t *testing.T, w *world) {
			w.toFull(light)
			w.instance("1.0.0").crash("killed")
			w.pass(0)
			if w.partial() {
				t.Errorf("told %+v", w.shown)
			}
		})
	})
	t.Run("without a rollout nothing is", func(t *testing.T) {
		inWorld(t, func(t *testing.T, w *world) {
			w.activate("1.0.0")
			w.instance("1.0.0").crash("killed")
			w.pass(0)
			if w.partial() {
				t.Errorf("told %+v", w.shown)
			}
		})
	})
}

func TestAStepsEvidenceBeginsWithItsWeights(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.activate("1.0.0")
		w.mu.Lock()
		w.told = func(s rollout.Split) { // what was dealt before the data plane knew of the step
			for _, share := range s.Shares {
				go share.Target.(*fakeTarget).observe(rollout.Observation{Failed: true, Wait: time.Millisecond, Dealt: true})
			}
		}
		w.mu.Unlock()
		_ = w.offer("1.1.0", gradual)
		w.pass(25 * time.Second)
		ro := w.wantPhase(rollout.Shifting, "")
		for i, s := range ro.Samples {
			if s.Stable.Requests+s.Candidate.Requests != 0 {
				t.Errorf("step %d: %+v", i+1, s)
			}
		}
	})
}

func TestAProcessThatTakesOverGoesOnWithItsSidesCounts(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.activate("1.0.0")
		_ = w.offer("1.1.0", like(manifest.Gradual, func(p *rollout.Policy) {
			p.Signs = map[policy.Sign]manifest.Weight{policy.Crash: 100, policy.Restart: 100}
			p.Hold = new(manifest.Duration(time.Minute))
		}))
		w.pass(time.Second)
		w.serve("1.0.0", 99, 2, 0)
		w.serve("1.1.0", 10, 1, 0)
		w.instance("1.1.0").crash("killed")
		w.instance("1.0.0").crash("killed")
		w.pass(10 * time.Second)
		w.serve("1.0.0", 99, 0, 0)
		w.serve("1.1.0", 10, 1, 0)
		w.pass(time.Second)
		ro := w.wantPhase(rollout.Shifting, "")
		if ro.StableSample != (module.Sample{Requests: 198, Errors: 2}) || ro.CandidateSample != (module.Sample{Requests: 20, Errors: 2}) {
			t.Errorf("stable %+v, candidate %+v", ro.StableSample, ro.CandidateSample)
		}
	})
}
