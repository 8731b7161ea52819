package main

import (
	"encoding/json"
	"fmt"
	"os"

	"github.com/segue-run/segue/bench/rollout/internal/traffic"
	"github.com/segue-run/segue/bench/rollout/internal/trial"
)

// confidence is that with which the engine's figures are bounded; with some twenty of
// them compared, chance alone makes one disagree in one of fifty runs.
const confidence = 0.999

// played is what the engine's test writes: the results by scenario.
type played map[string][]trial.Result

// compareEngine shows the figures of the real engine beside the simulation's.
func compareEngine(r *report, file string) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return fmt.Errorf("read the engine's figures: %w", err)
	}
	var engine played
	if err := json.Unmarshal(text, &engine); err != nil {
		return fmt.Errorf("read the engine's figures in %s: %w", file, err)
	}
	var rows [][]string
	for _, s := range engineScenarios() {
		got := engine[s.name]
		if len(got) == 0 {
			return fmt.Errorf("%s has no runs of %q", file, s.name)
		}
		rows = append(rows, agree(r, s.name, got, r.fewer(5).play(s))...)
	}
	title := "The real engine in virtual time, beside the simulation: the engine's figure with its 99.9 % confidence interval"
	return r.table(title, []string{"rollout", "engine's runs", "figure", "engine", "interval", "simulation", "agrees"}, rows)
}

// agree compares the share that was rolled back, and of the candidate's requests the
// median and the 95th percentile.
func agree(r *report, name string, engine, simulated []trial.Result) [][]string {
	var rows [][]string
	add := func(figure, got, low, high, want string, within bool) {
		rows = append(rows, []string{name, fmt.Sprint(len(engine)), figure, got, low + " – " + high, want, r.meets(within)})
	}
	side := 1 - (1-confidence)/2
	back, want := ended(engine, trial.RolledBack), ended(simulated, trial.RolledBack)
	low, high := back.Above(side), back.Below(side)
	// The simulation's own share is bounded as well: of few runs it is no more sure.
	add("rolled back", hundredths(back.Rate()), hundredths(low), hundredths(high), hundredths(want.Rate()),
		want.Below(side) >= low && want.Above(side) <= high)
	n, m := of(engine, candidates), of(simulated, candidates)
	for _, q := range []struct {
		name string
		q    float64
	}{{"requests p50", 0.5}, {"requests p95", 0.95}} {
		low, high := n.Within(q.q, confidence)
		least, most := m.Within(q.q, confidence)
		add(q.name, count(n.Quantile(q.q)), count(low), count(high), count(m.Quantile(q.q)), most >= low && least <= high)
	}
	return rows
}

// engineRate is how many requests a second a good release gets through the engine: few,
// since each costs it time, and only how many are the candidate's is compared.
const engineRate = 20

// engineScenarios are those that the real engine plays too.
func engineScenarios() []scenario {
	var all []scenario
	for _, b := range bad() {
		all = append(all, b.scenario)
	}
	return append(all,
		scenario{"no worse", timed(config(engineRate, nil), usualWait)},
		scenario{"no worse, 5 % in bursts", config(engineRate, traffic.Bursts(0.05))},
		scenario{"no worse, sticky, 5 % of users", sticky(config(engineRate, traffic.Users(0.05)))},
	)
}
