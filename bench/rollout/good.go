package main

import (
	"fmt"

	"github.com/segue-run/segue/bench/rollout/internal/figures"
	"github.com/segue-run/segue/bench/rollout/internal/traffic"
	"github.com/segue-run/segue/bench/rollout/internal/trial"
	"github.com/segue-run/segue/runtime/policy"
)

// maxFalse is what the upper bound of false rollbacks may be.
const maxFalse = 0.01

// falseRollbacks shows releases that are no worse than stable.
func falseRollbacks(r *report) error {
	var rows [][]string
	for _, s := range identical() {
		results := r.play(s)
		back := ended(results, trial.RolledBack)
		bound := back.Below(0.95)
		doubts := of(results, doubted)
		rows = append(rows, []string{
			s.name, count(uint64(back.Had)), hundredths(back.Rate()), hundredths(bound), r.meets(bound <= maxFalse),
			decimal(mean(results, doubted)), count(doubts.Quantile(1)),
		})
	}
	title := fmt.Sprintf("Identical releases at %d requests/s: false rollbacks in %d whole rollouts each, with the exact upper 95 %% bound; and how often one stepped back from 100 %%", usualRate, r.runs)
	return r.table(title, []string{"both fail", "false rollbacks", "rate", "bound", "≤ 1 %", "steps back, mean", "most"}, rows)
}

// goodReleases shows how long a good release takes at different rates.
func goodReleases(r *report) error {
	var rows [][]string
	for _, rate := range []float64{0.1, 1, 10, 100, 1000} {
		name := fmt.Sprintf("%g requests/s", rate)
		results := r.fewer(20).play(scenario{name, config(rate, traffic.Even(baseline))})
		times := of(results, took)
		requests := of(results, func(r trial.Result) uint64 { return r.Requests })
		unproven := figures.Share{Of: len(results)}
		steps := uint64(0)
		for _, result := range results {
			if result.Unproven > 0 {
				unproven.Had++
			}
			steps += uint64(result.Unproven)
		}
		rows = append(rows, []string{
			name, times.Quantile(0.5).String(), times.Quantile(0.95).String(), count(requests.Quantile(0.5)),
			hundredths(unproven.Rate()), decimal(float64(steps) / float64(len(results))), hundredths(ended(results, trial.Promoted).Rate()),
		})
	}
	title := fmt.Sprintf("A good release on its way to 100 %%; %s of the requests fail on either side; %d rollouts each", percent(baseline), r.fewer(20).runs)
	columns := []string{"traffic", "time p50", "time p95", "requests p50", "unproven at the end", "of its " + fmt.Sprint(len(policy.Default().Steps)) + " steps", "promoted"}
	return r.table(title, columns, rows)
}
