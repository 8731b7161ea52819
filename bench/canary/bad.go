package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/segue-run/segue/bench/internal/load"
	"github.com/segue-run/segue/bench/internal/table"
	"github.com/segue-run/segue/runtime/module"
)

// hangs is the fault that only time can tell: a client that waits for less time than the
// runtime is harmed, and counted.
const hangs = "stall"

// outcome is what one fault has done to the clients.
type outcome struct {
	fault     string
	rollouts  int
	candidate uint64 // requests that were its
	rescued   uint64
	gets      load.Count
	posts     load.Count
	longest   float64 // milliseconds
	reasons   map[string]int
}

// bad brings each bad release in, several times, and reports.
func (b *bench) bad(ctx context.Context, faults []string, times int) error {
	var rows [][]string
	var wrong []error
	for i, fault := range faults {
		o := outcome{fault: fault, reasons: map[string]int{}}
		for n := range times {
			if err := b.rollout(ctx, &o, fmt.Sprintf("%d.%d.%d", 2+i, n/10, n%10)); err != nil {
				wrong = append(wrong, err)
				break
			}
		}
		rows = append(rows, []string{
			fault, strconv.Itoa(o.rollouts), fmt.Sprint(o.candidate), fmt.Sprint(o.rescued),
			strconv.Itoa(o.gets.Served), "**" + strconv.Itoa(o.gets.Failed) + "**",
			strconv.Itoa(o.posts.Served), strconv.Itoa(o.posts.Failed), fmt.Sprintf("%.0f", o.longest),
		})
		if o.gets.Failed > 0 && fault != hangs {
			wrong = append(wrong, fmt.Errorf("%s: %d GETs failed: %v", fault, o.gets.Failed, o.reasons))
		}
	}
	title := fmt.Sprintf("Bad releases by the default policy, at %d requests/s", b.rate)
	columns := []string{"release", "rollouts", "its requests", "of these rescued", "GETs served", "GETs failed", "POSTs served", "POSTs failed", "longest, ms"}
	return errors.Join(append(wrong, table.Write(os.Stdout, title, columns, rows))...)
}

// rollout brings one bad release in, in the place of 2.0.0, under load and waits until
// it is out.
func (b *bench) rollout(ctx context.Context, o *outcome, version string) error {
	loadCtx, stopLoad := context.WithCancel(ctx)
	defer stopLoad()
	loaded := make(chan load.Result, 1)
	go func() {
		loaded <- load.Run(loadCtx, load.Config{URL: b.host.URL, Rate: b.rate, Workers: 32}, nil)
	}()
	err := b.offer("hello-2.0.0-"+o.fault, "2.0.0", version)
	version += "-" + o.fault
	var status *module.Status
	if err == nil {
		status, err = b.host.WaitFor(ctx, "hello", waitLimit, func(s *module.Status) bool {
			return s.Rollout != nil && s.Rollout.To == version && s.Rollout.Over()
		})
	}
	stopLoad()
	o.add(<-loaded)
	if err != nil {
		return fmt.Errorf("%s: %w", o.fault, err)
	}
	ro := status.Rollout
	o.rollouts++
	o.candidate += ro.CandidateSample.Requests
	o.rescued += ro.Rescued
	if ro.Phase != "rolled-back" {
		return fmt.Errorf("%s: %s ended %s: %s", o.fault, version, ro.Phase, ro.Reason)
	}
	return nil
}

func (o *outcome) add(r load.Result) {
	for _, kind := range slices.Sorted(maps.Keys(r.Kinds)) {
		to := &o.posts
		if strings.HasPrefix(kind, "GET") {
			to = &o.gets
		}
		to.Served += r.Kinds[kind].Served
		to.Failed += r.Kinds[kind].Failed
	}
	for reason, n := range r.Reasons {
		o.reasons[reason] += n
	}
	o.longest = max(o.longest, r.Longest)
}
