package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/segue-run/segue/bench/internal/harness"
	"github.com/segue-run/segue/bench/internal/variant"
)

func main() {
	root := flag.String("root", ".", "the repository, with bin/segue and build/modules built")
	faults := flag.String("faults", "crash,errors,stall", "the bad releases, by their faults; empty for none")
	times := flag.Int("n", 5, "how often each bad release comes, at most 99")
	rollbacks := flag.Int("rollbacks", 20, "rollbacks to a warm release, at most 99")
	rate := flag.Int("rate", 300, "requests a second")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	b := bench{root: *root, rate: *rate}
	list := strings.FieldsFunc(*faults, func(r rune) bool { return r == ',' })
	if err := b.run(ctx, list, min(*times, 99), min(*rollbacks, 99)); err != nil {
		fmt.Fprintln(os.Stderr, "canary:", err)
		os.Exit(1)
	}
}

const waitLimit = 2 * time.Minute

type bench struct {
	root string
	rate int
	host *harness.Host
}

func (b *bench) run(ctx context.Context, faults []string, times, rollbacks int) error {
	var wrong []error
	if len(faults) > 0 {
		wrong = append(wrong, b.with(ctx, "", func() error { return b.bad(ctx, faults, times) }))
	}
	if rollbacks > 0 {
		settings := "rollout:\n  strategy: instant\n"
		wrong = append(wrong, b.with(ctx, settings, func() error { return b.rollbacks(ctx, rollbacks) }))
	}
	return errors.Join(wrong...)
}

// with does something with a runtime in which hello 1.0.0 serves.
func (b *bench) with(ctx context.Context, settings string, do func() error) (err error) {
	b.host, err = harness.Start(ctx, harness.Config{Root: b.root, Settings: settings})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, b.host.Stop()) }()
	if err := b.host.Drop(b.host.Built("hello-1.0.0")); err != nil {
		return err
	}
	if _, err := b.host.WaitFor(ctx, "hello", waitLimit, harness.Serves("1.0.0")); err != nil {
		return err
	}
	return do()
}

// offer drops a copy of a module under another version of five characters, so that it
// is a release never seen before.
func (b *bench) offer(built, was, version string) error {
	executable, err := os.ReadFile(b.host.Built(built))
	if err != nil {
		return fmt.Errorf("%w; type: make modules", err)
	}
	prepared := filepath.Join(b.host.Dir, "offer")
	if err := variant.Write(executable, prepared, variant.Change{Old: was, New: version}); err != nil {
		return err
	}
	return b.host.Offer(prepared, "hello-"+version)
}
