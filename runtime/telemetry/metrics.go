package telemetry

import (
	"net/http"
	goruntime "runtime"
	"sync"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/segue-run/segue/runtime/module"
)

// MetricsConfig says what is measured.
type MetricsConfig struct {
	// Traffic gives the figures of requests; nil for none.
	Traffic Traffic
	// Groups, Modules, Front and Access give further figures; nil for none. They are called at
	// each scrape, from any goroutine. Groups gives each module once.
	Groups  func() []GroupSample
	Modules func() []module.Status
	Front   func() FrontSample
	Access  func() AccessStats // of the access log
	// Version is the runtime's.
	Version string
}

// Metrics are the runtime's figures in the form of Prometheus. It is safe for
// concurrent use.
type Metrics struct {
	registry *prometheus.Registry
	rollouts *prometheus.CounterVec
	restarts *prometheus.CounterVec
	offers   *prometheus.CounterVec
	denials  *prometheus.CounterVec

	mu      sync.Mutex
	crashed map[string]bool // modules whose process ended by itself and was not seen again
}

// NewMetrics makes the metrics in a registry of their own.
func NewMetrics(cfg MetricsConfig) *Metrics {
	m := &Metrics{
		registry: prometheus.NewRegistry(),
		rollouts: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "segue_rollouts_total", Help: "Rollouts that ended, by verdict: pass, fail or aborted.",
		}, []string{"module", "verdict"}),
		restarts: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "segue_instance_restarts_total", Help: "Processes that were started after one had ended by itself.",
		}, []string{"module"}),
		offers: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "segue_offers_total", Help: "Files and uploads that were looked at, by outcome: accepted, refused or unchanged.",
		}, []string{"outcome"}),
		denials: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "segue_denials_total", Help: "Things that modules tried and may not, and quotas that they reached, as the events tell of them.",
		}, []string{"module"}),
		crashed: map[string]bool{},
	}
	for _, outcome := range []string{"accepted", "refused", "unchanged"} {
		m.offers.WithLabelValues(outcome) // a rate needs the zero before the first
	}
	build := prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "segue_build_info", Help: "Always 1; the labels say what runs.",
		ConstLabels: prometheus.Labels{"version": cfg.Version, "go": goruntime.Version()},
	})
	build.Set(1)
	m.registry.MustRegister(m.rollouts, m.restarts, m.offers, m.denials, build,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	if cfg.Traffic != nil {
		m.registry.MustRegister(&trafficCollector{traffic: cfg.Traffic})
	}
	if cfg.Groups != nil {
		m.registry.MustRegister(&groupsCollector{groups: cfg.Groups})
	}
	if cfg.Modules != nil {
		m.registry.MustRegister(&rolloutsCollector{modules: cfg.Modules})
	}
	if cfg.Front != nil {
		m.registry.MustRegister(&frontCollector{front: cfg.Front})
	}
	if cfg.Access != nil {
		m.registry.MustRegister(&accessCollector{stats: cfg.Access})
	}
	return m
}

// Handler serves the metrics.
func (m *Metrics) Handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{EnableOpenMetrics: true})
}

// Observe counts what events tell of. It does not block; it is made for
// EventsConfig.Observe.
func (m *Metrics) Observe(ev module.Event) {
	switch ev.Type {
	case module.OfferAccepted:
		m.offers.WithLabelValues("accepted").Inc()
	case module.OfferRefused:
		m.offers.WithLabelValues("refused").Inc()
	case module.OfferUnchanged:
		m.offers.WithLabelValues("unchanged").Inc()
	case module.RolloutPromoted:
		m.rollouts.WithLabelValues(ev.Module, string(module.Pass)).Inc()
	case module.RolloutRolledBack, module.RolloutFailed:
		m.rollouts.WithLabelValues(ev.Module, string(module.Fail)).Inc()
	case module.RolloutAborted:
		m.rollouts.WithLabelValues(ev.Module, "aborted").Inc()
	case module.ModuleDenied:
		m.denials.WithLabelValues(ev.Module).Inc()
	case module.InstanceCrashed:
		m.mu.Lock()
		m.crashed[ev.Module] = true
		m.mu.Unlock()
	case module.InstanceStarted:
		m.mu.Lock()
		again := m.crashed[ev.Module]
		delete(m.crashed, ev.Module)
		m.mu.Unlock()
		if again {
			m.restarts.WithLabelValues(ev.Module).Inc()
		}
	}
}
