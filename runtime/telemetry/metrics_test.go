package telemetry_test

import (
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"

	"github.com/segue-run/segue/runtime/module"
	"github.com/segue-run/segue/runtime/telemetry"
)

type traffic []telemetry.TargetSample

func (t traffic) Traffic() []telemetry.TargetSample { return t }

func scrape(t *testing.T, m *telemetry.Metrics) string {
	t.Helper()
	w := httptest.NewRecorder()
	m.Handler().ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	if w.Code != 200 {
		t.Fatalf("status %d: %s", w.Code, w.Body)
	}
	return w.Body.String()
}

func TestTrafficIsReadAtTheScrapeAndAddedUpByRelease(t *testing.T) {
	sample := telemetry.TargetSample{Module: "hello", Version: "1.0.0", Weight: 7500, InFlight: 2,
		Requests: map[string]uint64{"ok": 10, "server-error": 1, "timeout": 3}, BytesIn: 100, BytesOut: 1 << 40, Rescued: 1, Ejected: 3,
		Targets: map[string]int{"ready": 1, "ejected": 2},
		Latency: telemetry.Latency{Bounds: []float64{0.01, 0.1}, Counts: []uint64{8, 2, 1}, Sum: 0.5}}
	other := sample
	other.Version, other.Weight = "1.1.0", 2500
	m := telemetry.NewMetrics(telemetry.MetricsConfig{Version: "0.1.0", Traffic: traffic{sample, sample, other}})
	for range 2 { // a scrape changes nothing
		text := scrape(t, m)
		for _, line := range []string{
			`segue_requests_total{class="ok",module="hello",version="1.0.0"} 20`,
			`segue_requests_total{class="server-error",module="hello",version="1.0.0"} 2`,
			`segue_requests_total{class="timeout",module="hello",version="1.0.0"} 6`,
			`segue_requests_total{class="ok",module="hello",version="1.1.0"} 10`,
			`segue_requests_in_flight{module="hello",version="1.0.0"} 4`,
			`segue_module_weight{module="hello",version="1.0.0"} 7500`,
			`segue_body_bytes_total{direction="in",module="hello",version="1.0.0"} 200`, `segue_body_bytes_total{direction="out",module="hello",version="1.0.0"} 2.199023255552e+12`,
			`segue_requests_rescued_total{module="hello",version="1.0.0"} 2`, `segue_ejections_total{module="hello",version="1.0.0"} 6`,
			`segue_targets{module="hello",state="ready",version="1.0.0"} 2`, `segue_targets{module="hello",state="ejected",version="1.1.0"} 2`,
			`segue_request_duration_seconds_bucket{module="hello",version="1.0.0",le="0.1"} 20`,
			`segue_request_duration_seconds_count{module="hello",version="1.0.0"} 22`,
			`segue_request_duration_seconds_sum{module="hello",version="1.0.0"} 1`,
			`version="0.1.0"} 1`, "go_goroutines", "process_open_fds",
		} {
			if !strings.Contains(text, line+"\n") && !strings.Contains(text, line+" ") {
				t.Errorf("no %s in\n%s", line, text)
			}
		}
	}
}

