package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
)

func main() {
	runs := flag.Int("n", 10000, "runs a scenario")
	out := flag.String("out", "build/bench-rollout", "the folder for the tables and plots")
	engine := flag.String("engine", "", "a file with the engine's figures, to be compared")
	flag.Parse()
	if err := run(max(*runs, 1), *out, *engine); err != nil {
		fmt.Fprintln(os.Stderr, "rollout:", err)
		os.Exit(1)
	}
}

func run(runs int, out, engine string) error {
	if err := os.MkdirAll(out, 0o755); err != nil {
		return err
	}
	file, err := os.Create(filepath.Join(out, "rollout.md"))
	if err != nil {
		return err
	}
	r := &report{out: out, file: file, runs: runs}
	for _, part := range []func(*report) error{
		falseRollbacks, badReleases, slowReleases, goodReleases, evidencePaths,
	} {
		if err := part(r); err != nil {
			return err
		}
	}
	if engine != "" {
		if err := compareEngine(r, engine); err != nil {
			return err
		}
	}
	if err := file.Close(); err != nil {
		return err
	}
	if r.misses > 0 {
		return fmt.Errorf("%d figures miss their targets", r.misses)
	}
	return nil
}
