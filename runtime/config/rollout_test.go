package config_test

import (
	"reflect"
	"testing"
	"time"

	"github.com/segue-run/segue/runtime/config"
	"github.com/segue-run/segue/sdk/manifest"
)

func TestTheOperatorGoesOverTheAuthorForEachFieldOfARollout(t *testing.T) {
	cfg, err := load(t, `
rollout: {hold: 20s, max_errors: 1%}
modules:
  hello:
    rollout: {max_errors: 2%}
`)
	if err != nil {
		t.Fatal(err)
	}
	author := manifest.Rollout{
		Strategy: manifest.Instant, Hold: duration(time.Minute),
		MaxErrors: new(manifest.Weight(9000)), MinErrors: 9,
	}
	defaults := config.DefaultRollout()
	for name, c := range map[string]struct {
		author manifest.Rollout
		want   manifest.Rollout
	}{
		"hello": {author, manifest.Rollout{
			Strategy: manifest.Instant, Steps: defaults.Steps, Hold: duration(20 * time.Second),
			MaxErrors: new(manifest.Weight(200)), MinErrors: 9,
		}},
		"other": {manifest.Rollout{}, manifest.Rollout{
			Strategy: manifest.Gradual, Steps: []manifest.Weight{100, 500, 2500, 5000, 10000}, Hold: duration(20 * time.Second),
			MaxErrors: new(manifest.Weight(100)), MinErrors: 3,
		}},
	} {
		if got := cfg.RolloutFor(name, c.author); !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: got %+v, want %+v", name, got, c.want)
		}
	}
}

func TestTheDefaultRolloutIsWholeAndValid(t *testing.T) {
	got := config.Default().RolloutFor("any", manifest.Rollout{})
	if err := got.Validate(); err != nil {
		t.Error(err)
	}
	if got.Strategy != manifest.Gradual || *got.Hold != manifest.Duration(10*time.Second) || *got.MaxErrors != 500 || got.MinErrors != 3 {
		t.Errorf("got %+v", got)
	}
}

func TestADefaultRolloutIsTheCallersOwn(t *testing.T) {
	config.DefaultRollout().Steps[0] = 9999
	if got := config.DefaultRollout().Steps[0]; got != 100 {
		t.Errorf("got %v", got)
	}
}
