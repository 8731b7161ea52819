package host

import (
	"context"
	"encoding/json"
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
	if rev == 0 {
		return r.bucket.Create(ctx, rec.Module, data)
	}
	return r.bucket.Update(ctx, rec.Module, data, rev)
}
