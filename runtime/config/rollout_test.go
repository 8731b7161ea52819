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
	author := manifest.Rollout{Hold: duration(time.Minute), MaxErrors: new(manifest.Weight(9000)), MinRequests: 9, Unproven: manifest.Wait}
	want := policy.Default()
	want.Hold, want.Window = duration(20*time.Second), duration(time.Hour)

	hello := want
	hello.MaxErrors, hello.MinRequests, hello.Unproven = new(manifest.Weight(200)), 9, manifest.Wait
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
