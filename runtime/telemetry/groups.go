package telemetry

import (
	"cmp"

	"github.com/prometheus/client_golang/prometheus"
)

// GroupSample is what became of one module's requests beside their targets, since its
// first.
type GroupSample struct {
	Module    string
	Waiting   int    // requests that wait for a stable target now
	Waited    uint64 // that have had to wait
	Refused   uint64 // that no target came for
	Spilled   uint64 // dealt to a candidate that could not take them, and given to stable
	Previewed uint64 // that asked for the preview
	// Limited counts requests that were refused with 429, by the limit: rate, concurrent,
	// client, …
	Limited map[string]uint64
	// Door is whether the module is open, held or in maintenance; empty for open.
	Door     string
	Held     int    // requests that wait for the door to open, now
	EverHeld uint64 // that have had to
	Closed   uint64 // refused because of maintenance
	// Retry counts failures that another process of the same release was to make good, by
	// what became of them: retried, rescued (of those retried) or over-budget.
	Retry map[string]uint64
	// Shield counts failures of a candidate that the client had got nothing of, by what
	// became of them: replayed, recalled and rescued (of those replayed), over-budget,
	// unkept or uncovered.
	Shield map[string]uint64
}

// Plus is both samples of one module together; neither is changed.
func (s GroupSample) Plus(o GroupSample) GroupSample {
	s.Waiting += o.Waiting
	s.Waited += o.Waited
	s.Refused += o.Refused
	s.Spilled += o.Spilled
	s.Previewed += o.Previewed
	s.Limited = sum(s.Limited, o.Limited)
	s.Door = cmp.Or(s.Door, o.Door)
	s.Held += o.Held
	s.EverHeld += o.EverHeld
	s.Closed += o.Closed
	s.Retry = sum(s.Retry, o.Retry)
	s.Shield = sum(s.Shield, o.Shield)
	return s
}

var (
	moduleLabel = []string{"module"}
	waitingDesc = prometheus.NewDesc("segue_requests_waiting",
		"Requests that wait for a stable process to come up, now.", moduleLabel, nil)
	waitedDesc = prometheus.NewDesc("segue_requests_waited_total",
		"Requests that have had to wait for a stable process.", moduleLabel, nil)
	refusedDesc = prometheus.NewDesc("segue_requests_refused_total",
		"Requests that no process came for in time.", moduleLabel, nil)
	spilledDesc = prometheus.NewDesc("segue_requests_spilled_total",
		"Requests dealt to a candidate that was down or had as many as it may, and given to stable.", moduleLabel, nil)
	previewedDesc = prometheus.NewDesc("segue_requests_previewed_total",
		"Requests that asked for the preview.", moduleLabel, nil)
	limitedDesc = prometheus.NewDesc("segue_requests_limited_total",
		"Requests refused with 429, by the limit that they met.", []string{"module", "limit"}, nil)
	doorDesc = prometheus.NewDesc("segue_module_door",
		"1 for the state of a module's door: open, held or maintenance.", []string{"module", "door"}, nil)
	heldDesc = prometheus.NewDesc("segue_requests_held",
		"Requests that wait for the door of their module to open, now.", moduleLabel, nil)
	everHeldDesc = prometheus.NewDesc("segue_requests_held_total",
		"Requests that have had to wait for the door of their module to open.", moduleLabel, nil)
	closedDesc = prometheus.NewDesc("segue_requests_closed_total",
		"Requests refused because their module is in maintenance.", moduleLabel, nil)
	retriesDesc = prometheus.NewDesc("segue_requests_retries_total",
		"Failures that the client had got nothing of: retried at another process of the same release, and of these rescued; or not retried, since over-budget.",
		[]string{"module", "outcome"}, nil)
	shieldDesc = prometheus.NewDesc("segue_shield_requests_total",
		"Failures of a candidate that the client had got nothing of: replayed on stable, of these recalled (taken back from a candidate that kept it waiting) and rescued; or not replayed, since over-budget, unkept (the body was too long, or there was no memory for it) or uncovered (by method and route).",
		[]string{"module", "outcome"}, nil)
)

// groupsCollector reads the modules' figures when it is scraped.
type groupsCollector struct{ groups func() []GroupSample }

// Describe gives what it collects.
func (c *groupsCollector) Describe(out chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{waitingDesc, waitedDesc, refusedDesc, spilledDesc, previewedDesc, limitedDesc,
		doorDesc, heldDesc, everHeldDesc, closedDesc, retriesDesc, shieldDesc} {
		out <- d
	}
}

// Collect gives the figures of each module.
func (c *groupsCollector) Collect(out chan<- prometheus.Metric) {
	for _, s := range c.groups() {
		gauge := func(desc *prometheus.Desc, value float64, labels ...string) {
			out <- prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, value, append([]string{s.Module}, labels...)...)
		}
		counter := func(desc *prometheus.Desc, value uint64, labels ...string) {
			out <- prometheus.MustNewConstMetric(desc, prometheus.CounterValue, float64(value), append([]string{s.Module}, labels...)...)
		}
		gauge(waitingDesc, float64(s.Waiting))
		counter(waitedDesc, s.Waited)
		counter(refusedDesc, s.Refused)
		counter(spilledDesc, s.Spilled)
		counter(previewedDesc, s.Previewed)
		for limit, n := range s.Limited {
			counter(limitedDesc, n, limit)
		}
		gauge(doorDesc, 1, cmp.Or(s.Door, "open"))
		gauge(heldDesc, float64(s.Held))
		counter(everHeldDesc, s.EverHeld)
		counter(closedDesc, s.Closed)
		for outcome, n := range s.Retry {
			counter(retriesDesc, n, outcome)
		}
		for outcome, n := range s.Shield {
			counter(shieldDesc, n, outcome)
		}
	}
}
