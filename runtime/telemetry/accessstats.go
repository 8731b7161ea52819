package telemetry

import "github.com/prometheus/client_golang/prometheus"

var accessDesc = prometheus.NewDesc("segue_access_log_requests_total",
	"Requests by what became of their line in the access log: written, left out (sampled, flooded: beyond so many a second), or lost (crowded: it could not be written fast enough, failed: not at all).",
	[]string{"outcome"}, nil)

// accessCollector reads the access log's counters when it is scraped.
type accessCollector struct{ stats func() AccessStats }

// Describe gives what it collects.
func (c *accessCollector) Describe(out chan<- *prometheus.Desc) { out <- accessDesc }

// Collect gives the figures.
func (c *accessCollector) Collect(out chan<- prometheus.Metric) {
	s := c.stats()
	for outcome, n := range map[string]uint64{"written": s.Written, "sampled": s.Sampled, "flooded": s.Flooded, "crowded": s.Crowded, "failed": s.Failed} {
		out <- prometheus.MustNewConstMetric(accessDesc, prometheus.CounterValue, float64(n), outcome)
	}
}
