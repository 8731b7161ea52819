package trial_test

import (
	"testing"

	"github.com/segue-run/segue/bench/rollout/internal/traffic"
	"github.com/segue-run/segue/bench/rollout/internal/trial"
	"github.com/segue-run/segue/runtime/policy"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func config(shape traffic.Shape, fails float64) trial.Config {
	return trial.Config{
		Traffic:   traffic.Config{Rate: 200, Shape: shape},
		Candidate: trial.Candidate{Fails: fails},
		Policy:    policy.Default(),
		Doubts:    1,
	}
}

func TestASeedGivesTheSameRollout(t *testing.T) {
	cfg := config(traffic.Even(0.01), 0.05)
	if a, b := trial.Run(cfg, 7), trial.Run(cfg, 7); a != b {
		t.Errorf("one seed gave %+v and %+v", a, b)
	}
	if a, b := trial.Run(cfg, 7), trial.Run(cfg, 8); a == b {
		t.Errorf("two seeds gave %+v", a)
	}
}

func TestTheVerdictsThatAreLeftOutWouldChangeNothing(t *testing.T) {
	for name, cfg := range map[string]trial.Config{
		"identical":   config(traffic.Even(0.01), 0),
		"in bursts":   config(traffic.Bursts(0.05), 0),
		"a tenth bad": config(traffic.Even(0.001), 0.1),
	} {
		t.Run(name, func(t *testing.T) {
			for seed := range uint64(20) {
				some := trial.Run(cfg, seed)
				cfg.Always = true
				all := trial.Run(cfg, seed)
				cfg.Always = false
				if some != all {
					t.Errorf("seed %d: with some verdicts %+v, with all %+v", seed, some, all)
				}
			}
		})
	}
}
