package main

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"
)

// bed is all that runs: the backend and the proxies before it.
type bed struct {
	backend *running
	arms    []*running
}

func newBed(ctx context.Context, dir string, measured []arm) (*bed, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	socket := filepath.Join(dir, "backend")
	b := new(bed)
	if b.backend, err = start(ctx, dir, "backend", "unix", socket, self, "as", "backend", socket); err != nil {
		return nil, err
	}
	for _, a := range measured {
		r, err := a.start(ctx, dir, socket)
		if err != nil {
			b.close()
			return nil, err
		}
		b.arms = append(b.arms, r)
	}
	return b, nil
}

func (b *bed) close() {
	for _, r := range b.arms {
		r.stop()
	}
	b.backend.stop()
}

// result is what was measured of one arm under one kind of load.
type result struct {
	arm       string
	rate      []float64       // requests a second at saturation, by round
	cost      []time.Duration // processor time a request, by round
	latencies []time.Duration // at half, of all rounds, sorted
	memory    int64           // bytes
}

// measure loads each arm in turn, round by round.
func (b *bed) measure(ctx context.Context, cfg config, k kind) ([]*result, error) {
	results := make([]*result, len(b.arms))
	for i, a := range b.arms {
		results[i] = &result{arm: a.name}
	}
	for range cfg.rounds {
		for i, a := range b.arms {
			if err := results[i].saturate(ctx, cfg, k, a); err != nil {
				return nil, fmt.Errorf("%s under %s: %w", a.name, k.name, err)
			}
		}
	}
	rate := halfOf(results)
	for range cfg.rounds {
		for i, a := range b.arms {
			if err := results[i].pace(ctx, cfg, k, a, rate); err != nil {
				return nil, fmt.Errorf("%s under %s: %w", a.name, k.name, err)
			}
		}
	}
	for i, a := range b.arms {
		var err error
		if results[i].memory, err = resident(a.cmd.Process.Pid); err != nil {
			return nil, err
		}
		slices.Sort(results[i].latencies)
	}
	return results, nil
}

// halfOf is half of what the bare ReverseProxy has reached; of the slowest where that one
// is not measured.
func halfOf(results []*result) float64 {
	least := median(results[0].rate)
	for _, r := range results {
		if r.arm == "reverseproxy" {
			return median(r.rate) / 2
		}
		least = min(least, median(r.rate))
	}
	return least / 2
}

// saturate has each connection ask again as soon as it is answered.
func (r *result) saturate(ctx context.Context, cfg config, k kind, a *running) error {
	clients, err := dialAll(cfg.conns, k, a.addr)
	if err != nil {
		return err
	}
	defer closeAll(clients)
	before, err := processorTime(a.cmd.Process.Pid)
	if err != nil {
		return err
	}
	counts := make([]int, len(clients))
	began := time.Now()
	err = each(clients, func(i int, c *client) error {
		for time.Since(began) < cfg.span && ctx.Err() == nil {
			if err := c.ask(); err != nil {
				return err
			}
			counts[i]++
		}
		return ctx.Err()
	})
	took := time.Since(began)
	if err != nil {
		return err
	}
	after, err := processorTime(a.cmd.Process.Pid)
	if err != nil {
		return err
	}
	total := 0
	for _, n := range counts {
		total += n
	}
	r.rate = append(r.rate, float64(total)/took.Seconds())
	r.cost = append(r.cost, (after-before)/time.Duration(max(1, total)))
	return nil
}

// pace has requests due at a rate, spread over the connections. Latency counts from when
// a request was due.
func (r *result) pace(ctx context.Context, cfg config, k kind, a *running, rate float64) error {
	clients, err := dialAll(cfg.conns, k, a.addr)
	if err != nil {
		return err
	}
	defer closeAll(clients)
	every := time.Duration(float64(time.Second) * float64(len(clients)) / rate)
	took := make([][]time.Duration, len(clients))
	began := time.Now()
	err = each(clients, func(i int, c *client) error {
		due := began.Add(every * time.Duration(i) / time.Duration(len(clients)))
		for due.Sub(began) < cfg.span && ctx.Err() == nil {
			time.Sleep(time.Until(due))
			if err := c.ask(); err != nil {
				return err
			}
			took[i] = append(took[i], time.Since(due))
			due = due.Add(every)
		}
		return ctx.Err()
	})
	r.latencies = append(r.latencies, slices.Concat(took...)...)
	return err
}

func dialAll(n int, k kind, address string) ([]*client, error) {
	var clients []*client
	for range n {
		c, err := k.dial(address)
		if err != nil {
			closeAll(clients)
			return nil, err
		}
		clients = append(clients, c)
	}
	return clients, nil
}

func closeAll(clients []*client) {
	for _, c := range clients {
		c.conn.Close()
	}
}

// each runs f for each client in a goroutine of its own and waits for all; the error is
// the first one's.
func each(clients []*client, f func(int, *client) error) error {
	errs := make([]error, len(clients))
	var all sync.WaitGroup
	for i, c := range clients {
		all.Go(func() { errs[i] = f(i, c) })
	}
	all.Wait()
	return cmp.Or(errs...)
}
