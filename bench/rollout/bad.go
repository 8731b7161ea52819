package main

import (
	"fmt"
	"slices"
	"time"

	"github.com/segue-run/segue/bench/rollout/internal/traffic"
	"github.com/segue-run/segue/bench/rollout/internal/trial"
)

// bad are releases that fail, with how many of the candidate's requests may go by
// until 95 of 100 of them are out.
func bad() []struct {
	scenario
	target uint64
} {
	normal := config(usualRate, traffic.Even(baseline))
	hanging := timed(normal, usualWait)
	hanging.Candidate.Hangs = true
	return []struct {
		scenario
		target uint64
	}{
		{scenario{"fails 100 %", failing(normal, 1)}, 5},
		{scenario{"fails 50 %", failing(normal, 0.5)}, 15},
		{scenario{"fails 10 %", failing(normal, 0.1)}, 130},
		{scenario{"fails 5 %", failing(normal, 0.05)}, 320},
		{scenario{"hangs", hanging}, 5},
	}
}

// checkers decide by thresholds at fixed intervals.
var checkers = []struct {
	name string
	by   trial.Thresholds
}{
	{"checker, 5 intervals", trial.Thresholds{Interval: time.Minute, Failures: 5, Success: 0.99}},
	{"checker, 1 interval", trial.Thresholds{Interval: time.Minute, Failures: 1, Success: 0.99}},
}

// badReleases shows how many requests a bad release gets, and whom it harms.
func badReleases(r *report) error {
	var rows, harms [][]string
	var spread []curve
	var compared []points
	for _, b := range bad() {
		results := r.play(b.scenario)
		n := of(results, candidates)
		caught := ended(results, trial.RolledBack)
		rows = append(rows, []string{
			b.name, count(n.Quantile(0.5)), count(n.Quantile(0.95)), count(b.target), r.meets(n.Quantile(0.95) <= b.target),
			hundredths(1 - caught.Rate()), decimal(mean(results, harmed)), decimal(mean(results, seenMixed)), decimal(mean(results, seen)),
		})
		spread = append(spread, curve{b.name, n})
		if b.cfg.Candidate.Hangs {
			continue
		}
		row := []string{b.name, decimal(mean(results, harmed)), decimal(mean(results, seen))}
		at := points{b.name, []float64{mean(results, harmed), mean(results, seenMixed), mean(results, seen)}}
		for _, c := range checkers {
			watched := play(b.name, r.fewer(10).runs, func(seed uint64) trial.Result { return trial.Watch(b.cfg, c.by, seed) })
			row = append(row, decimal(mean(watched, harmed)), count(of(watched, harmed).Quantile(0.95)), hundredths(1-ended(watched, trial.RolledBack).Rate()))
			at.values = append(at.values, mean(watched, harmed))
		}
		harms, compared = append(harms, row), append(compared, at)
	}
	title := fmt.Sprintf("Bad releases beside a stable that fails %s, at %d requests/s; %d rollouts each: the candidate's requests before it was out, and of those the failures that reach a user", percent(baseline), usualRate, r.runs)
	columns := []string{"candidate", "requests p50", "p95", "target", "met", "never caught", "failures, no shield", "70 % may be replayed", "all may be replayed"}
	if err := r.table(title, columns, rows); err != nil {
		return err
	}
	title = fmt.Sprintf("The very same traffic, judged by the evidence and, in the first %d of these rollouts, by a checker at fixed intervals (each 60 s, a failed interval is one with less than 99 %% success, out after 5 failed ones, or after 1): requests harmed by one rollout", r.fewer(10).runs)
	columns = []string{"candidate", "evidence, mean", "with shield", "checker of 5, mean", "p95", "never caught", "checker of 1, mean", "p95", "never caught"}
	if err := r.table(title, columns, harms); err != nil {
		return err
	}
	return plotBad(r, spread, compared)
}

// slowReleases shows releases that are slower than stable.
func slowReleases(r *report) error {
	few := r.fewer(20)
	var rows [][]string
	for _, factor := range []float64{2, 5} {
		for _, kind := range []struct {
			name string
			wait traffic.Wait
		}{
			{"every answer takes %g times as long", usualWait.Slower(factor)},
			{"the same median, %g times the 99th percentile", usualWait.LongerTail(factor)},
		} {
			s := scenario{fmt.Sprintf(kind.name, factor), timed(config(usualRate, traffic.Even(baseline)), kind.wait)}
			rows = append(rows, append([]string{s.name}, caught(few.play(s))...))
		}
	}
	title := fmt.Sprintf("Slow releases beside a stable with a median of %s and a 99th percentile of %s; %d rollouts each: requests of the candidate's before it was out, where it was",
		usualWait.Median, usualWait.P99, few.runs)
	return r.table(title, []string{"candidate", "never caught", "requests p50", "p95"}, rows)
}

// caught are three cells: the share that never was, and of the others the requests.
func caught(results []trial.Result) []string {
	back := ended(results, trial.RolledBack)
	if back.Had == 0 {
		return []string{hundredths(1), "–", "–"}
	}
	n := of(slices.DeleteFunc(slices.Clone(results), func(r trial.Result) bool { return r.Ending != trial.RolledBack }), candidates)
	return []string{hundredths(1 - back.Rate()), count(n.Quantile(0.5)), count(n.Quantile(0.95))}
}
