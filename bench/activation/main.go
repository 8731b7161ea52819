package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/segue-run/segue/bench/internal/harness"
	"github.com/segue-run/segue/bench/internal/table"
)

const maxRuns = 899 // there are no more versions of five characters

func main() {
	root := flag.String("root", ".", "the repository, with bin/segue and build/modules built")
	runs := flag.Int("n", 50, "activations, at most 899")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, *root, min(max(*runs, 1), maxRuns)); err != nil {
		fmt.Fprintln(os.Stderr, "activation:", err)
		os.Exit(1)
	}
}

const settings = `rollout:
  strategy: instant
`

func run(ctx context.Context, root string, runs int) (err error) {
	host, err := harness.Start(ctx, harness.Config{Root: root, Settings: settings})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, host.Stop()) }()
	m, err := newMeter(host)
	if err != nil {
		return err
	}
	if err := m.warm(ctx); err != nil {
		return err
	}
	for i := range runs {
		if err := m.activate(ctx, i+1); err != nil {
			return err
		}
		if err := m.floor(ctx); err != nil {
			return err
		}
	}
	return m.report(runs)
}

func (m *meter) report(runs int) error {
	info, err := os.Stat(m.host.Built("hello-1.0.0"))
	if err != nil {
		return err
	}
	title := fmt.Sprintf("Activation: drop → first answer of the new release; instant, %d runs, a file of %.1f MB",
		runs, float64(info.Size())/1e6)
	row := func(what string, d table.Durations) []string {
		return []string{what, table.Millis(d.Quantile(0.5)), table.Millis(d.Quantile(0.95))}
	}
	rows := [][]string{row("**drop → first answer**", m.total)}
	for _, name := range m.phaseNames {
		rows = append(rows, row("phase: "+name, m.phases[name]))
	}
	for _, name := range m.floorNames {
		rows = append(rows, row("floor: "+name, m.floors[name]))
	}
	return table.Write(os.Stdout, title, []string{"what", "p50 ms", "p95 ms"}, rows)
}

// version is the i-th of the releases, of five characters: 1.0.1 to 9.9.9.
func version(i int) string {
	i += 100
	return fmt.Sprintf("%d.%d.%d", i/100, i/10%10, i%10)
}

const (
	waitLimit = 30 * time.Second
	keepFiles = 2 // in the modules folder; older releases' files are removed
)
