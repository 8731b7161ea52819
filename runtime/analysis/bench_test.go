package analysis_test

import (
	"testing"

	"github.com/segue-run/segue/runtime/analysis"
)

func BenchmarkCompare(b *testing.B) {
	steps := []analysis.Step{
		{Share: 100, Stable: sample(9900, 10, 30), Candidate: sample(100, 0, 0)},
		{Share: 500, Stable: sample(1900, 2, 6), Candidate: sample(100, 1, 1)},
		{Share: 2500, Stable: sample(300, 1, 1), Candidate: sample(100, 0, 1)},
		{Share: 5000, Stable: sample(100, 0, 0), Candidate: sample(100, 0, 0)},
	}
	for _, c := range []struct {
		name string
		last analysis.Sample
	}{
		{"too few", sample(20, 0, 0)},
		{"clean", sample(60, 0, 0)},
		{"some", sample(60, 1, 2)},
		{"passes", sample(120, 0, 0)},
		{"fails", sample(100, 30, 0)},
	} {
		b.Run(c.name, func(b *testing.B) {
			steps[3].Candidate = c.last
			b.ReportAllocs()
			for b.Loop() {
				analysis.Compare(usual, steps)
			}
		})
	}
	b.Run("alone", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			analysis.Alone(usual, sample(9900, 10, 30), sample(60, 1, 2))
		}
	})
}
