package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/segue-run/segue/bench/internal/table"
)

const (
	saturating = 2  // connections that ask as fast as they are answered
	steady     = 32 // connections that ask at a rate, so that a slow answer holds up no other
)

// answers are what a neighbour gave while something went on.
type answers struct {
	rate  float64         // a second
	waits table.Durations // each from when the request was due until it was answered
}

// saturated asks as fast as the neighbour answers.
func saturated(ctx context.Context, url string, while func(context.Context)) (answers, error) {
	return ask(ctx, url, saturating, func(ctx context.Context, due chan<- time.Time) {
		for {
			select {
			case due <- time.Now():
			case <-ctx.Done():
				return
			}
		}
	}, while)
}

// paced asks at a rate, whether it is answered or not: who is late is late with every
// request after.
func paced(ctx context.Context, url string, rate float64, while func(context.Context)) (answers, error) {
	gap := time.Duration(float64(time.Second) / rate)
	return ask(ctx, url, steady, func(ctx context.Context, due chan<- time.Time) {
		for next := time.Now(); ; next = next.Add(gap) {
			rest(ctx, time.Until(next))
			select {
			case due <- next:
			case <-ctx.Done():
				return
			}
		}
	}, while)
}

// ask sends a request over one of some connections for each time that is due, for as long
// as something goes on. A request that is not answered is an error.
func ask(ctx context.Context, url string, connections int, pace func(context.Context, chan<- time.Time), while func(context.Context)) (answers, error) {
	transport := &http.Transport{MaxIdleConnsPerHost: connections}
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport, Timeout: waitLimit}
	asking, stop := context.WithCancel(ctx)
	defer stop()
	var (
		mu     sync.Mutex
		got    answers
		failed error
		asked  sync.WaitGroup
	)
	due := make(chan time.Time)
	asked.Go(func() { pace(asking, due) })
	for range connections {
		asked.Go(func() {
			for {
				var at time.Time
				select {
				case at = <-due:
				case <-asking.Done():
					return
				}
				// A request that has begun is not cut short.
				err := get(ctx, client, url+"/hello/version")
				mu.Lock()
				if asking.Err() == nil {
					got.waits = append(got.waits, time.Since(at))
				}
				if err != nil && failed == nil {
					failed = err
				}
				mu.Unlock()
			}
		})
	}
	begin := time.Now()
	while(ctx)
	took := time.Since(begin)
	stop()
	asked.Wait()
	got.rate = float64(len(got.waits)) / took.Seconds()
	return got, failed
}

func get(ctx context.Context, client *http.Client, url string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if _, err := io.Copy(io.Discard, resp.Body); err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s", url, resp.Status)
	}
	return nil
}
