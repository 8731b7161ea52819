package trial_test

import (
	"testing"
	"time"

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
		Doubts:    10,
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
		"an outage":   config(traffic.Outage(traffic.Even(0.01), 0.3, 10*time.Second, time.Minute), 0),
		"clocked":     config(traffic.Clocked(0.05), 0),
		"sticky":      stuck(config(traffic.Users(0.05), 0)),
		"slower":      slower(config(traffic.Even(0.001), 0)),
	} {
		t.Run(name, func(t *testing.T) {
			for seed := range uint64(6) {
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

func stuck(cfg trial.Config) trial.Config {
	cfg.Sticky, cfg.Traffic.Keys = true, 2000
	return cfg
}

func slower(cfg trial.Config) trial.Config {
	cfg.Wait = traffic.Wait{Median: 20 * time.Millisecond, P99: 100 * time.Millisecond}
	cfg.Candidate.Wait = cfg.Wait.LongerTail(1.5)
	return cfg
}

func TestABadReleaseIsOutAndAGoodOneIsIn(t *testing.T) {
	for name, c := range map[string]struct {
		cfg  trial.Config
		want trial.Ending
	}{
		"no worse":   {config(traffic.Even(0.001), 0), trial.Promoted},
		"fails half": {config(traffic.Even(0.001), 0.5), trial.RolledBack},
		"hangs":      {hanging(), trial.RolledBack},
	} {
		for seed := range uint64(20) {
			r := trial.Run(c.cfg, seed)
			if r.Ending != c.want {
				t.Errorf("%s, seed %d: %+v", name, seed, r)
			}
			if r.Seen > r.SeenMixed || r.SeenMixed > r.Failed || r.Failed > r.Candidate || r.Candidate > r.Requests {
				t.Errorf("%s, seed %d does not add up: %+v", name, seed, r)
			}
		}
	}
}

func hanging() trial.Config {
	cfg := config(nil, 0)
	cfg.Wait = traffic.Wait{Median: 20 * time.Millisecond, P99: 100 * time.Millisecond}
	cfg.Candidate = trial.Candidate{Hangs: true, Wait: cfg.Wait}
	cfg.Cap = 5
	return cfg
}

func TestACandidateThatHangsGetsNoMoreThanTheCap(t *testing.T) {
	cfg := hanging()
	cfg.Traffic.Rate = 100000 // a thousand for the candidate before the first is overdue
	if r := trial.Run(cfg, 1); r.Ending != trial.RolledBack || r.Candidate > 5 {
		t.Errorf("got %+v", r)
	}
}

func TestLittleTrafficEndsUnproven(t *testing.T) {
	cfg := config(nil, 0)
	cfg.Traffic.Rate = 0.01
	steps := len(cfg.Policy.Steps)
	r := trial.Run(cfg, 1)
	if limit := time.Duration(steps) * cfg.Policy.Limit.Std(); r.Ending != trial.Promoted || r.Unproven != steps || r.Took != limit {
		t.Errorf("got %+v, want all %d steps unproven after %s", r, steps, limit)
	}
}

// Five intervals of a minute at 2 requests a second are 600 requests.
func TestACheckerAtFixedIntervalsLooksAtTheirEnds(t *testing.T) {
	by := trial.Thresholds{Interval: time.Minute, Failures: 5, Success: 0.99}
	r := trial.Watch(config(nil, 1), by, 1)
	if r.Ending != trial.RolledBack || r.Took != 5*time.Minute || r.Candidate < 598 || r.Candidate > 602 || r.Failed != r.Candidate {
		t.Errorf("got %+v", r)
	}
	r = trial.Watch(config(nil, 0), by, 1)
	if r.Ending != trial.Promoted || r.Took != 5*time.Minute || r.Failed != 0 {
		t.Errorf("a good release: %+v", r)
	}
}

func TestTheSameTrafficIsShownToBothWaysToDecide(t *testing.T) {
	cfg := config(traffic.Even(0.01), 0.1)
	long := trial.Watch(cfg, trial.Thresholds{Interval: time.Minute, Failures: 5, Success: 0.99}, 3)
	short := trial.Run(cfg, 3)
	if short.Candidate == 0 || short.Requests >= long.Requests {
		t.Fatalf("evidence took %+v, the checker %+v", short, long)
	}
	// The checker, stopped where the evidence was in, has seen the same.
	interval := time.Duration(float64(short.Requests) / cfg.Traffic.Rate * float64(time.Second))
	same := trial.Watch(cfg, trial.Thresholds{Interval: interval, Failures: 1, Success: 1}, 3)
	if same.Candidate != short.Candidate || same.Failed != short.Failed {
		t.Errorf("evidence saw %+v, the checker %+v", short, same)
	}
}
