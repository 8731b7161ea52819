package host

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/segue-run/segue/runtime/module"
	"github.com/segue-run/segue/runtime/state"
)

// openHistory opens the history in a state directory; close it before the next.
func openHistory(t *testing.T, dir string, keep int) (h history, closeStore func()) {
	t.Helper()
	store, err := state.Open(state.Config{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	bucket, err := store.Bucket(t.Context(), "rollouts", state.BucketConfig{})
	if err != nil {
		t.Fatal(err)
	}
	return history{bucket: bucket, keep: keep}, func() {
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	}
}

func (h history) mustFile(t *testing.T, name string, from, to int, phase string) {
	t.Helper()
	for n := from; n <= to; n++ {
		past := module.RolloutStatus{ID: fmt.Sprintf("%s-%d", name, n), Module: name, Phase: phase, Ended: time.Now()}
		if err := h.File(t.Context(), past); err != nil {
			t.Fatal(err)
		}
	}
}

func (h history) wantNumbers(t *testing.T, name string, want ...int) {
	t.Helper()
	all, err := h.list(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	var got []int
	for _, past := range all {
		n, err := numberOf(past.ID)
		if err != nil || past.Module != name {
			t.Errorf("%+v in the history of %s", past, name)
		}
		got = append(got, n)
	}
	if !slices.Equal(got, want) {
		t.Errorf("the history of %s is %v, want %v", name, got, want)
	}
}

func TestTheHistoryKeepsTheNewestAlsoOverARestart(t *testing.T) {
	dir := t.TempDir()
	h, closeStore := openHistory(t, dir, 3)
	h.wantNumbers(t, "a")
	h.mustFile(t, "a", 1, 11, "promoted")
	h.mustFile(t, "a-1", 1, 2, "promoted") // a name that ends as an id does
	h.wantNumbers(t, "a", 11, 10, 9)
	h.wantNumbers(t, "a-1", 2, 1)
	h.mustFile(t, "a", 10, 10, "rolled-back") // the later word stands
	closeStore()

	h, closeStore = openHistory(t, dir, 3)
	h.wantNumbers(t, "a", 11, 10, 9)
	all, _ := h.list(t.Context(), "a")
	if all[1].Phase != "rolled-back" || all[0].Phase != "promoted" {
		t.Errorf("a rollout that was filed twice is %s", all[1].Phase)
	}
	closeStore()
}

func TestAnotherRetentionShowsTheNewestStill(t *testing.T) {
	dir := t.TempDir()
	for _, c := range []struct{ keep, from, to int }{{5, 1, 12}, {2, 13, 13}, {4, 14, 14}} {
		h, closeStore := openHistory(t, dir, c.keep)
		h.mustFile(t, "a", c.from, c.to, "promoted")
		all, err := h.list(t.Context(), "a")
		if err != nil || len(all) > c.keep || len(all) < min(c.keep, 2) {
			t.Fatalf("%d are kept of %d: %v", len(all), c.keep, err)
		}
		for i, past := range all[:2] {
			if n, _ := numberOf(past.ID); n != c.to-i {
				t.Errorf("keeping %d: %s at %d, want number %d", c.keep, past.ID, i, c.to-i)
			}
		}
		closeStore()
	}
}

func TestAnIDWithoutANumberIsNotFiled(t *testing.T) {
	h, closeStore := openHistory(t, t.TempDir(), 3)
	defer closeStore()
	for _, id := range []string{"", "a", "a-", "a-x"} {
		if err := h.File(t.Context(), module.RolloutStatus{ID: id, Module: "a"}); err == nil {
			t.Errorf("%q was filed", id)
		}
	}
}
