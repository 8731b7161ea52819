package telemetry

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/segue-run/segue/runtime/module"
	"github.com/segue-run/segue/sdk/manifest"
)

var (
	evidenceDesc = prometheus.NewDesc("segue_rollout_evidence",
		"How much of the evidence that it takes has come together against the candidate of a module's latest rollout, of errors and of slow requests, 0 to 1. The threshold is 1: there the candidate is taken back.",
		[]string{"module", "kind"}, nil)
	signsDesc = prometheus.NewDesc("segue_rollout_signs",
		"The weights of all signs (a crash, failed probes, ...) against the candidate of a module's latest rollout, added up. The threshold is 1: there the candidate is taken back.", moduleLabel, nil)
	stepDesc = prometheus.NewDesc("segue_rollout_step",
		"The step of a module's latest rollout, from 1; 0 before the first.", moduleLabel, nil)
	rolloutDesc = prometheus.NewDesc("segue_rollout_info",
		"Always 1; the labels say where a module's latest rollout stands, and what it waits for.",
		[]string{"module", "version", "strategy", "phase", "verdict", "waiting"}, nil)
)

// rolloutsCollector reads where the rollouts stand when it is scraped. Of each module it
// tells the latest one alone, so that the series stay as many as the modules.
type rolloutsCollector struct{ modules func() []module.Status }

// Describe gives what it collects.
func (c *rolloutsCollector) Describe(out chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{evidenceDesc, signsDesc, stepDesc, rolloutDesc} {
		out <- d
	}
}

// Collect gives the latest rollout of each module.
func (c *rolloutsCollector) Collect(out chan<- prometheus.Metric) {
	for _, m := range c.modules() {
		r := m.Rollout
		if r == nil {
			continue
		}
		gauge := func(desc *prometheus.Desc, value float64, labels ...string) {
			out <- prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, value, labels...)
		}
		gauge(evidenceDesc, r.Evidence.Errors, m.Name, "errors")
		gauge(evidenceDesc, r.Evidence.Slow, m.Name, "slow")
		signs := manifest.Weight(0)
		for _, s := range r.Evidence.Signs {
			signs += s.Weight
		}
		gauge(signsDesc, float64(signs)/float64(manifest.Full), m.Name)
		gauge(stepDesc, float64(r.Step), m.Name)
		waiting := ""
		if r.Waiting != nil {
			waiting = r.Waiting.For
		}
		gauge(rolloutDesc, 1, m.Name, r.To, string(r.Strategy), r.Phase, string(r.Verdict), waiting)
	}
}
