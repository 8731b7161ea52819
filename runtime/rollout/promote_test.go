package rollout_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/segue-run/segue/runtime/module"
	"github.com/segue-run/segue/sdk/manifest"
)

func TestWhatAFreezeKeepsFromStartingIsApprovedBeforeItIsPromoted(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.activate("1.0.0")
		_ = w.offer("1.1.0", like(manifest.Gradual, frozen))
		w.pass(time.Minute)
		known, _ := errors.AsType[*module.Error](w.engine.Promote(t.Context(), by(bob)))
		if known == nil || !strings.Contains(known.Hint, "`segue approve hello` lets it start") {
			t.Errorf("promoted: %+v", known)
		}
	})
}
