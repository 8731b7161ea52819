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
	samples := make([]telemetry.TargetSample, 0, len(t.releases)+len(t.totals))
	for _, s := range t.totals {
		samples = append(samples, s)
	}
	weights := map[*balance.Release]int{}
	for _, m := range t.modules {
		for _, share := range m.group.Shares() {
			weights[share.Release] = share.Weight
		}
	}
	for made := range t.releases {
		s := sampleOf(made.Stats())
		s.Weight = weights[made]
		samples = append(samples, s)
	}
	return samples
}

// Groups gives the figures of every module: also of one that was taken out, so that no
// counter ever falls.
func (t *traffic) Groups() []telemetry.GroupSample {
	t.mu.Lock()
	defer t.mu.Unlock()
	samples := make([]telemetry.GroupSample, 0, len(t.modules)+len(t.gone))
	for name, m := range t.modules {
		s := groupSampleOf(m.group.Stats()).Plus(t.gone[name])
		s.Limited = limitedOf(t.pool.Limited(name))
		samples = append(samples, s)
	}
	for name, s := range t.gone {
		if t.modules[name] == nil {
			s.Limited = limitedOf(t.pool.Limited(name))
			samples = append(samples, s)
		}
	}
	return samples
}

// retainGroupLocked keeps the counts of a module that is taken out.
func (t *traffic) retainGroupLocked(name string, m *routed) {
	if m == nil {
		return
	}
	sum, known := t.gone[name]
	if !known && len(t.gone) >= maxTotals {
		return
	}
	s := groupSampleOf(m.group.Stats())
	s.Waiting, s.Held, s.Door = 0, 0, ""
	t.gone[name] = s.Plus(sum)
}

func groupSampleOf(stats balance.GroupStats) telemetry.GroupSample {
	return telemetry.GroupSample{Module: stats.Module, Waiting: stats.Waiting, Waited: stats.Waited, Refused: stats.Refused,
		Spilled: stats.Spilled, Previewed: stats.Previewed, Door: string(stats.Door), Held: stats.Held, EverHeld: stats.EverHeld, Closed: stats.Closed,
		Retry: map[string]uint64{"retried": stats.Retry.Retried, "rescued": stats.Retry.Rescued, "over-budget": stats.Retry.OverBudget},
		Shield: map[string]uint64{
			"replayed": stats.Shield.Replayed, "recalled": stats.Shield.Recalled, "rescued": stats.Shield.Rescued,
			"over-budget": stats.Shield.OverBudget, "unkept": stats.Shield.Unkept, "uncovered": stats.Shield.Uncovered}}
}

func limitedOf(stats balance.LimitStats) map[string]uint64 {
	return map[string]uint64{"rate": stats.Rate, "concurrent": stats.Concurrent, "client": stats.Client}
}

// retainLocked keeps the counts of a release that goes.
func (t *traffic) retainLocked(made *balance.Release) {
	s := sampleOf(made.Stats())
	s.InFlight, s.Targets = 0, nil
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

func sampleOf(stats balance.ReleaseStats) telemetry.TargetSample {
	s := telemetry.TargetSample{Module: stats.Labels.Module, Version: stats.Labels.Version, InFlight: int64(stats.InFlight),
		Requests: map[string]uint64{}, BytesIn: uint64(stats.BytesIn), BytesOut: uint64(stats.BytesOut), Rescued: stats.Rescued, Ejected: stats.Ejected, Targets: map[string]int{}}
	for _, one := range stats.Targets {
		standing := string(one.Standing)
		if one.State != balance.TargetReady {
			standing = string(one.State)
		}
		s.Targets[standing]++
	}
	for class, n := range stats.Classes {
		s.Requests[proxy.Class(class).String()] = n
	}
	s.Requests["over-quota"] = stats.Refused
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

// frontSample is what the traffic addresses have seen, and what led to nobody.
func (h *host) frontSample() telemetry.FrontSample {
	s := h.entrance.sample()
	s.Unrouted = h.traffic.pool.Unrouted()
	return s
}
