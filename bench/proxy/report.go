package main

import (
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/segue-run/segue/bench/internal/table"
)

// report prints the table of one kind of load.
func report(w io.Writer, cfg config, k kind, results []*result) error {
	var ours *result
	for _, r := range results {
		if r.arm == segue {
			ours = r
		}
	}
	var rows [][]string
	for _, r := range results {
		ratio := "–"
		if ours != nil {
			ratio = fmt.Sprintf("%.2f", float64(median(ours.cost))/float64(median(r.cost)))
		}
		rows = append(rows, []string{r.arm, fmt.Sprintf("%.1f", micros(median(r.cost))), ratio,
			fmt.Sprintf("%.0f", median(r.rate)),
			fmt.Sprintf("%.2f", micros(table.Durations(r.latencies).Quantile(0.5))/1000),
			fmt.Sprintf("%.2f", micros(table.Durations(r.latencies).Quantile(0.99))/1000),
			fmt.Sprintf("%.1f", float64(r.memory)/(1<<20))})
	}
	title := fmt.Sprintf("%s; %d connections, medians of %d rounds of %s, latencies at %.0f/s", k.what, cfg.conns, cfg.rounds, cfg.span, halfOf(results))
	return table.Write(w, title, []string{"proxy", "CPU µs a request", "segue's to its", "requests/s", "p50 ms", "p99 ms", "RSS MB"}, rows)
}

func micros(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) }

// median of values, of which there is at least one.
func median[T float64 | time.Duration](values []T) T {
	sorted := slices.Sorted(slices.Values(values))
	return sorted[len(sorted)/2]
}
