package load

import (
	"context"
	"net/http"
	"sync"
	"time"
)

// Config says what to send. The zero value of a number means the default.
type Config struct {
	// URL is where modules are served, without a slash at the end.
	URL string
	// Rate is how many requests a second; 200.
	Rate int
	// Workers is how many requests may be under way at once; 8.
	Workers int
	// Limit is how many requests are sent at most; 1,000,000.
	Limit int
	// Reads leaves the POSTs out.
	Reads bool
	// Timeout is for one request; 10 s.
	Timeout time.Duration
}

func (c Config) withDefaults() Config {
	set := func(n *int, to int) {
		if *n <= 0 {
			*n = to
		}
	}
	set(&c.Rate, 200)
	set(&c.Workers, 8)
	set(&c.Limit, 1_000_000)
	if c.Timeout <= 0 {
		c.Timeout = 10 * time.Second
	}
	return c
}

// Run sends requests until ctx is done or the limit is reached, waits for those
// under way, and says how they went. The result may be looked at through watch
// while Run runs; watch may be nil.
func Run(ctx context.Context, cfg Config, watch *Watch) Result {
	cfg = cfg.withDefaults()
	if watch == nil {
		watch = &Watch{}
	}
	watch.start()
	keep, fresh := transport(cfg.Workers, false), transport(cfg.Workers, true)
	defer keep.CloseIdleConnections()
	defer fresh.CloseIdleConnections()

	kinds := kinds
	if cfg.Reads {
		kinds = reads
	}
	turns := make(chan int)
	var wg sync.WaitGroup
	wg.Go(func() {
		defer close(turns)
		pace(ctx, cfg, turns)
	})
	for range cfg.Workers {
		wg.Go(func() {
			for turn := range turns {
				k := kinds[turn%len(kinds)]
				rt := keep
				if k.fresh {
					rt = fresh
				}
				// A request that has begun is not cut short by the end of the load.
				ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cfg.Timeout)
				watch.add(send(ctx, rt, cfg.URL, k, turn))
				cancel()
			}
		})
	}
	wg.Wait()
	return watch.Result()
}

// pace hands out turns at the configured rate. Where all workers are busy for
// longer than a second, what was missed then is left out instead of sent in a
// burst.
func pace(ctx context.Context, cfg Config, turns chan<- int) {
	gap := time.Second / time.Duration(cfg.Rate)
	next := time.Now()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for turn := range cfg.Limit {
		if late := time.Since(next); late > time.Second {
			next = time.Now()
		} else if late < 0 {
			timer.Reset(-late)
			select {
			case <-timer.C:
			case <-ctx.Done():
				return
			}
		}
		next = next.Add(gap)
		select {
		case turns <- turn:
		case <-ctx.Done():
			return
		}
	}
}

func transport(workers int, fresh bool) *http.Transport {
	return &http.Transport{
		DisableKeepAlives:   fresh,
		MaxIdleConnsPerHost: workers,
		DisableCompression:  true,
	}
}
