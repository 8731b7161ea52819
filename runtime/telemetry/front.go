package telemetry

import (
	"strconv"

	"github.com/prometheus/client_golang/prometheus"
)

// FrontSample is what the traffic address has seen since the start, whichever module it
// was for.
type FrontSample struct {
	// Own counts answers that the runtime gave by itself, by status: no module was
	// asked, or none answered.
	Own      map[int]uint64
	Broken   uint64 // answers that broke off after they had begun
	Retried  uint64 // requests sent to another process, having reached nobody
	Upgraded int    // requests in flight that were upgraded, as WebSockets are, now
	Kept     int64  // bytes of bodies kept for a replay, now
}

var (
	ownDesc = prometheus.NewDesc("segue_own_answers_total",
		"Answers that the runtime gave by itself, by status: no module was asked, or none answered.", []string{"status"}, nil)
	brokenDesc = prometheus.NewDesc("segue_broken_answers_total",
		"Answers that broke off after they had begun.", nil, nil)
	retriedDesc = prometheus.NewDesc("segue_requests_retried_total",
		"Requests sent to another process, having reached nobody.", nil, nil)
	upgradedDesc = prometheus.NewDesc("segue_requests_upgraded",
		"Requests in flight that were upgraded, as WebSockets are, now.", nil, nil)
	keptDesc = prometheus.NewDesc("segue_shield_kept_bytes",
		"Memory of requests' bodies that are kept for a replay, now.", nil, nil)
)

// frontCollector reads the front's figures when it is scraped.
type frontCollector struct{ front func() FrontSample }

// Describe gives what it collects.
func (c *frontCollector) Describe(out chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{ownDesc, brokenDesc, retriedDesc, upgradedDesc, keptDesc} {
		out <- d
	}
}

// Collect gives the figures.
func (c *frontCollector) Collect(out chan<- prometheus.Metric) {
	s := c.front()
	for status, n := range s.Own {
		out <- prometheus.MustNewConstMetric(ownDesc, prometheus.CounterValue, float64(n), strconv.Itoa(status))
	}
	out <- prometheus.MustNewConstMetric(brokenDesc, prometheus.CounterValue, float64(s.Broken))
	out <- prometheus.MustNewConstMetric(retriedDesc, prometheus.CounterValue, float64(s.Retried))
	out <- prometheus.MustNewConstMetric(upgradedDesc, prometheus.GaugeValue, float64(s.Upgraded))
	out <- prometheus.MustNewConstMetric(keptDesc, prometheus.GaugeValue, float64(s.Kept))
}
