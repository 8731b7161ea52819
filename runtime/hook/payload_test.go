package hook_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/segue-run/segue/runtime/hook"
	"github.com/segue-run/segue/runtime/module"
	"github.com/segue-run/segue/runtime/policy"
	"github.com/segue-run/segue/sdk/manifest"
)

// The names are what operators' programs read; a change of one is another version.
func TestThePayloadsNamesAreStable(t *testing.T) {
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	raw, err := json.MarshalIndent(hook.NewPayload(policy.EachStep, module.RolloutStatus{
		ID: "hello-17", Module: "hello", From: "1.0.0", To: "1.1.0", Digest: "d1", Strategy: manifest.Gradual,
		Phase: "shifting", Step: 1, Steps: []manifest.Weight{500, 10000}, Verdict: module.Pass, Reason: "no worse",
		Actor: "file", Started: at, StableSample: module.Sample{Requests: 900, Errors: 1}, CandidateSample: module.Sample{Requests: 50},
		Evidence: module.Evidence{Errors: 0.25, Signs: []module.Sign{{Kind: "crash", Weight: 5000, Message: "it crashed", At: at}}},
		Waiting:  &module.Waiting{For: "hook", Point: "each_step", Since: at, Message: "a hook"},
		Preview:  &module.Preview{Header: "Segue-Preview: t"}, Rescued: 3,
		Mirror: &module.Comparison{Requests: 10, Different: 1, Examples: []module.Difference{{Request: "GET /me", Stable: "alice@example.org"}}},
	}), "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	const want = `{
  "version": 1,
  "point": "each_step",
  "module": "hello",
  "rollout": "hello-17",
  "from": "1.0.0",
  "to": "1.1.0",
  "digest": "d1",
  "strategy": "gradual",
  "phase": "shifting",
  "step": 1,
  "steps": [
    500,
    10000
  ],
  "weight": 500,
  "next": 10000,
  "verdict": "pass",
  "reason": "no worse",
  "evidence": {
    "errors": 0.25,
    "slow": 0,
    "signs": [
      {
        "kind": "crash",
        "weight": 5000,
        "message": "it crashed",
        "at": "2026-03-01T12:00:00Z"
      }
    ]
  },
  "stable": {
    "requests": 900,
    "errors": 1,
    "slow": 0
  },
  "candidate": {
    "requests": 50,
    "errors": 0,
    "slow": 0
  },
  "rescued": 3,
  "mirror": {
    "requests": 10,
    "different": 1
  },
  "waiting": {
    "for": "hook",
    "point": "each_step",
    "since": "2026-03-01T12:00:00Z",
    "message": "a hook"
  },
  "preview": {
    "header": "Segue-Preview: t"
  },
  "actor": "file",
  "started": "2026-03-01T12:00:00Z"
}`
	if string(raw) != want {
		t.Errorf("got %s", raw)
	}
}

func TestThePayloadSaysTheWeightNowAndAfterConsent(t *testing.T) {
	steps := []manifest.Weight{500, 2500, 10000}
	for name, c := range map[string]struct {
		point     policy.Point
		strategy  manifest.Strategy
		phase     string
		step      int
		now, next manifest.Weight
	}{
		"before the start":         {policy.BeforeStart, manifest.Gradual, "starting", 0, 0, 0},
		"before the first step":    {policy.BeforeTraffic, manifest.Gradual, "checking", 0, 0, 500},
		"between two steps":        {policy.EachStep, manifest.Gradual, "shifting", 1, 500, 2500},
		"after the last step":      {policy.EachStep, manifest.Gradual, "shifting", 3, 10000, 0},
		"after the promotion":      {policy.AfterPromotion, manifest.Gradual, "promoted", 3, 10000, 0},
		"after the rollback":       {policy.AfterRollback, manifest.Gradual, "rolled-back", 2, 0, 0},
		"before an instant switch": {policy.BeforeTraffic, manifest.Instant, "checking", 0, 0, 10000},
		"before blue is green":     {policy.BeforeTraffic, manifest.Bluegreen, "checking", 0, 0, 10000},
		"after an instant switch":  {policy.EachStep, manifest.Instant, "shifting", 1, 10000, 0},
	} {
		t.Run(name, func(t *testing.T) {
			p := hook.NewPayload(c.point, module.RolloutStatus{Strategy: c.strategy, Phase: c.phase, Step: c.step, Steps: steps})
			if p.Weight != c.now || p.Next != c.next {
				t.Errorf("weight %d, next %d; want %d and %d", p.Weight, p.Next, c.now, c.next)
			}
		})
	}
}
