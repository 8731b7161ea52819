package telemetry

import (
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
	// Bytes of bodies, from clients and to them.
	BytesIn, BytesOut uint64
	// Rescued is how many of its failures stable has made good.
	Rescued uint64
	// Targets are its processes by how the data plane sees them: trusted, out, returning
	// or draining. Ejected is how often one was taken out for a while because it failed.
	Targets map[string]int
	Ejected uint64
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
	bytesDesc = prometheus.NewDesc("segue_body_bytes_total",
		"Bytes of the bodies of requests (in) and of answers (out).", []string{"module", "version", "direction"}, nil)
	rescuedDesc = prometheus.NewDesc("segue_requests_rescued_total",
		"Failures of a release that stable has made good.", releaseLabels, nil)
	targetsDesc = prometheus.NewDesc("segue_targets",
		"Processes of a release, by how the proxy sees them.", []string{"module", "version", "state"}, nil)
	ejectedDesc = prometheus.NewDesc("segue_ejections_total",
		"How often a process was taken out of the traffic for a while, because it failed.", releaseLabels, nil)
)

// trafficCollector reads the traffic's figures when it is scraped.
type trafficCollector struct{ traffic Traffic }

// Describe gives what it collects.
func (c *trafficCollector) Describe(out chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{requestsDesc, durationDesc, inFlightDesc, weightDesc, bytesDesc, rescuedDesc, targetsDesc, ejectedDesc} {
		out <- d
	}
}

// Collect gives the figures of each release.
func (c *trafficCollector) Collect(out chan<- prometheus.Metric) {
	for _, s := range merge(c.traffic.Traffic()) {
		tell := func(desc *prometheus.Desc, kind prometheus.ValueType, value float64, labels ...string) {
			out <- prometheus.MustNewConstMetric(desc, kind, value, append([]string{s.Module, s.Version}, labels...)...)
		}
		for class, n := range s.Requests {
			tell(requestsDesc, prometheus.CounterValue, float64(n), class)
		}
		tell(inFlightDesc, prometheus.GaugeValue, float64(s.InFlight))
		tell(weightDesc, prometheus.GaugeValue, float64(s.Weight))
		tell(bytesDesc, prometheus.CounterValue, float64(s.BytesIn), "in")
		tell(bytesDesc, prometheus.CounterValue, float64(s.BytesOut), "out")
		tell(rescuedDesc, prometheus.CounterValue, float64(s.Rescued))
		for state, n := range s.Targets {
			tell(targetsDesc, prometheus.GaugeValue, float64(n), state)
		}
		tell(ejectedDesc, prometheus.CounterValue, float64(s.Ejected))
		if buckets, total, ok := s.Latency.cumulative(); ok {
			out <- prometheus.MustNewConstHistogram(durationDesc, total, s.Latency.Sum, buckets, s.Module, s.Version)
		}
	}
}

// cumulative gives the buckets as Prometheus counts them; ok is false where no histogram
// was kept.
func (l Latency) cumulative() (buckets map[float64]uint64, total uint64, ok bool) {
	if len(l.Counts) != len(l.Bounds)+1 {
		return nil, 0, false
	}
	buckets = make(map[float64]uint64, len(l.Bounds))
	for i, bound := range l.Bounds {
		total += l.Counts[i]
		buckets[bound] = total
	}
	return buckets, total + l.Counts[len(l.Bounds)], true
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
	s.Requests = sum(s.Requests, o.Requests)
	s.BytesIn += o.BytesIn
	s.BytesOut += o.BytesOut
	s.Rescued += o.Rescued
	s.Targets = sum(s.Targets, o.Targets)
	s.Ejected += o.Ejected
	if slices.Equal(s.Latency.Bounds, o.Latency.Bounds) && len(s.Latency.Counts) == len(o.Latency.Counts) {
		s.Latency.Sum += o.Latency.Sum
		s.Latency.Counts = slices.Clone(s.Latency.Counts)
		for b, n := range o.Latency.Counts {
			s.Latency.Counts[b] += n
		}
	}
	return s
}

// sum adds up what is counted under the same names; neither is changed.
func sum[N int | uint64](a, b map[string]N) map[string]N {
	both := make(map[string]N, max(len(a), len(b)))
	for _, part := range []map[string]N{a, b} {
		for name, n := range part {
			both[name] += n
		}
	}
	return both
}
