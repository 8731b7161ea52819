package state_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/segue-run/segue/runtime/module"
	"github.com/segue-run/segue/runtime/state"
)

// fill appends n records, one of three of them about "hello".
func fill(t testing.TB, st *state.Stream, n int) {
	t.Helper()
	for i := range n {
		subject := "other"
		if i%3 == 0 {
			subject = "hello"
		}
		if _, err := st.Append(t.Context(), subject, fmt.Append(nil, i)); err != nil {
			t.Fatal(err)
		}
	}
}

func seqs(entries []module.Entry) []uint64 {
	out := []uint64{}
	for _, e := range entries {
		out = append(out, e.Seq)
	}
	return out
}

func TestRecordsAreReadBackInOrderByPlaceAndSubject(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	st := stream(t, s, "events", state.StreamConfig{})
	const n = 600 // more than two batches
	fill(t, st, n)
	check := func(st *state.Stream) {
		t.Helper()
		all, err := st.Read(t.Context(), "", 1, 0)
		if err != nil || len(all) != n {
			t.Fatalf("%d records, %v", len(all), err)
		}
		for i, e := range all {
			if e.Seq != uint64(i+1) || string(e.Data) != fmt.Sprint(i) || e.Time.IsZero() {
				t.Fatalf("record %d is %+v", i+1, e)
			}
		}
		for name, c := range map[string]struct {
			got  func() ([]module.Entry, error)
			want []uint64
		}{
			"from and limit":   {func() ([]module.Entry, error) { return st.Read(t.Context(), "", 300, 2) }, []uint64{300, 301}},
			"of a subject":     {func() ([]module.Entry, error) { return st.Read(t.Context(), "hello", 2, 2) }, []uint64{4, 7}},
			"beyond the end":   {func() ([]module.Entry, error) { return st.Read(t.Context(), "", n+1, 2) }, []uint64{}},
			"last":             {func() ([]module.Entry, error) { return st.Last(t.Context(), "", 2) }, []uint64{n - 1, n}},
			"last of subject":  {func() ([]module.Entry, error) { return st.Last(t.Context(), "hello", 2) }, []uint64{n - 5, n - 2}},
			"last of nothing":  {func() ([]module.Entry, error) { return st.Last(t.Context(), "none", 2) }, []uint64{}},
			"more than are":    {func() ([]module.Entry, error) { e, err := st.Last(t.Context(), "", 2*n); return e[:1], err }, []uint64{1}},
			"all of a subject": {func() ([]module.Entry, error) { e, err := st.Last(t.Context(), "hello", 200); return e[:2], err }, []uint64{1, 4}},
		} {
			got, err := c.got()
			if err != nil || fmt.Sprint(seqs(got)) != fmt.Sprint(c.want) {
				t.Errorf("%s: %v, %v, want %v", name, seqs(got), err, c.want)
			}
		}
	}
	check(st)
	closeNow(t, s)
	check(stream(t, open(t, dir), "events", state.StreamConfig{}))
}

func TestAppendAfterIsRefusedWhereAnotherCameBetween(t *testing.T) {
	st := stream(t, open(t, t.TempDir()), "audit", state.StreamConfig{})
	for prev := range uint64(3) {
		if seq, err := st.AppendAfter(t.Context(), "x", nil, prev); err != nil || seq != prev+1 {
			t.Fatalf("after %d: %d, %v", prev, seq, err)
		}
	}
	for _, prev := range []uint64{0, 2, 4} {
		if _, err := st.AppendAfter(t.Context(), "x", nil, prev); !errors.Is(err, state.ErrConflict) {
			t.Errorf("after %d: %v, want ErrConflict", prev, err)
		}
	}
	if st.LastSeq() != 3 {
		t.Errorf("last is %d", st.LastSeq())
	}
}

func TestALimitedStreamForgetsTheOldestAndReadsOn(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	st := stream(t, s, "events", state.StreamConfig{MaxMsgs: 10})
	fill(t, st, 25)
	closeNow(t, s)
	st = stream(t, open(t, dir), "events", state.StreamConfig{MaxMsgs: 10})
	got, err := st.Read(t.Context(), "", 1, 0)
	if err != nil || len(got) != 10 || got[0].Seq != 16 {
		t.Fatalf("%v, %v", seqs(got), err)
	}
	last, err := st.Last(t.Context(), "", 100)
	if err != nil || len(last) != 10 {
		t.Errorf("%v, %v", seqs(last), err)
	}
	if seq, err := st.Append(t.Context(), "x", nil); err != nil || seq != 26 {
		t.Errorf("next is %d, %v", seq, err)
	}
}

func TestLimitsCanBeChangedAtTheNextStart(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	fill(t, stream(t, s, "events", state.StreamConfig{MaxMsgs: 20}), 20)
	closeNow(t, s)
	st := stream(t, open(t, dir), "events", state.StreamConfig{MaxMsgs: 5})
	if got, err := st.Read(t.Context(), "", 1, 0); err != nil || len(got) != 5 {
		t.Errorf("%v, %v", seqs(got), err)
	}
}
