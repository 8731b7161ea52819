package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"
)

func main() {
	if len(os.Args) > 2 && os.Args[1] == "as" { // a child of this very program
		if err := be(os.Args[2], os.Args[3:]); err != nil {
			fmt.Fprintln(os.Stderr, "proxy:", err)
			os.Exit(1)
		}
		return
	}
	var cfg config
	flag.DurationVar(&cfg.span, "t", 3*time.Second, "how long each load lasts")
	flag.IntVar(&cfg.rounds, "rounds", 5, "alternating rounds, of which the median counts")
	flag.IntVar(&cfg.conns, "c", 64, "connections")
	only := flag.String("only", "", "a comma-separated list of "+strings.Join(names(arms), ", ")+"; empty for all")
	loads := flag.String("loads", "", "a comma-separated list of "+strings.Join(loadNames(), ", ")+"; empty for all")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, cfg, *only, *loads); err != nil {
		fmt.Fprintln(os.Stderr, "proxy:", err)
		os.Exit(1)
	}
}

// config says how much is measured.
type config struct {
	span   time.Duration
	rounds int
	conns  int
}

func run(ctx context.Context, cfg config, only, loads string) error {
	dir, err := os.MkdirTemp("", "bench-proxy.")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	if err := os.Chmod(dir, 0o755); err != nil { // nginx's workers are another user
		return err
	}
	measured, err := choose(arms, only, arm.title)
	if err != nil {
		return err
	}
	kinds, err := choose(kinds, loads, kind.title)
	if err != nil {
		return err
	}
	b, err := newBed(ctx, dir, measured)
	if err != nil {
		return err
	}
	defer b.close()
	for _, k := range kinds {
		results, err := b.measure(ctx, cfg, k)
		if err != nil {
			return err
		}
		if err := report(os.Stdout, cfg, k, results); err != nil {
			return err
		}
	}
	return nil
}

// choose gives those of all whose titles are in a comma-separated list, all for an empty
// one.
func choose[T any](all []T, list string, title func(T) string) ([]T, error) {
	if list == "" {
		return all, nil
	}
	var chosen []T
	for word := range strings.SplitSeq(list, ",") {
		found := false
		for _, one := range all {
			if title(one) == word {
				chosen, found = append(chosen, one), true
			}
		}
		if !found {
			return nil, fmt.Errorf("%s is none of what can be measured", word)
		}
	}
	return chosen, nil
}
