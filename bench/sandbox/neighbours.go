package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/segue-run/segue/bench/internal/harness"
	"github.com/segue-run/segue/bench/internal/table"
	"github.com/segue-run/segue/bench/internal/variant"
	"github.com/segue-run/segue/plugins/chaos/escape/attack"
	"github.com/segue-run/segue/runtime/module"
)

// bombs are attacks of escape's that take what others need as well.
var bombs = []string{"fork-bomb", "thread-bomb", "heap-bomb", "page-cache-bomb", "cpu-spin", "disk-fill", "log-flood", "descriptor-flood", "link-flood"}

const (
	settings  = "rollout: {strategy: instant, hold: 200ms}\nrollback_window: 1s\n"
	waitLimit = 30 * time.Second
	asked     = 2 // connections to the neighbour
	again     = 100 * time.Millisecond
)

// neighbours measures hello beside each bomb and prints the table.
func neighbours(ctx context.Context, root, attacker string, lasts time.Duration) (err error) {
	host, err := harness.Start(ctx, harness.Config{Root: root, Settings: settings})
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
	executable, err := os.ReadFile(attacker)
	if err != nil {
		return err
	}
	var rows [][]string
	var held *module.Sandbox
	for i, bomb := range bombs {
		version := fmt.Sprintf("1.0.%d", i+1)
		file := filepath.Join(host.Dir, "escape")
		if err := variant.Write(executable, file, variant.Change{Old: "version: 1.0.0", New: "version: " + version}); err != nil {
			return err
		}
		if err := host.Drop(file); err != nil {
			return err
		}
		status, err := host.WaitFor(ctx, "escape", waitLimit, harness.Serves(version))
		if err != nil {
			return err
		}
		held = status.Stable.Sandbox
		before, err := rate(ctx, host.URL, func(context.Context) { rest(ctx, lasts) })
		if err != nil {
			return fmt.Errorf("before %s: %w", bomb, err)
		}
		ended := ""
		during, err := rate(ctx, host.URL, func(ctx context.Context) { ended = explode(ctx, host.URL, bomb, lasts) })
		if err != nil {
			return fmt.Errorf("during %s: %w", bomb, err)
		}
		rows = append(rows, []string{bomb, fmt.Sprintf("%.0f", before), fmt.Sprintf("%.0f", during), fmt.Sprintf("%.0f %%", 100*during/before), ended})
	}
	title := fmt.Sprintf("Requests a second that a neighbour answers on %d connections, before a bomb and while it goes off; %s", asked, words(held))
	return table.Write(os.Stdout, title, []string{"bomb", "before", "during", "ratio", "the bomb was"}, rows)
}

// words says what the module was held in by.
func words(s *module.Sandbox) string {
	if s == nil {
		return "without a sandbox"
	}
	var missing []string
	for _, l := range s.Layers {
		if l.State != module.LayerOn {
			missing = append(missing, l.Name)
		}
	}
	if len(missing) == 0 {
		return fmt.Sprintf("level %s", s.Level)
	}
	return fmt.Sprintf("level %s, without all of %s", s.Level, strings.Join(missing, ", "))
}

func rest(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

// rate is how many requests a second hello answers for as long as something goes on.
func rate(ctx context.Context, url string, while func(context.Context)) (float64, error) {
	transport := &http.Transport{MaxIdleConnsPerHost: asked}
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport, Timeout: waitLimit}
	asking, stop := context.WithCancel(ctx)
	defer stop()
	var answered atomic.Int64
	var failed error
	var once sync.Once
	var clients sync.WaitGroup
	for range asked {
		clients.Go(func() {
			for asking.Err() == nil {
				if err := get(ctx, client, url+"/hello/version"); err != nil {
					once.Do(func() { failed = err })
					return
				}
				answered.Add(1)
			}
		})
	}
	begin := time.Now()
	while(ctx)
	count, took := answered.Load(), time.Since(begin)
	stop()
	clients.Wait()
	return float64(count) / took.Seconds(), failed
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

// explode lets a bomb go off again and again, until the time is over or the module has
// died of it, and says which.
func explode(ctx context.Context, url, bomb string, lasts time.Duration) string {
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: waitLimit}
	ended := ""
	for end := time.Now().Add(lasts); time.Now().Before(end) && ctx.Err() == nil; {
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, url+"/escape/"+bomb, nil)
		if err != nil {
			return err.Error()
		}
		resp, err := client.Do(req)
		if err != nil {
			return "killed"
		}
		body, _ := io.ReadAll(io.LimitReader(resp.Body, 4096))
		resp.Body.Close()
		if resp.StatusCode != http.StatusOK {
			return "killed"
		}
		var r attack.Result
		if err := json.Unmarshal(body, &r); err != nil {
			return err.Error()
		}
		ended = string(r.Outcome)
		rest(ctx, again) // what is stopped at once would measure no more than its requests
	}
	return ended
}
