package config_test

import (
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/segue-run/segue/runtime/config"
	"github.com/segue-run/segue/runtime/policy"
	"github.com/segue-run/segue/sdk/manifest"
)

func TestTheOperatorGoesOverTheAuthorForEachFieldOfARollout(t *testing.T) {
	cfg, err := load(t, `
rollback_window: 1h
rollout:
  hold: 20s
  max_errors: 1%
  hooks: {before_start: "http://127.0.0.1:1/a", before_traffic: "http://127.0.0.1:1/b"}
  checks: [GET /healthz 200, "GET /hello?a=1,2"]
modules:
  hello:
    rollout: {max_errors: 2%, hooks: {before_start: none}, checks: []}
`)
	if err != nil {
		t.Fatal(err)
	}
	author := manifest.Rollout{Hold: duration(time.Minute), MaxErrors: new(manifest.Weight(9000)), MinRequests: 90, Unproven: manifest.Wait}
	want := policy.Default()
	want.Hold, want.Window = duration(20*time.Second), duration(time.Hour)

	hello := want
	hello.MaxErrors, hello.MinRequests, hello.Unproven = new(manifest.Weight(200)), 90, manifest.Wait
	hello.Hooks = map[policy.Point]string{policy.BeforeTraffic: "http://127.0.0.1:1/b"}
	if got := cfg.RolloutFor("hello", author, manifest.Rollout{}); !reflect.DeepEqual(got, hello) {
		t.Errorf("got %+v, want %+v", got, hello)
	}

	other := want
	other.MaxErrors = new(manifest.Weight(100))
	other.Hooks = map[policy.Point]string{policy.BeforeStart: "http://127.0.0.1:1/a", policy.BeforeTraffic: "http://127.0.0.1:1/b"}
	other.Checks = []policy.Check{{Method: "GET", Path: "/healthz", Status: 200}, {Method: "GET", Path: "/hello?a=1,2"}}
	if got := cfg.RolloutFor("other", manifest.Rollout{}, manifest.Rollout{}); !reflect.DeepEqual(got, other) {
		t.Errorf("got %+v, want %+v", got, other)
	}
}

func TestAnAuthorMakesTheVerdictStricterOrLeavesItAlone(t *testing.T) {
	loose := manifest.Rollout{Strategy: manifest.Instant, Hold: duration(0), Limit: duration(time.Second),
		MaxErrors: new(manifest.Full), MaxSlow: new(manifest.Full), MinRequests: 1, Unproven: manifest.Proceed}
	got, want := config.Default().RolloutFor("any", loose, manifest.Rollout{}), policy.Default()
	if got.Strategy != manifest.Instant || *got.Hold != 0 {
		t.Errorf("how it comes in is %s with a hold of %s", got.Strategy, got.Hold)
	}
	if *got.MaxErrors != *want.MaxErrors || *got.MaxSlow != *want.MaxSlow || *got.Limit != *want.Limit || got.MinRequests != want.MinRequests {
		t.Errorf("a release is judged by its own word: %+v", got.Rollout)
	}
	strict := manifest.Rollout{Limit: duration(time.Hour), MaxErrors: new(manifest.Weight(1)), MaxSlow: new(manifest.Weight(2)),
		MinRequests: 1000, Unproven: manifest.GiveUp}
	got = config.Default().RolloutFor("any", strict, manifest.Rollout{})
	if *got.MaxErrors != 1 || *got.MaxSlow != 2 || *got.Limit != *strict.Limit || got.MinRequests != 1000 || got.Unproven != manifest.GiveUp {
		t.Errorf("a stricter word is not heard: %+v", got.Rollout)
	}
}

func TestTheWishOfADeployGoesOverAll(t *testing.T) {
	cfg, err := load(t, "rollout: {strategy: instant, steps: [10%, 100%], limit: 1m}\n")
	if err != nil {
		t.Fatal(err)
	}
	steps := func(wish manifest.Rollout) []manifest.Weight {
		return cfg.RolloutFor("any", manifest.Rollout{}, wish).Steps
	}
	if got := steps(manifest.Rollout{}); !slices.Equal(got, []manifest.Weight{manifest.Full}) {
		t.Errorf("instant has the steps %v", got)
	}
	if got := steps(manifest.Rollout{Strategy: manifest.Gradual}); !slices.Equal(got, []manifest.Weight{1000, manifest.Full}) {
		t.Errorf("gradual by wish has the steps %v, not those of the operator", got)
	}
	if got := cfg.RolloutFor("any", manifest.Rollout{}, manifest.Rollout{Hold: duration(time.Hour)}); *got.Limit != *got.Hold {
		t.Errorf("a hold of %v has the limit %v", got.Hold, got.Limit)
	}
}

