package main

import (
	"fmt"
	"io"
	"os"
	"time"

	"github.com/segue-run/segue/bench/internal/table"
	"github.com/segue-run/segue/bench/rollout/internal/figures"
	"github.com/segue-run/segue/bench/rollout/internal/trial"
)

// report takes the tables and plots.
type report struct {
	out    string // the folder
	file   *os.File
	runs   int // a scenario
	misses int
}

func (r *report) table(title string, columns []string, rows [][]string) error {
	return table.Write(io.MultiWriter(os.Stdout, r.file), title, columns, rows)
}

// meets says in a cell whether a figure meets its target, and counts those that
// do not.
func (r *report) meets(does bool) string {
	if does {
		return "yes"
	}
	r.misses++
	return "**no**"
}

// play plays a scenario as often as the report asks for.
func (r *report) play(s scenario) []trial.Result {
	return play(s.name, r.runs, func(seed uint64) trial.Result { return trial.Run(s.cfg, seed) })
}

// fewer is the report with a part of its runs, for what takes long.
func (r *report) fewer(part int) *report {
	few := *r
	few.runs = max(r.runs/part, 1)
	return &few
}

// ended is how many of the results had that ending.
func ended(results []trial.Result, how trial.Ending) figures.Share {
	s := figures.Share{Of: len(results)}
	for _, r := range results {
		if r.Ending == how {
			s.Had++
		}
	}
	return s
}

// of sorts one figure of each result.
func of[T uint64 | time.Duration](results []trial.Result, figure func(trial.Result) T) figures.Sorted[T] {
	var all []T
	for _, r := range results {
		all = append(all, figure(r))
	}
	return figures.Sort(all)
}

// mean is the mean of one figure of each result.
func mean(results []trial.Result, figure func(trial.Result) uint64) float64 {
	var sum uint64
	for _, r := range results {
		sum += figure(r)
	}
	return float64(sum) / float64(max(len(results), 1))
}

func candidates(r trial.Result) uint64  { return r.Candidate }
func harmed(r trial.Result) uint64      { return r.Failed }
func seen(r trial.Result) uint64        { return r.Seen }
func doubted(r trial.Result) uint64     { return uint64(r.Doubts) }
func seenMixed(r trial.Result) uint64   { return r.SeenMixed }
func took(r trial.Result) time.Duration { return r.Took.Round(100 * time.Millisecond) }
func count(n uint64) string             { return fmt.Sprint(n) }
func decimal(x float64) string          { return fmt.Sprintf("%.3g", x) }
func hundredths(share float64) string   { return fmt.Sprintf("%.2f %%", 100*share) }
