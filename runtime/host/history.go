package host

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/segue-run/segue/runtime/module"
	"github.com/segue-run/segue/runtime/rollout"
	"github.com/segue-run/segue/runtime/state"
)

// history keeps each module's last rollouts in a bucket, in as many slots as are to be
// kept: the newest takes the place of the oldest, and nothing has to be deleted.
type history struct {
	bucket *state.Bucket
	keep   int
}

var _ rollout.History = history{}

// File keeps a rollout that is over.
func (h history) File(ctx context.Context, past module.RolloutStatus) error {
	n, err := numberOf(past.ID)
	if err != nil {
		return err
	}
	data, err := json.Marshal(past)
	if err != nil {
		return err
	}
	_, err = h.bucket.Put(ctx, slot(past.Module, n%h.keep), data)
	return err
}

// list are the module's rollouts that are over, newest first. It looks into all slots,
// for there may have been more of them under another configuration.
func (h history) list(ctx context.Context, name string) ([]module.RolloutStatus, error) {
	keys, err := h.bucket.Keys(ctx)
	if err != nil {
		return nil, err
	}
	var all []module.RolloutStatus
	for _, key := range keys {
		if owner, _, _ := strings.Cut(key, slotMark); owner != name {
			continue
		}
		data, _, err := h.bucket.Get(ctx, key)
		if errors.Is(err, state.ErrNotFound) {
			continue
		}
		if err != nil {
			return nil, err
		}
		var past module.RolloutStatus
		if err := json.Unmarshal(data, &past); err != nil {
			return nil, fmt.Errorf("read the history of module %s: %w", name, err)
		}
		all = append(all, past)
	}
	slices.SortFunc(all, func(a, b module.RolloutStatus) int {
		left, _ := numberOf(a.ID)
		right, _ := numberOf(b.ID)
		return cmp.Or(cmp.Compare(right, left), b.Ended.Compare(a.Ended))
	})
	all = slices.CompactFunc(all, func(a, b module.RolloutStatus) bool { return a.ID == b.ID })
	return all[:min(len(all), h.keep)], nil
}

// slotMark is in no module's name.
const slotMark = "_"

func slot(name string, n int) string { return name + slotMark + strconv.Itoa(n) }

// numberOf is the count in a rollout's id, which is the module's name, a dash and a
// number.
func numberOf(id string) (int, error) {
	_, text, ok := cutLast(id, "-")
	n, err := strconv.Atoi(text)
	if !ok || err != nil || n < 0 {
		return 0, &module.Error{Kind: module.Internal, Field: "rollout", Value: id, Msg: "is no id of a rollout"}
	}
	return n, nil
}

func cutLast(s, sep string) (before, after string, ok bool) {
	i := strings.LastIndex(s, sep)
	if i < 0 {
		return s, "", false
	}
	return s[:i], s[i+len(sep):], true
}