func TestTheDefaultRolloutIsWholeAndValid(t *testing.T) {
	got := config.Default().RolloutFor("any", manifest.Rollout{}, manifest.Rollout{})
	if err := got.Validate(); err != nil {
		t.Error(err)
	}
	if !reflect.DeepEqual(got, policy.Default()) {
		t.Errorf("got %+v", got)
	}
}

func TestEveryFieldOfARolloutCanBeWrittenInTheFile(t *testing.T) {
	cfg, err := load(t, `
rollout:
  strategy: bluegreen
  steps: 10%,100%
  hold: 20s
  limit: 1m
  max_errors: 1%
  max_slow: 2%
  min_requests: 9
  unproven: hold
  on_new: queue
  slow_factor: 1.5
  slow_floor: 5ms
  overdue: 2s
  max_errors_alone: 20%
  shield: {enabled: off, routes: [POST /orders, /search], budget: 5%}
  sticky: header x-user
  preview_host: preview.example.com
  mirror: {share: 10%, matches: [GET /hello]}
  rehearsal:
    requests: 100
    ignore: [$.time, "$.items[*].id"]
    headers: [ETag]
    keep: [Authorization, Cookie]
  max_differences: 1%
  checks:
    - GET /healthz 200
    - POST /orders?dry=1,2
  hooks:
    before_start: https://gate.example/a?b=c,d
    before_traffic: http://127.0.0.1:9/b
    each_step: none
    after_promotion: https://gate.example/c
    after_rollback: https://gate.example/d
  hook_timeout: 3s
  approvals: [before_traffic, each_step]
  approval_timeout: 1h
  freeze: [Fri 16:00 - Mon 08:00, 2026-12-24 - 2027-01-02 Europe/Berlin]
  signs: {crash: 50%, oom: 51%, sandbox: 52%, probes: 53%, restart: 54%, memory: 55%, difference: 56%, denial: 57%, quota: 58%}
`)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string][]string{
		"strategy": {"bluegreen"}, "steps": {"10%,100%"}, "hold": {"20s"}, "limit": {"1m0s"}, "max_errors": {"1%"}, "max_slow": {"2%"},
		"min_requests": {"9"}, "unproven": {"hold"}, "on_new": {"queue"}, "slow_factor": {"1.5x"}, "slow_floor": {"5ms"}, "overdue": {"2s"},
		"max_errors_alone": {"20%"}, "shield.enabled": {"off"}, "shield.routes": {"POST /orders", "/search"}, "shield.budget": {"5%"},
		"sticky": {"header X-User"}, "preview_host": {"preview.example.com"}, "mirror.share": {"10%"}, "mirror.matches": {"GET /hello"},
		"rehearsal.requests": {"100"}, "rehearsal.ignore": {"$.time", "$.items[*].id"}, "rehearsal.headers": {"ETag"},
		"rehearsal.keep": {"Authorization", "Cookie"}, "max_differences": {"1%"}, "checks": {"GET /healthz 200", "POST /orders?dry=1,2"},
		"hooks.before_start": {"https://gate.example/a?b=c,d"}, "hooks.before_traffic": {"http://127.0.0.1:9/b"}, "hooks.each_step": {"none"},
		"hooks.after_promotion": {"https://gate.example/c"}, "hooks.after_rollback": {"https://gate.example/d"}, "hook_timeout": {"3s"},
		"approvals": {"before_traffic", "each_step"}, "approval_timeout": {"1h0m0s"},
		"freeze":      {"Fri 16:00 - Mon 08:00", "2026-12-24 - 2027-01-02 Europe/Berlin"},
		"signs.crash": {"50%"}, "signs.oom": {"51%"}, "signs.sandbox": {"52%"}, "signs.probes": {"53%"}, "signs.restart": {"54%"}, "signs.memory": {"55%"}, "signs.difference": {"56%"}, "signs.denial": {"57%"}, "signs.quota": {"58%"},
	}
	got := policy.Text(cfg.Rollout)
	for _, field := range policy.Fields() {
		if !slices.Equal(got[field], want[field]) || want[field] == nil {
			t.Errorf("%s: got %q, want %q", field, got[field], want[field])
		}
	}
}
