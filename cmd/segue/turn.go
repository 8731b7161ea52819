package main

import (
	"context"
	"slices"
	"time"

	"github.com/segue-run/segue/runtime/module"
)

// untilTurn waits until a release that is queued has a rollout of its own, and gives
// that; one that is over where the release was dropped before its turn. It ends with
// ctx's error.
func (d deployment) untilTurn(ctx context.Context, queued module.RolloutStatus) (module.RolloutStatus, error) {
	look := time.NewTicker(lookEvery)
	defer look.Stop()
	for {
		m, err := d.client.Module(ctx, queued.Module)
		switch {
		case ctx.Err() != nil:
			return queued, ctx.Err()
		case err != nil:
			return queued, err
		case m.Queued == nil || m.Queued.Digest != queued.Digest:
			return d.itsTurn(ctx, queued, m)
		}
		select {
		case <-ctx.Done():
			return queued, ctx.Err()
		case <-look.C:
		}
	}
}

// itsTurn is the rollout of a release that is queued no more: the one under way, one
// that is over by now, or none.
func (d deployment) itsTurn(ctx context.Context, queued module.RolloutStatus, m module.Status) (module.RolloutStatus, error) {
	if m.Rollout != nil && m.Rollout.Digest == queued.Digest {
		return *m.Rollout, nil
	}
	past, err := d.client.Rollouts(ctx, queued.Module, 0)
	if err != nil {
		return queued, err
	}
	own := func(r module.RolloutStatus) bool {
		return r.Digest == queued.Digest && !r.Started.Before(queued.Waiting.Since)
	}
	if i := slices.IndexFunc(past, own); i >= 0 {
		return past[i], nil
	}
	dropped := queued
	dropped.Phase, dropped.Ended, dropped.Waiting = "superseded", time.Now(), nil
	if m.Stable != nil {
		dropped.From = m.Stable.Version
	}
	return dropped, nil
}
