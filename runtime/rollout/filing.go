package rollout

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/segue-run/segue/runtime/module"
	"github.com/segue-run/segue/runtime/policy"
	"go.uber.org/zap"
)

// concluded says that a rollout that is over is in the history, or why not.
type concluded struct {
	past Rollout
	err  error
}

// fileNext files the oldest rollout that is over, once that it is over is saved. It
// leaves the record when it is filed, which is saved with the next decision: after a
// crash of the host it is filed again, and its hook called again.
func (o *owner) fileNext(ctx context.Context, now time.Time) {
	if o.filing || o.unsaved || len(o.rec.Unfiled) == 0 || now.Before(o.fileAt) {
		return
	}
	o.filing = true
	past := o.rec.Unfiled[0]
	told := o.announced == past.ID+string(past.Phase)
	o.workers.Go(func() {
		err := o.cfg.History.File(ctx, *rolloutStatus(&past, past.Ended))
		if !told {
			o.announce(ctx, past)
		}
		o.post(concluded{past, err})
	})
}

// logLost tells of rollouts that are given up because the history has taken none for so
// long.
func (o *owner) logLost(old, rec Record, ev any) {
	if _, ok := ev.(filed); ok {
		return
	}
	for _, was := range old.Unfiled {
		if !slices.ContainsFunc(rec.Unfiled, func(is Rollout) bool { return is.ID == was.ID }) {
			o.log.Error("rollout is lost to the history, which has taken none for too long", zap.String("rollout", was.ID), zap.String("phase", string(was.Phase)))
		}
	}
}

// announce calls the hook of the rollout's end, which can stop nothing.
func (o *owner) announce(ctx context.Context, past Rollout) {
	point := policy.AfterRollback
	switch {
	case past.Phase == Superseded:
		return
	case past.Phase == Promoted && past.Condemns == "":
		point = policy.AfterPromotion
	}
	url := past.Policy.Hooks[point]
	if url == "" {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, span(past.Policy.HookTimeout))
	defer cancel()
	err := o.cfg.Checks.Hook(ctx, url, point, *rolloutStatus(&past, past.Ended))
	if err != nil && !errors.Is(ctx.Err(), context.Canceled) {
		o.tell(module.Event{Type: module.HookFailed, Reason: err.Error(), Message: fmt.Sprintf("the hook (%s) of %s failed: %v", words(point), past.ID, err)}, &Record{Rollout: &past})
	}
}

func (o *owner) wasFiled(ctx context.Context, m concluded) {
	o.filing = false
	o.announced = m.past.ID + string(m.past.Phase)
	if m.err != nil {
		if ctx.Err() == nil {
			o.log.Warn("rollout could not be filed in the history", zap.String("rollout", m.past.ID), zap.Error(m.err))
		}
		o.fileAt = time.Now().Add(again)
		return
	}
	_ = o.decide(ctx, filed{ID: m.past.ID, Phase: m.past.Phase, Verdict: m.past.Verdict}, nil)
}
