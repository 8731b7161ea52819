package state_test

import (
	"bytes"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/segue-run/segue/runtime/module"
	"github.com/segue-run/segue/runtime/state"
)

// large is a megabyte, the most that a record may have.
var large = bytes.Repeat([]byte("x"), 1<<20)

func TestManyReadersOfLargeRecordsNeitherStarveThemselvesNorAWriter(t *testing.T) {
	s := open(t, t.TempDir())
	st := stream(t, s, "events", state.StreamConfig{})
	b := bucket(t, s, "modules")
	const n = 40
	for range n {
		if _, err := st.Append(t.Context(), "x", large); err != nil {
			t.Fatal(err)
		}
	}
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			got, err := st.Last(t.Context(), "", 1000)
			if err != nil || len(got) != 8 || got[7].Seq < n {
				t.Errorf("the last are %v, %v; want the newest 8", seqs(got), err)
			}
			got, err = st.Read(t.Context(), "", 3, 1000)
			if err != nil || fmt.Sprint(seqs(got)) != "[3 4 5 6 7 8 9 10]" {
				t.Errorf("read gives %v, %v", seqs(got), err)
			}
		})
	}
	for i := range 20 {
		if _, err := st.Append(t.Context(), "x", fmt.Append(nil, i)); err != nil {
			t.Error(err)
		}
		if _, err := b.Put(t.Context(), "key", fmt.Append(nil, i)); err != nil {
			t.Error(err)
		}
	}
	wg.Wait()
	if err := s.Health(); err != nil {
		t.Error(err)
	}
}

func TestTheNewestComeWhateverTheirSizes(t *testing.T) {
	st := stream(t, open(t, t.TempDir()), "events", state.StreamConfig{})
	for i := range 300 {
		data := []byte("small")
		if i%20 == 7 {
			data = large[:len(large)/2]
		}
		if _, err := st.Append(t.Context(), "x", data); err != nil {
			t.Fatal(err)
		}
	}
	for _, n := range []int{1, 10, 100, 280} {
		got, err := st.Last(t.Context(), "", n)
		if err != nil || len(got) != n {
			t.Fatalf("%d of %d, %v", len(got), n, err)
		}
		for i, e := range got {
			if want := uint64(300 - n + i + 1); e.Seq != want {
				t.Fatalf("of %d: record %d stands where %d should", n, e.Seq, want)
			}
		}
	}
}

func TestABucketOfLargeValuesIsReadInParts(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	b := bucket(t, s, "modules")
	for i := range 12 {
		if _, err := b.Put(t.Context(), fmt.Sprint("key", i), large); err != nil {
			t.Fatal(err)
		}
	}
	closeNow(t, s)
	values, err := bucket(t, open(t, dir), "modules").All(t.Context())
	if err != nil || len(values) != 12 {
		t.Fatalf("%d values, %v", len(values), err)
	}
	for _, v := range values {
		if !bytes.Equal(v.Data, large) {
			t.Errorf("%s has %d bytes", v.Key, len(v.Data))
		}
	}
}

func TestAWriteThatMeetsACutConnectionIsDoneOnce(t *testing.T) {
	s := open(t, t.TempDir())
	b := bucket(t, s, "modules")
	st := stream(t, s, "audit", state.StreamConfig{})
	s.CutWriter()
	if rev, err := b.Create(t.Context(), "hello", []byte("1")); err != nil || rev != 1 {
		t.Errorf("create: revision %d, %v", rev, err)
	}
	s.CutWriter()
	if rev, err := b.Update(t.Context(), "hello", []byte("2"), 1); err != nil || rev != 2 {
		t.Errorf("update: revision %d, %v", rev, err)
	}
	s.CutWriter()
	if seq, err := st.AppendAfter(t.Context(), "x", []byte("1"), 0); err != nil || seq != 1 {
		t.Errorf("append: %d, %v", seq, err)
	}
	s.CutWriter()
	if _, err := b.Update(t.Context(), "hello", []byte("3"), 1); err == nil {
		t.Error("an old revision is taken after the connection was cut")
	}
}

