package telemetry

import "github.com/prometheus/client_golang/prometheus"

// GroupSample is what became of one module's requests beside their targets, since its
// first.
type GroupSample struct {
	Module    string
	Waiting   int    // requests that wait for a stable target now
	Waited    uint64 // that have had to wait
	Refused   uint64 // that no target came for
	Spilled   uint64 // dealt to a candidate that could not take them, and given to stable
	Previewed uint64 // that asked for the preview
	// Shield counts failures of a candidate that the client had got nothing of, by what
	// became of them: replayed, rescued (of those replayed), over-budget, unkept or
	// uncovered.
	Shield map[string]uint64
}

// Plus is both samples of one module together; neither is changed.
func (s GroupSample) Plus(o GroupSample) GroupSample {
	s.Waiting += o.Waiting
	s.Waited += o.Waited
	s.Refused += o.Refused
	s.Spilled += o.Spilled
	s.Previewed += o.Previewed
	shield := make(map[string]uint64, len(s.Shield))
	for _, part := range []map[string]uint64{s.Shield, o.Shield} {
		for outcome, n := range part {
			shield[outcome] += n
		}
	}
	s.Shield = shield
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
	shieldDesc = prometheus.NewDesc("segue_shield_requests_total",
		"Failures of a candidate that the client had got nothing of: replayed on stable, and of these rescued; or not replayed, since over-budget, unkept (the body was too long, or there was no memory for it) or uncovered (by method and route).",
		[]string{"module", "outcome"}, nil)
)

// groupsCollector reads the modules' figures when it is scraped.
type groupsCollector struct{ groups func() []GroupSample }

// Describe gives what it collects.
func (c *groupsCollector) Describe(out chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{waitingDesc, waitedDesc, refusedDesc, spilledDesc, previewedDesc, shieldDesc} {
		out <- d
	}
}

// Collect gives the figures of each module.
func (c *groupsCollector) Collect(out chan<- prometheus.Metric) {
	for _, s := range c.groups() {
		out <- prometheus.MustNewConstMetric(waitingDesc, prometheus.GaugeValue, float64(s.Waiting), s.Module)
		for desc, n := range map[*prometheus.Desc]uint64{waitedDesc: s.Waited, refusedDesc: s.Refused, spilledDesc: s.Spilled, previewedDesc: s.Previewed} {
			out <- prometheus.MustNewConstMetric(desc, prometheus.CounterValue, float64(n), s.Module)
		}
		for outcome, n := range s.Shield {
			out <- prometheus.MustNewConstMetric(shieldDesc, prometheus.CounterValue, float64(n), s.Module, outcome)
		}
	}
}
