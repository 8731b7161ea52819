package telemetry

import (
	"maps"
	"slices"

	"github.com/prometheus/client_golang/prometheus"
)

// Traffic gives the figures of every target that there is. It is asked at each scrape
// and from any goroutine.
type Traffic interface {
	Traffic() []TargetSample
}

// TargetSample is what one target has answered since it was made. Samples of the same
// module and version are added up.
type TargetSample struct {
	Module  string
	Version string
	// Weight is the release's share in basis points.
	Weight int
	// InFlight is how many requests it has now.
	InFlight int64
	// Requests counts finished requests by how they ended, in the data plane's words:
	// ok, client-error, server-error, transport-error, …; and over-quota of those that it
	// never got, as it had as many in flight as it may.
	Requests map[string]uint64
	// Latency is how long answers took.
	Latency Latency
}

// Latency is a histogram of durations in seconds.
type Latency struct {
	// Bounds are the buckets' inclusive upper ends, rising; an infinite one is implied.
	Bounds []float64
	// Counts are how many fell into each bucket alone; one more than Bounds, the last
	// of them for what lies beyond.
	Counts []uint64
	// Sum of all durations.
	Sum float64
}

var (
	releaseLabels = []string{"module", "version"}
	requestsDesc  = prometheus.NewDesc("segue_requests_total",
		"Requests finished, by how they ended: ok, client-error, server-error, transport-error, timeout, client-gone, drained, host-error or unknown; over-quota of those that it had no room for, which the host refused or gave to stable.",
		[]string{"module", "version", "class"}, nil)
	durationDesc = prometheus.NewDesc("segue_request_duration_seconds",
		"How long requests took.", releaseLabels, nil)
	inFlightDesc = prometheus.NewDesc("segue_requests_in_flight",
		"Requests being answered now.", releaseLabels, nil)
	weightDesc = prometheus.NewDesc("segue_module_weight",
		"Share of a module's requests that a release gets, in basis points.", releaseLabels, nil)
)

// trafficCollector reads the traffic's figures when it is scraped.
type trafficCollector struct{ traffic Traffic }

// Describe gives what it collects.
func (c *trafficCollector) Describe(out chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{requestsDesc, durationDesc, inFlightDesc, weightDesc} {
		out <- d
	}
}

// Collect gives the figures of each release.
func (c *trafficCollector) Collect(out chan<- prometheus.Metric) {
	for _, s := range merge(c.traffic.Traffic()) {
		for class, n := range s.Requests {
			out <- prometheus.MustNewConstMetric(requestsDesc, prometheus.CounterValue, float64(n), s.Module, s.Version, class)
		}
		out <- prometheus.MustNewConstMetric(inFlightDesc, prometheus.GaugeValue, float64(s.InFlight), s.Module, s.Version)
		out <- prometheus.MustNewConstMetric(weightDesc, prometheus.GaugeValue, float64(s.Weight), s.Module, s.Version)
		if len(s.Latency.Counts) != len(s.Latency.Bounds)+1 {
			continue // no histogram was kept
		}
		buckets, total := make(map[float64]uint64, len(s.Latency.Bounds)), uint64(0)
		for i, bound := range s.Latency.Bounds {
			total += s.Latency.Counts[i]
			buckets[bound] = total
		}
		total += s.Latency.Counts[len(s.Latency.Bounds)]
		out <- prometheus.MustNewConstHistogram(durationDesc, total, s.Latency.Sum, buckets, s.Module, s.Version)
	}
}

// merge adds up the samples of each release, since a series may appear once only.
func merge(samples []TargetSample) []TargetSample {
	var out []TargetSample
	at := map[[2]string]int{}
	for _, s := range samples {
		key := [2]string{s.Module, s.Version}
		if i, known := at[key]; known {
			out[i] = out[i].Plus(s)
			continue
		}
		at[key] = len(out)
		out = append(out, s)
	}
	return out
}

// Plus is both samples of one release together; neither is changed.
func (s TargetSample) Plus(o TargetSample) TargetSample {
	s.Weight = max(s.Weight, o.Weight) // the release's share, told by each of its targets
	s.InFlight += o.InFlight
	s.Requests = maps.Clone(s.Requests)
	for class, n := range o.Requests {
		s.Requests[class] += n
	}
	if slices.Equal(s.Latency.Bounds, o.Latency.Bounds) && len(s.Latency.Counts) == len(o.Latency.Counts) {
		s.Latency.Sum += o.Latency.Sum
		s.Latency.Counts = slices.Clone(s.Latency.Counts)
		for b, n := range o.Latency.Counts {
			s.Latency.Counts[b] += n
		}
	}
	return s
}
