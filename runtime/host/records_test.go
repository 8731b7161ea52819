package host

import (
	"testing"

	"github.com/segue-run/segue/runtime/rollout"
	"github.com/segue-run/segue/runtime/state"
)

func TestAWriteWhoseAnswerWasLostDoesNotBlockTheNext(t *testing.T) {
	store, err := state.Open(state.Config{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	bucket, err := store.Bucket(t.Context(), "modules", state.BucketConfig{})
	if err != nil {
		t.Fatal(err)
	}
	r := records{bucket}
	rev, err := r.Save(t.Context(), rollout.Record{Module: "a", Count: 1}, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.Save(t.Context(), rollout.Record{Module: "a", Count: 2}, rev); err != nil {
		t.Fatal(err)
	}
	// The owner never heard of the second write and still has the first revision.
	last, err := r.Save(t.Context(), rollout.Record{Module: "a", Count: 3}, rev)
	if err != nil {
		t.Fatal(err)
	}
	all, err := r.All(t.Context())
	if err != nil || len(all) != 1 || all[0].Record.Count != 3 || all[0].Revision != last {
		t.Errorf("records %+v, %v; want the third at revision %d", all, err, last)
	}
}
