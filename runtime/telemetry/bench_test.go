package telemetry_test

import (
	"context"
	"testing"

	"github.com/segue-run/segue/runtime/module"
	"github.com/segue-run/segue/runtime/telemetry"
)

// sink is a stream that keeps nothing, so that only Emit is measured.
type sink struct{}

func (sink) Append(context.Context, string, []byte) (uint64, error) { return 1, nil }
func (sink) Read(context.Context, string, uint64, int) ([]module.Entry, error) {
	return nil, nil
}
func (sink) Last(context.Context, string, int) ([]module.Entry, error) { return nil, nil }

func BenchmarkEmit(b *testing.B) {
	e, err := telemetry.OpenEvents(telemetry.EventsConfig{Stream: sink{}})
	if err != nil {
		b.Fatal(err)
	}
	defer e.Close()
	for b.Loop() {
		e.Emit(started("hello", 1))
	}
}
