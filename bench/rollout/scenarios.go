package main

import (
	"fmt"
	"time"

	"github.com/segue-run/segue/bench/rollout/internal/traffic"
	"github.com/segue-run/segue/bench/rollout/internal/trial"
	"github.com/segue-run/segue/runtime/policy"
	"github.com/segue-run/segue/runtime/rollout"
)

// scenario is one kind of rollout, played many times.
type scenario struct {
	name string
	cfg  trial.Config
}

const (
	usualRate = 200   // requests a second
	users     = 2000  // who send them, where they are told apart
	baseline  = 0.001 // share of requests that any release fails, beside a bad candidate
	inFlight  = 5     // of the candidate in its first step
)

// usualWait is how long the releases take where that matters.
var usualWait = traffic.Wait{Median: 20 * time.Millisecond, P99: 100 * time.Millisecond}

func config(rate float64, shape traffic.Shape) trial.Config {
	return trial.Config{Traffic: traffic.Config{Rate: rate, Shape: shape}, Policy: policy.Default(), Cap: inFlight, Doubts: rollout.MaxDoubts}
}

// timed is cfg with waits on both sides, the candidate's as given.
func timed(cfg trial.Config, candidate traffic.Wait) trial.Config {
	cfg.Wait, cfg.Candidate.Wait = usualWait, candidate
	return cfg
}

// sticky is cfg with users that are told apart and stay with a release.
func sticky(cfg trial.Config) trial.Config {
	cfg.Traffic.Keys, cfg.Sticky, cfg.Policy.Sticky = users, true, "cookie"
	return cfg
}

// failing is cfg with a candidate that fails that share of what stable would not.
func failing(cfg trial.Config, share float64) trial.Config {
	cfg.Candidate.Fails = share
	return cfg
}

// percent writes a share as "0.1 %".
func percent(share float64) string { return fmt.Sprintf("%g %%", share*100) }

// identical are rollouts of a release that is no worse than stable.
func identical() []scenario {
	var all []scenario
	for _, share := range []float64{0, 0.001, 0.01, 0.05} {
		outage := func(severity float64) trial.Config {
			return config(usualRate, traffic.Outage(traffic.Even(share), severity, 10*time.Second, 90*time.Second))
		}
		kinds := []scenario{
			{"independent", config(usualRate, traffic.Even(share))},
			{"outage of 10 s, 30 % fail", outage(0.3)},
			{"outage of 10 s, all fail", outage(1)},
		}
		if share > 0 {
			kinds = append(kinds,
				scenario{"in bursts", config(usualRate, traffic.Bursts(share))},
				scenario{"in step with request numbers", config(usualRate, traffic.Counted(share))},
				scenario{"in step with the clock", config(usualRate, traffic.Clocked(share))},
				scenario{"sticky, users that always fail", sticky(config(usualRate, traffic.Users(share)))},
			)
		}
		if share == baseline {
			kinds = append(kinds,
				scenario{"outage of 2 min, all fail", config(usualRate, traffic.Outage(traffic.Even(share), 1, 2*time.Minute, 90*time.Second))},
				scenario{"long tails of latency", timed(config(usualRate, traffic.Even(share)), usualWait)},
			)
		}
		for _, k := range kinds {
			all = append(all, scenario{fmt.Sprintf("%s: %s", percent(share), k.name), k.cfg})
		}
	}
	// Here 50 requests in a row fail each second.
	return append(all, scenario{"5 %: in step with the clock, at 1000 requests/s", config(1000, traffic.Clocked(0.05))})
}
