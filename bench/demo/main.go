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
	"github.com/segue-run/segue/bench/internal/load"
)

func main() {
	root := flag.String("root", ".", "the repository, with bin/segue and build/modules built")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	ctx, cancel := context.WithTimeoutCause(ctx, 2*time.Minute, errors.New("the demo hangs"))
	defer cancel()
	if err := play(ctx, *root); err != nil {
		fmt.Fprintln(os.Stderr, "demo:", err)
		os.Exit(1)
	}
}

// settings make a rollout short enough to watch. A real one holds each step for
// minutes.
const settings = `rollout:
  strategy: gradual
  steps: [10%, 50%, 100%]
  hold: 2s
`

func play(ctx context.Context, root string) (err error) {
	say("A runtime starts, with folders of its own and an empty modules/.")
	host, err := harness.Start(ctx, harness.Config{Root: root, Settings: settings})
	if err != nil {
		return err
	}
	defer func() {
		err = errors.Join(err, host.Stop())
		if err == nil {
			say("The runtime and its modules are stopped, and every file is removed.")
		}
	}()
	stage := &stage{host: host}
	if err := stage.first(ctx); err != nil {
		return err
	}

	say("From now on 200 requests a second, GET and POST, on kept and on fresh connections; every answer is checked.")
	watch := &load.Watch{}
	loadCtx, stopLoad := context.WithCancel(ctx)
	loaded := make(chan load.Result, 1)
	go func() { loaded <- load.Run(loadCtx, load.Config{URL: host.URL}, watch) }()
	stage.load = watch
	err = stage.acts(ctx)
	stopLoad()
	result := <-loaded
	if err != nil {
		return err
	}
	return reckon(result)
}

func say(format string, args ...any) { fmt.Printf("\n▸ "+format+"\n", args...) }

func detail(format string, args ...any) { fmt.Printf("    "+format+"\n", args...) }
