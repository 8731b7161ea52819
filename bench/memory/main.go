package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"syscall"
	"time"

	"github.com/segue-run/segue/bench/internal/harness"
	"github.com/segue-run/segue/bench/internal/table"
	"github.com/segue-run/segue/bench/internal/variant"
)

func main() {
	root := flag.String("root", ".", "the repository, with bin/segue and build/modules built")
	modules := flag.Int("n", 50, "modules, at most 99")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, *root, min(max(*modules, 2), 99)); err != nil {
		fmt.Fprintln(os.Stderr, "memory:", err)
		os.Exit(1)
	}
}

const settings = `rollout:
  strategy: instant
`

const (
	waitLimit = 2 * time.Minute
	// settle is how long everything rests before memory is read, so that what an
	// activation needed for a moment has been given back.
	settle = 5 * time.Second
)

func run(ctx context.Context, root string, modules int) (err error) {
	host, err := harness.Start(ctx, harness.Config{Root: root, Settings: settings})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, host.Stop()) }()
	executable, err := os.ReadFile(host.Built("hello-1.0.0"))
	if err != nil {
		return fmt.Errorf("%w; type: make modules", err)
	}

	var rows [][]string
	var instances []memory
	for i := range modules {
		pid, err := add(ctx, host, executable, fmt.Sprintf("hel%02d", i))
		if err != nil {
			return err
		}
		if n := i + 1; n == 1 || n == modules {
			m, err := settled(ctx, host.PID())
			if err != nil {
				return err
			}
			rows = append(rows, m.row(fmt.Sprintf("host, modules: %d", n)))
		}
		m, err := read(pid)
		if err != nil {
			return err
		}
		instances = append(instances, m)
	}
	slices.SortFunc(instances, func(a, b memory) int { return a.pss - b.pss })
	rows = append(rows, instances[len(instances)/2].row("one instance of hello, the median"))
	return table.Write(os.Stdout, "Memory", []string{"what", "RSS MB", "PSS MB"}, rows)
}

// add offers a copy of hello under another name, of five characters, and returns
// the pid of its instance.
func add(ctx context.Context, host *harness.Host, executable []byte, name string) (int, error) {
	prepared := filepath.Join(host.Dir, "offer")
	if err := variant.Write(executable, prepared, variant.Change{Old: "hello", New: name}); err != nil {
		return 0, err
	}
	if err := host.Offer(prepared, name); err != nil {
		return 0, err
	}
	status, err := host.WaitFor(ctx, name, waitLimit, harness.Serves("1.0.0"))
	if err != nil {
		return 0, err
	}
	return status.Stable.PID, nil
}

func settled(ctx context.Context, pid int) (memory, error) {
	select {
	case <-ctx.Done():
		return memory{}, ctx.Err()
	case <-time.After(settle):
		return read(pid)
	}
}