// TestWritesAreNeitherLostNorDoneTwice cuts the connection anywhere between a write and
// its acknowledgement.
func TestWritesAreNeitherLostNorDoneTwice(t *testing.T) {
	s := open(t, t.TempDir())
	st := stream(t, s, "audit", state.StreamConfig{})
	b := bucket(t, s, "modules")
	var done, over atomic.Int64
	var cutter sync.WaitGroup
	cutter.Go(func() {
		for over.Load() == 0 {
			at := done.Load()
			s.CutWriter()
			for over.Load() == 0 && done.Load() < at+3 { // one cut for a write at most
				runtime.Gosched()
			}
		}
	})
	var rev uint64
	for i := range 60 {
		seq, err := st.Append(t.Context(), "x", fmt.Append(nil, i))
		if err != nil || seq != uint64(i+1) {
			t.Errorf("append %d: %d, %v", i, seq, err)
		}
		done.Add(1)
		if i == 0 {
			rev, err = b.Create(t.Context(), "key", fmt.Append(nil, i))
		} else {
			rev, err = b.Update(t.Context(), "key", fmt.Append(nil, i), rev)
		}
		if err != nil || rev != uint64(i+1) {
			t.Errorf("update %d: %d, %v", i, rev, err)
		}
		done.Add(1)
	}
	over.Store(1)
	cutter.Wait()
	got, err := st.Read(t.Context(), "", 1, 0)
	if err != nil || len(got) != 60 {
		t.Fatalf("%d records, %v", len(got), err)
	}
	for i, e := range got {
		if string(e.Data) != fmt.Sprint(i) {
			t.Errorf("record %d is %s", i, e.Data)
		}
	}
}

func TestReadingGoesOnAfterItsConnectionWasCut(t *testing.T) {
	s := open(t, t.TempDir())
	st := stream(t, s, "audit", state.StreamConfig{})
	b := bucket(t, s, "modules")
	fill(t, st, 3)
	if _, err := b.Put(t.Context(), "hello", []byte("1")); err != nil {
		t.Fatal(err)
	}
	for name, cut := range map[string]func(){"reader": s.CutReader, "writer": s.CutWriter} {
		cut()
		if got, err := st.Last(t.Context(), "", 10); err != nil || len(got) != 3 {
			t.Errorf("%s: %v, %v", name, seqs(got), err)
		}
		cut()
		if v, _, err := b.Get(t.Context(), "hello"); err != nil || string(v) != "1" {
			t.Errorf("%s: %q, %v", name, v, err)
		}
		cut()
		if err := s.Health(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	closeNow(t, s)
	if err := s.Health(); module.KindOf(err) != module.Unavailable {
		t.Errorf("a closed store is well: %v", err)
	}
}

func TestARecordThatIsTooLargeIsRefusedAndTouchesNothing(t *testing.T) {
	s := open(t, t.TempDir())
	b := bucket(t, s, "modules")
	st := stream(t, s, "audit", state.StreamConfig{})
	tooLarge := append(large[:len(large):len(large)], 'x')
	_, put := b.Put(t.Context(), "hello", tooLarge)
	_, appended := st.Append(t.Context(), "hello", tooLarge)
	for name, err := range map[string]error{"put": put, "append": appended} {
		if module.KindOf(err) != module.Invalid || !strings.Contains(err.Error(), "1048577") || !strings.Contains(err.Error(), "1048576") {
			t.Errorf("%s: %v, want Invalid with the size and the limit", name, err)
		}
	}
	if _, err := b.Create(t.Context(), strings.Repeat("k", 128), large); err != nil {
		t.Errorf("a value of exactly the limit: %v", err)
	}
	if _, err := st.AppendAfter(t.Context(), "x", large, 0); err != nil {
		t.Errorf("a record of exactly the limit: %v", err)
	}
}
