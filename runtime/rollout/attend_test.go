package rollout_test

import (
	"testing"
	"time"

	"github.com/segue-run/segue/runtime/module"
	"github.com/segue-run/segue/runtime/policy"
	"github.com/segue-run/segue/runtime/rollout"
	"github.com/segue-run/segue/sdk/manifest"
)

// What is due while the owner is busy, and no candidate runs whose judge would look,
// happens all the same.
func TestWhatFallsDueWhileTheOwnerIsBusyIsNotLost(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*rollout.Policy)
		phase  rollout.Phase
	}{
		{"the end of an approval's time", approvals(policy.BeforeStart), rollout.Failed},
		{"the end of a freeze", frozen, rollout.Promoted},
	} {
		t.Run(c.name, func(t *testing.T) {
			inWorld(t, func(t *testing.T, w *world) {
				w.activate("1.0.0")
				w.dawdle = func(ev module.Event) {
					if ev.Type == module.RolloutWaiting {
						time.Sleep(2 * time.Hour)
					}
				}
				_ = w.offer("1.1.0", like(manifest.Gradual, c.change))
				w.pass(3 * time.Hour)
				w.wantPhase(c.phase, "")
			})
		})
	}
}

func TestAHookOfTheEndHoldsUpNoFiling(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.activate("1.0.0")
		w.hooks[policy.AfterPromotion] = answer{after: 8 * time.Second}
		_ = w.offer("1.1.0", like(manifest.Instant, hooks(policy.AfterPromotion)))
		w.pass(time.Second)
		w.mu.Lock()
		defer w.mu.Unlock()
		if past, filed := w.filed["hello-2"]; !filed || past.Phase != string(rollout.Promoted) || len(w.called) != 1 {
			t.Errorf("filed %+v, called %v", past, w.called)
		}
	})
}
