package state_test

import (
	"fmt"
	"testing"

	"github.com/segue-run/segue/runtime/state"
)

func BenchmarkOpenEmpty(b *testing.B) {
	dir := b.TempDir()
	for b.Loop() {
		s, err := state.Open(state.Config{Dir: dir})
		if err != nil {
			b.Fatal(err)
		}
		b.StopTimer()
		s.Close()
		b.StartTimer()
	}
}

// BenchmarkOpenWithState opens what a host opens: two buckets of fifty modules, the
// events and the audit log.
func BenchmarkOpenWithState(b *testing.B) {
	dir := b.TempDir()
	parts := func(s *state.Store) (*state.Bucket, *state.Stream) {
		bk, st := bucket(b, s, "modules"), stream(b, s, "events", state.StreamConfig{MaxMsgs: 10000})
		bucket(b, s, "releases")
		stream(b, s, "audit", state.StreamConfig{})
		return bk, st
	}
	s := open(b, dir)
	bk, st := parts(s)
	for i := range 50 {
		if _, err := bk.Put(b.Context(), fmt.Sprintf("m-%d", i), make([]byte, 1000)); err != nil {
			b.Fatal(err)
		}
		if _, err := st.Append(b.Context(), "hello", make([]byte, 300)); err != nil {
			b.Fatal(err)
		}
	}
	closeNow(b, s)
	for b.Loop() {
		s, err := state.Open(state.Config{Dir: dir})
		if err != nil {
			b.Fatal(err)
		}
		parts(s)
		b.StopTimer()
		s.Close()
		b.StartTimer()
	}
}

func BenchmarkMakeABucket(b *testing.B) {
	s, err := state.Open(state.Config{Dir: b.TempDir()})
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	for i := 0; b.Loop(); i++ {
		bucket(b, s, fmt.Sprintf("b%d", i))
	}
}

func BenchmarkPut(b *testing.B) {
	s, err := state.Open(state.Config{Dir: b.TempDir()})
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	bk := bucket(b, s, "modules")
	for b.Loop() {
		if _, err := bk.Put(b.Context(), "hello", make([]byte, 1000)); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkGet(b *testing.B) {
	s, err := state.Open(state.Config{Dir: b.TempDir()})
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	bk := bucket(b, s, "modules")
	if _, err := bk.Put(b.Context(), "hello", make([]byte, 1000)); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, _, err := bk.Get(b.Context(), "hello"); err != nil {
			b.Fatal(err)
		}
	}
}
