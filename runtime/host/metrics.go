package host

import (
	"time"

	"github.com/segue-run/segue/proxy"
	"github.com/segue-run/segue/proxy/balance"
	"github.com/segue-run/segue/runtime/telemetry"
)

var _ telemetry.Traffic = (*traffic)(nil)

// maxTotals bounds the releases whose counts outlive their processes.
const maxTotals = 1000

// Traffic gives the figures of every release: of the processes that run, and of
// those that are gone, so that no counter ever falls.
func (t *traffic) Traffic() []telemetry.TargetSample {
	t.mu.Lock()
	defer t.mu.Unlock()
	samples := make([]telemetry.TargetSample, 0, len(t.targets)+len(t.totals))
	for _, s := range t.totals {
		samples = append(samples, s)
	}
	weights := map[*balance.Target]int{}
	for _, m := range t.modules {
		for _, share := range m.group.Shares() {
			weights[share.Target] = share.Weight
		}
	}
	for made := range t.targets {
		s := sampleOf(made.Stats())
		s.Weight = weights[made]
		samples = append(samples, s)
	}
	return samples
}

// retainLocked keeps the counts of a target that goes.
func (t *traffic) retainLocked(made *balance.Target) {
	s := sampleOf(made.Stats())
	s.InFlight = 0
	key := [2]string{s.Module, s.Version}
	sum, known := t.totals[key]
	if !known {
		if len(t.totals) < maxTotals {
			t.totals[key] = s
		}
		return
	}
	t.totals[key] = sum.Plus(s)
}

func sampleOf(stats balance.TargetStats) telemetry.TargetSample {
	s := telemetry.TargetSample{Module: stats.Labels.Module, Version: stats.Labels.Version, InFlight: int64(stats.InFlight),
		Requests: map[string]uint64{}}
	for class, n := range stats.Classes {
		s.Requests[proxy.Class(class).String()] = n
	}
	s.Latency = latencyOf(stats.Latency)
	return s
}

// latencyBounds are the buckets shown, in seconds: enough for a quantile within a
// factor of two.
var latencyBounds = []float64{0.000512, 0.001024, 0.002048, 0.004096, 0.008192, 0.016384, 0.032768, 0.065536, 0.131072, 0.262144, 0.524288, 1.048576, 2.097152, 4.194304, 8.388608, 16.777216}

func latencyOf(h balance.Histogram) telemetry.Latency {
	l := telemetry.Latency{Bounds: latencyBounds, Counts: make([]uint64, len(latencyBounds)+1), Sum: h.Sum().Seconds()}
	below := uint64(0)
	for i, bound := range latencyBounds {
		n := h.Below(time.Duration(bound * float64(time.Second)))
		l.Counts[i], below = n-below, n
	}
	l.Counts[len(latencyBounds)] = h.Count() - below
	return l
}
