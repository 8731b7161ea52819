package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/segue-run/segue/bench/internal/harness"
	"github.com/segue-run/segue/bench/internal/load"
	"github.com/segue-run/segue/bench/internal/process"
	"github.com/segue-run/segue/bench/internal/table"
)

// plan is what to measure.
type plan struct {
	root             string
	slow, idle, rate int
	span             time.Duration
}

func main() {
	var p plan
	flag.StringVar(&p.root, "root", ".", "the repository, with bin/segue and build/modules built")
	flag.IntVar(&p.slow, "slow", 1000, "connections that send a byte a second")
	flag.IntVar(&p.idle, "idle", 10_000, "connections that send nothing")
	flag.IntVar(&p.rate, "rate", 500, "requests a second")
	flag.DurationVar(&p.span, "t", 30*time.Second, "how long")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, p); err != nil {
		fmt.Fprintln(os.Stderr, "slow:", err)
		os.Exit(1)
	}
}

const (
	settings  = "rollout:\n  strategy: instant\n"
	waitLimit = 30 * time.Second
)

func run(ctx context.Context, p plan) (err error) {
	host, err := harness.Start(ctx, harness.Config{Root: p.root, Settings: settings})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, host.Stop()) }()
	if err := host.Drop(host.Built("hello-1.0.0")); err != nil {
		return err
	}
	if _, err := host.WaitFor(ctx, "hello", waitLimit, harness.Serves("1.0.0")); err != nil {
		return err
	}
	alone := p.load(ctx, host, p.span/3)
	before, err := process.Resident(host.PID())
	if err != nil {
		return err
	}
	c, err := p.crowd(ctx, host)
	if err != nil {
		return err
	}
	c.before = before
	return report(p, alone, c)
}

// outcome is how it went with the crowd there.
type outcome struct {
	load           load.Result
	before, peak   int64 // bytes that the host held: before the crowd, and at most
	waited, served int   // connections that had had an answer; that got another at the end
	shutOut, lost  int64
}

func (p plan) load(ctx context.Context, host *harness.Host, span time.Duration) load.Result {
	ctx, cancel := context.WithTimeout(ctx, span)
	defer cancel()
	return load.Run(ctx, load.Config{URL: host.URL, Rate: p.rate}, nil)
}

// crowd loads the host while the crowd is there.
func (p plan) crowd(ctx context.Context, host *harness.Host) (o outcome, err error) {
	addr := strings.TrimPrefix(host.URL, "http://")
	ctx, cancel := context.WithCancel(ctx)
	var idle idlers
	slow := dribblers{every: time.Second}
	defer func() {
		cancel()
		slow.wg.Wait()
		idle.close()
	}()
	slow.start(ctx, addr, p.slow)
	if err := idle.open(ctx, addr, p.idle); err != nil {
		return o, err
	}
	loaded := make(chan load.Result, 1)
	slow.wg.Go(func() { loaded <- p.load(ctx, host, p.span) })
	tick := time.NewTicker(500 * time.Millisecond)
	defer tick.Stop()
	for ended := false; !ended; {
		select {
		case o.load = <-loaded:
			ended = true
		case <-tick.C:
		}
		now, err := process.Resident(host.PID())
		if err != nil {
			return o, err
		}
		o.peak = max(o.peak, now)
	}
	o.waited, o.served = len(idle.answered), idle.served()
	o.shutOut, o.lost = slow.shutOut.Load(), slow.lost.Load()
	return o, nil
}

// report prints the table; the error says what failed.
func report(p plan, alone load.Result, o outcome) error {
	each := float64(o.peak-o.before) / 1024 / float64(max(p.slow+p.idle, 1))
	rows := [][]string{
		{"requests served, alone", strconv.Itoa(alone.Served)},
		{"longest answer, alone, ms", fmt.Sprintf("%.1f", alone.Longest)},
		{"requests served, with the crowd", strconv.Itoa(o.load.Served)},
		{"**requests failed**", strconv.Itoa(alone.Failed + o.load.Failed)},
		{"longest answer, with the crowd, ms", fmt.Sprintf("%.1f", o.load.Longest)},
		{"host's memory before, MB", fmt.Sprintf("%.1f", float64(o.before)/(1<<20))},
		{"host's memory with the crowd, at most, MB", fmt.Sprintf("%.1f", float64(o.peak)/(1<<20))},
		{"memory for each of the crowd, KB", fmt.Sprintf("%.1f", each)},
		{"slow clients shut out, and come again", strconv.FormatInt(o.shutOut, 10)},
		{"waiting connections served at the end", fmt.Sprintf("%d of %d", o.served, o.waited)},
	}
	title := fmt.Sprintf("%d requests a second beside %d slow and %d idle connections", p.rate, p.slow, p.idle)
	if err := table.Write(os.Stdout, title, []string{"what", "count"}, rows); err != nil {
		return err
	}
	switch failed := alone.Failed + o.load.Failed; {
	case failed > 0:
		return fmt.Errorf("%d requests failed: %v %v", failed, alone.Reasons, o.load.Reasons)
	case o.served < o.waited:
		return fmt.Errorf("%d connections that waited were not served", o.waited-o.served)
	case o.lost > 0:
		return fmt.Errorf("%d connections were refused", o.lost)
	}
	return nil
}
