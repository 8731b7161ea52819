package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"maps"
	"os"
	"os/signal"
	"slices"
	"strconv"
	"syscall"
	"time"

	"github.com/segue-run/segue/bench/internal/harness"
	"github.com/segue-run/segue/bench/internal/load"
	"github.com/segue-run/segue/bench/internal/table"
)

func main() {
	root := flag.String("root", ".", "the repository, with bin/segue and build/modules built")
	reloads := flag.Int("n", 1000, "reloads, at most 10000")
	rate := flag.Int("rate", 300, "requests a second")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, *root, min(max(*reloads, 1), 10000), *rate); err != nil {
		fmt.Fprintln(os.Stderr, "reload:", err)
		os.Exit(1)
	}
}

// settings let each activation be done as fast as it can be.
const settings = `rollout:
  strategy: instant
`

const waitLimit = 30 * time.Second

var versions = []string{"1.0.0", "1.1.0"}

func run(ctx context.Context, root string, reloads, rate int) (err error) {
	host, err := harness.Start(ctx, harness.Config{Root: root, Settings: settings})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, host.Stop()) }()
	if err := reload(ctx, host, versions[0]); err != nil {
		return err
	}

	loadCtx, stopLoad := context.WithCancel(ctx)
	defer stopLoad()
	loaded := make(chan load.Result, 1)
	go func() { loaded <- load.Run(loadCtx, load.Config{URL: host.URL, Rate: rate}, nil) }()
	begin := time.Now()
	done := 0
	for done < reloads && err == nil {
		if err = reload(ctx, host, versions[(done+1)%len(versions)]); err == nil {
			done++
		}
	}
	took := time.Since(begin)
	stopLoad()
	result := <-loaded
	return errors.Join(err, report(result, done, took))
}

// reload offers a version again and waits until it is stable.
func reload(ctx context.Context, host *harness.Host, version string) error {
	if err := host.Drop(host.Built("hello-" + version)); err != nil {
		return err
	}
	_, err := host.WaitFor(ctx, "hello", waitLimit, harness.Serves(version))
	return err
}

// report prints the table; the error says that requests failed, and why.
func report(r load.Result, reloads int, took time.Duration) error {
	rows := [][]string{
		{"reloads", strconv.Itoa(reloads)},
		{"seconds", strconv.Itoa(int(took.Seconds()))},
		{"requests served", strconv.Itoa(r.Served)},
		{"**requests failed**", strconv.Itoa(r.Failed)},
		{"longest answer, ms", fmt.Sprintf("%.1f", r.Longest)},
	}
	for _, counts := range []map[string]load.Count{r.Kinds, r.Releases} {
		for _, name := range slices.Sorted(maps.Keys(counts)) {
			c := counts[name]
			rows = append(rows, []string{name, fmt.Sprintf("%d served, %d failed", c.Served, c.Failed)})
		}
	}
	title := "Reloads of 1.0.0 and 1.1.0 in turn, under load"
	if err := table.Write(os.Stdout, title, []string{"what", "count"}, rows); err != nil {
		return err
	}
	if r.Failed > 0 {
		return fmt.Errorf("%d requests failed: %v", r.Failed, r.Reasons)
	}
	for _, v := range versions {
		if reloads > 0 && r.Releases["hello@"+v].Served == 0 {
			return fmt.Errorf("hello@%s served nothing: the load saw no reload", v)
		}
	}
	return nil
}
