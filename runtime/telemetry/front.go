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
	Replayed uint64 // requests sent a second time, in place of an answer that was a failure
	Requests uint64 // requests that have begun, of all kinds
	InFlight int    // requests in flight, upgraded ones too, now
	Upgraded int    // of these, upgraded, as WebSockets are
	// Connections are those of clients that are open, now; Accepted all that were, and
	// Rejected those that were closed at once, by why.
	Connections int
	Accepted    uint64
	Rejected    map[string]uint64
	Kept        int64  // bytes of bodies kept for a replay, now
	Unrouted    uint64 // requests that no module serves
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
	replayedDesc = prometheus.NewDesc("segue_requests_replayed_total",
		"Requests sent a second time, in place of an answer that was a failure.", nil, nil)
	unroutedDesc = prometheus.NewDesc("segue_requests_unrouted_total",
		"Requests that no module serves.", nil, nil)
	begunDesc = prometheus.NewDesc("segue_requests_begun_total",
		"Requests that have begun, whichever module they were for.", nil, nil)
	openDesc = prometheus.NewDesc("segue_requests_open",
		"Requests in flight, whichever module they are for, now.", nil, nil)
	connectionsDesc = prometheus.NewDesc("segue_connections",
		"Connections of clients that are open, now.", nil, nil)
	acceptedDesc = prometheus.NewDesc("segue_connections_accepted_total",
		"Connections of clients that were accepted.", nil, nil)
	rejectedDesc = prometheus.NewDesc("segue_connections_rejected_total",
		"Connections of clients that were closed at once, by why.", []string{"reason"}, nil)
	keptDesc = prometheus.NewDesc("segue_shield_kept_bytes",
		"Memory of requests' bodies that are kept for a replay, now.", nil, nil)
)

// frontCollector reads the front's figures when it is scraped.
type frontCollector struct{ front func() FrontSample }

// Describe gives what it collects.
func (c *frontCollector) Describe(out chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{ownDesc, brokenDesc, retriedDesc, replayedDesc, unroutedDesc, begunDesc, openDesc, upgradedDesc,
		connectionsDesc, acceptedDesc, rejectedDesc, keptDesc} {
		out <- d
	}
}

// Collect gives the figures.
func (c *frontCollector) Collect(out chan<- prometheus.Metric) {
	s := c.front()
	gauge := func(desc *prometheus.Desc, value float64) {
		out <- prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, value)
	}
	counter := func(desc *prometheus.Desc, value uint64, labels ...string) {
		out <- prometheus.MustNewConstMetric(desc, prometheus.CounterValue, float64(value), labels...)
	}
	for status, n := range s.Own {
		counter(ownDesc, n, strconv.Itoa(status))
	}
	counter(brokenDesc, s.Broken)
	counter(retriedDesc, s.Retried)
	counter(replayedDesc, s.Replayed)
	counter(unroutedDesc, s.Unrouted)
	counter(begunDesc, s.Requests)
	gauge(openDesc, float64(s.InFlight))
	gauge(upgradedDesc, float64(s.Upgraded))
	gauge(connectionsDesc, float64(s.Connections))
	counter(acceptedDesc, s.Accepted)
	for reason, n := range s.Rejected {
		counter(rejectedDesc, n, reason)
	}
	gauge(keptDesc, float64(s.Kept))
}