func TestWhatRolloutsShieldsAndTheFrontHaveSeenIsReadAtTheScrape(t *testing.T) {
	shield := func(n uint64) telemetry.GroupSample {
		return telemetry.GroupSample{Module: "hello", Waiting: 1, Waited: 2 * n, Refused: 3 * n, Spilled: 4 * n, Previewed: 5 * n,
			Limited: map[string]uint64{"rate": n}, Door: "held", Held: 1, EverHeld: 6 * n, Closed: 7 * n, Retry: map[string]uint64{"retried": 8 * n, "over-budget": 9 * n},
			Shield: map[string]uint64{"replayed": 6 * n, "rescued": n}}
	}
	one := shield(1)
	m := telemetry.NewMetrics(telemetry.MetricsConfig{
		Groups: func() []telemetry.GroupSample {
			return []telemetry.GroupSample{one.Plus(shield(10)), {Module: "other"}}
		},
		Modules: func() []module.Status {
			return []module.Status{{Name: "idle"}, {Name: "hello", Rollout: &module.RolloutStatus{To: "1.1.0", Strategy: "gradual", Phase: "shifting", Step: 2, Verdict: module.Pending,
				Waiting: &module.Waiting{For: "evidence"}, Evidence: module.Evidence{Errors: 0.25, Slow: 1, Signs: []module.Sign{{Weight: 5000}, {Weight: 2500}}}}}}
		},
		Traffic: traffic{{Module: "hello", Version: "1.0.0", Requests: map[string]uint64{"ok": 1}, Targets: map[string]int{"ready": 1},
			Latency: telemetry.Latency{Bounds: []float64{1}, Counts: []uint64{1, 0}}}},
		Front: func() telemetry.FrontSample {
			return telemetry.FrontSample{Unrouted: 9, Own: map[int]uint64{404: 7, 503: 0}, Broken: 1, Retried: 2, Upgraded: 3, Kept: 4096,
				Replayed: 4, Requests: 50, InFlight: 5, Connections: 6, Accepted: 70, Rejected: map[string]uint64{"per-address": 8}}
		},
		Access: func() telemetry.AccessStats {
			return telemetry.AccessStats{Written: 1, Sampled: 2, Flooded: 3, Crowded: 4, Failed: 5}
		},
	})
	if one.Shield["replayed"] != 6 {
		t.Errorf("Plus changed what it was given: %+v", one)
	}
	text := scrape(t, m)
	problems, err := promlint.New(strings.NewReader(text)).Lint()
	if err != nil || len(problems) > 0 {
		t.Errorf("the exposition is not as it should be: %v %v", problems, err)
	}
	for _, line := range []string{
		`segue_requests_waiting{module="hello"} 2`, `segue_requests_waited_total{module="hello"} 22`, `segue_requests_refused_total{module="hello"} 33`,
		`segue_requests_spilled_total{module="hello"} 44`, `segue_requests_previewed_total{module="hello"} 55`, `segue_requests_waited_total{module="other"} 0`,
		`segue_shield_requests_total{module="hello",outcome="replayed"} 66`, `segue_shield_requests_total{module="hello",outcome="rescued"} 11`,
		`segue_rollout_evidence{kind="errors",module="hello"} 0.25`, `segue_rollout_evidence{kind="slow",module="hello"} 1`,
		`segue_rollout_signs{module="hello"} 0.75`, `segue_rollout_step{module="hello"} 2`,
		`segue_rollout_info{module="hello",phase="shifting",strategy="gradual",verdict="pending",version="1.1.0",waiting="evidence"} 1`,
		`segue_own_answers_total{status="404"} 7`, `segue_own_answers_total{status="503"} 0`, `segue_broken_answers_total 1`, `segue_requests_unrouted_total 9`,
		`segue_requests_limited_total{limit="rate",module="hello"} 11`, `segue_module_door{door="held",module="hello"} 1`, `segue_module_door{door="open",module="other"} 1`,
		`segue_requests_held{module="hello"} 2`, `segue_requests_held_total{module="hello"} 66`, `segue_requests_closed_total{module="hello"} 77`,
		`segue_requests_retries_total{module="hello",outcome="retried"} 88`, `segue_requests_retries_total{module="hello",outcome="over-budget"} 99`,
		`segue_requests_replayed_total 4`, `segue_requests_begun_total 50`, `segue_requests_open 5`, `segue_connections 6`,
		`segue_connections_accepted_total 70`, `segue_connections_rejected_total{reason="per-address"} 8`,
		`segue_access_log_requests_total{outcome="written"} 1`, `segue_access_log_requests_total{outcome="failed"} 5`,
		`segue_requests_retried_total 2`, `segue_requests_upgraded 3`, `segue_shield_kept_bytes 4096`,
	} {
		if !strings.Contains(text, line+"\n") {
			t.Errorf("no %s in\n%s", line, text)
		}
	}
	if strings.Contains(text, `"idle"`) {
		t.Error("a module without a rollout is told of one")
	}
}

func TestEventsAreCounted(t *testing.T) {
	m := telemetry.NewMetrics(telemetry.MetricsConfig{})
	for _, typ := range []module.EventType{
		module.OfferAccepted, module.OfferRefused, module.OfferRefused,
		module.RolloutPromoted, module.RolloutRolledBack, module.RolloutFailed, module.RolloutAborted,
		module.InstanceStarted, module.InstanceCrashed, module.InstanceStarted, module.InstanceStarted, module.ModuleDenied,
	} {
		m.Observe(module.Event{Type: typ, Module: "hello"})
	}
	text := scrape(t, m)
	for _, line := range []string{
		`segue_offers_total{outcome="accepted"} 1`, `segue_offers_total{outcome="refused"} 2`, `segue_offers_total{outcome="unchanged"} 0`,
		`segue_rollouts_total{module="hello",verdict="pass"} 1`, `segue_rollouts_total{module="hello",verdict="fail"} 2`,
		`segue_rollouts_total{module="hello",verdict="aborted"} 1`, `segue_instance_restarts_total{module="hello"} 1`, `segue_denials_total{module="hello"} 1`,
	} {
		if !strings.Contains(text, line+"\n") {
			t.Errorf("no %s in\n%s", line, text)
		}
	}
}
