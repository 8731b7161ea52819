package host

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/segue-run/segue/runtime/rollout"
	"github.com/segue-run/segue/runtime/state"
)

// records keeps the modules' records in a bucket, one key a module.
type records struct{ bucket *state.Bucket }

var _ rollout.Records = records{}

func (r records) All(ctx context.Context) ([]rollout.Saved, error) {
	values, err := r.bucket.All(ctx)
	if err != nil {
		return nil, err
	}
	all := make([]rollout.Saved, 0, len(values))
	for _, v := range values {
		var rec rollout.Record
		if err := json.Unmarshal(v.Data, &rec); err != nil {
			return nil, fmt.Errorf("read the record of module %s: %w", v.Key, err)
		}
		all = append(all, rollout.Saved{Record: rec, Revision: v.Rev})
	}
	return all, nil
}

func (r records) Save(ctx context.Context, rec rollout.Record, rev uint64) (uint64, error) {
	data, err := json.Marshal(rec)
	if err != nil {
		return 0, err
	}
	saved, err := r.put(ctx, rec.Module, data, rev)
	if !errors.Is(err, state.ErrConflict) {
		return saved, err
	}
	// The lock on the state directory makes this the only writer, so what is ahead is
	// an earlier write of our own, whose answer was lost.
	_, ahead, getErr := r.bucket.Get(ctx, rec.Module)
	if getErr != nil || ahead <= rev {
		return 0, err
	}
	return r.put(ctx, rec.Module, data, ahead)
}

func (r records) put(ctx context.Context, name string, data []byte, rev uint64) (uint64, error) {
	if rev == 0 {
		return r.bucket.Create(ctx, name, data)
	}
	return r.bucket.Update(ctx, name, data, rev)
}
