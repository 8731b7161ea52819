package audit_test

import (
	"testing"

	"github.com/segue-run/segue/runtime/audit"
	"github.com/segue-run/segue/runtime/state"
)

func BenchmarkRecord(b *testing.B) {
	s, err := state.Open(state.Config{Dir: b.TempDir()})
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	st, err := s.Stream(b.Context(), "audit", state.StreamConfig{})
	if err != nil {
		b.Fatal(err)
	}
	l, err := audit.New(audit.Config{Stream: st})
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, err := l.Record(b.Context(), deploy("hello@1.0.0")); err != nil {
			b.Fatal(err)
		}
	}
}
