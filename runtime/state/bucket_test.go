package state_test

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"

	"github.com/segue-run/segue/runtime/module"
	"github.com/segue-run/segue/runtime/state"
)

func TestAWriteWithAStaleRevisionIsAConflictAndChangesNothing(t *testing.T) {
	s := open(t, t.TempDir())
	b := bucket(t, s, "modules")
	ctx := t.Context()
	if _, _, err := b.Get(ctx, "hello"); !errors.Is(err, state.ErrNotFound) {
		t.Fatalf("get of nothing: %v", err)
	}
	first, err := b.Create(ctx, "hello", []byte("1"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.Create(ctx, "hello", []byte("x")); !errors.Is(err, state.ErrConflict) {
		t.Errorf("second create: %v, want ErrConflict", err)
	}
	second, err := b.Update(ctx, "hello", []byte("2"), first)
	if err != nil || second <= first {
		t.Fatalf("update gave revision %d after %d, %v", second, first, err)
	}
	for _, stale := range []uint64{first, 0, second + 1} {
		if _, err := b.Update(ctx, "hello", []byte("x"), stale); !errors.Is(err, state.ErrConflict) {
			t.Errorf("update with revision %d: %v, want ErrConflict", stale, err)
		}
	}
	if v, rev, err := b.Get(ctx, "hello"); err != nil || string(v) != "2" || rev != second {
		t.Errorf("got %q at %d, %v", v, rev, err)
	}
}

func TestADeletedKeyHasNoValueAndCanBeCreatedAgain(t *testing.T) {
	dir := t.TempDir()
	ctx := t.Context()
	s := open(t, dir)
	b := bucket(t, s, "modules")
	rev, err := b.Create(ctx, "hello", []byte("1"))
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := b.Delete(ctx, "hello"); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := b.Update(ctx, "hello", nil, rev); !errors.Is(err, state.ErrConflict) {
		t.Errorf("update of a deleted key: %v, want ErrConflict", err)
	}
	closeNow(t, s)
	b = bucket(t, open(t, dir), "modules")
	if _, _, err := b.Get(ctx, "hello"); !errors.Is(err, state.ErrNotFound) {
		t.Errorf("get of a deleted key: %v, want ErrNotFound", err)
	}
	if keys, err := b.Keys(ctx); err != nil || len(keys) != 0 {
		t.Errorf("keys %v, %v", keys, err)
	}
	if _, err := b.Create(ctx, "hello", []byte("2")); err != nil {
		t.Errorf("create again: %v", err)
	}
}

func TestOneOfManyWhoUpdateTheSameRevisionWins(t *testing.T) {
	b := bucket(t, open(t, t.TempDir()), "modules")
	rev, err := b.Create(t.Context(), "hello", nil)
	if err != nil {
		t.Fatal(err)
	}
	errs := make([]error, 8)
	var wg sync.WaitGroup
	for i := range errs {
		wg.Go(func() { _, errs[i] = b.Update(t.Context(), "hello", fmt.Append(nil, i), rev) })
	}
	wg.Wait()
	won := 0
	for _, err := range errs {
		if err == nil {
			won++
		} else if !errors.Is(err, state.ErrConflict) {
			t.Error(err)
		}
	}
	if won != 1 {
		t.Errorf("%d won", won)
	}
}

func TestAllGivesEveryValueSortedAlsoAfterARestart(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	b := bucket(t, s, "modules")
	const n = 20
	for i := range n {
		for range i%3 + 1 {
			if _, err := b.Put(t.Context(), fmt.Sprintf("m-%02d", i), fmt.Append(nil, i)); err != nil {
				t.Fatal(err)
			}
		}
	}
	check := func(b *state.Bucket) {
		t.Helper()
		all, err := b.All(t.Context())
		if err != nil || len(all) != n {
			t.Fatalf("%d values, %v", len(all), err)
		}
		for i, v := range all {
			if v.Key != fmt.Sprintf("m-%02d", i) || string(v.Data) != fmt.Sprint(i) {
				t.Errorf("value %d is %s=%s", i, v.Key, v.Data)
			}
		}
	}
	check(b)
	closeNow(t, s)
	for _, history := range []int{1, 4} {
		s = open(t, dir)
		b, err := s.Bucket(t.Context(), "modules", state.BucketConfig{History: history})
		if err != nil {
			t.Fatal(err)
		}
		check(b)
		closeNow(t, s)
	}
}

func TestNamesThatAreNoNamesAreInvalid(t *testing.T) {
	s := open(t, t.TempDir())
	b := bucket(t, s, "modules")
	for _, name := range []string{"", "a.b", "*", ">", "../x", "a b", "-x", string(slices.Repeat([]byte("x"), 200))} {
		if _, err := b.Put(t.Context(), name, nil); module.KindOf(err) != module.Invalid {
			t.Errorf("key %q: %v", name, err)
		}
		if _, err := s.Stream(t.Context(), name, state.StreamConfig{}); module.KindOf(err) != module.Invalid {
			t.Errorf("stream %q: %v", name, err)
		}
		if _, err := s.Bucket(t.Context(), name, state.BucketConfig{}); module.KindOf(err) != module.Invalid {
			t.Errorf("bucket %q: %v", name, err)
		}
	}
}
