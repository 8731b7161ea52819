package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/segue-run/segue/bench/internal/harness"
	"github.com/segue-run/segue/bench/internal/table"
)

// target is how long a release may answer after the command that takes it back.
const target = 100 * time.Millisecond

// rollbacks promotes a release and rolls it back while its predecessor is warm.
func (b *bench) rollbacks(ctx context.Context, times int) error {
	var last, command table.Durations
	for n := range times {
		version := fmt.Sprintf("1.%d.%d", 2+n/10, n%10)
		if err := b.offer("hello-1.1.0", "1.1.0", version); err != nil {
			return err
		}
		if _, err := b.host.WaitFor(ctx, "hello", waitLimit, harness.Serves(version)); err != nil {
			return err
		}
		answered, typed, err := b.rollback(ctx, version)
		if err != nil {
			return err
		}
		last, command = append(last, answered), append(command, typed)
	}
	row := func(what string, d table.Durations) []string {
		return []string{what, table.Millis(d.Quantile(0.5)), table.Millis(d.Quantile(0.95)), table.Millis(d.Quantile(1))}
	}
	title := fmt.Sprintf("Rollback to a warm release, %d times", times)
	err := table.Write(os.Stdout, title, []string{"from the start of the command", "p50 ms", "p95 ms", "longest ms"}, [][]string{
		row("**→ the last answer of the release that goes**", last),
		row("→ the command has ended", command),
	})
	if err == nil && last.Quantile(1) > target {
		err = fmt.Errorf("a release answered for another %s after the command; the target is %s", last.Quantile(1), target)
	}
	return err
}

// rollback types the command while clients ask, and says how long after it the version
// has answered for the last time, and how long the command took.
func (b *bench) rollback(ctx context.Context, version string) (answered, command time.Duration, err error) {
	clients := &clients{last: map[string]time.Time{}, url: b.host.URL + "/hello/version"}
	asking, stop := context.WithCancel(ctx)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() { clients.ask(asking) })
	}
	defer wg.Wait()
	defer stop()
	if err := clients.hear(ctx, version, time.Time{}); err != nil {
		return 0, 0, err
	}
	began := time.Now()
	if _, err := b.host.Command(ctx, "rollback", "hello"); err != nil {
		return 0, 0, err
	}
	command = time.Since(began)
	if _, err := b.host.WaitFor(ctx, "hello", waitLimit, harness.Serves("1.0.0")); err != nil {
		return 0, 0, err
	}
	// An answer that was still under way has long come when a new one has.
	if err := clients.hear(ctx, "1.0.0", time.Now().Add(target)); err != nil {
		return 0, 0, err
	}
	return max(clients.heard(version).Sub(began), 0), command, nil
}

// clients ask without end and remember when each version answered last.
type clients struct {
	url  string
	mu   sync.Mutex
	last map[string]time.Time
	err  error
}

// every is how long a client waits before it asks again; without a pause it would keep
// a processor from the runtime.
const every = 2 * time.Millisecond

func (c *clients) ask(ctx context.Context) {
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	for ctx.Err() == nil {
		version, err := c.once(ctx, transport)
		c.mu.Lock()
		if err == nil {
			c.last[version] = time.Now()
		} else if ctx.Err() == nil {
			c.err = err
		}
		c.mu.Unlock()
		time.Sleep(every)
	}
}

func (c *clients) once(ctx context.Context, transport *http.Transport) (version string, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, c.url, nil)
	if err != nil {
		return "", err
	}
	resp, err := transport.RoundTrip(req)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	if _, err := io.Copy(io.Discard, resp.Body); err != nil {
		return "", err
	}
	if resp.StatusCode != http.StatusOK {
		return "", fmt.Errorf("a client got %s", resp.Status)
	}
	_, version, _ = strings.Cut(resp.Header.Get("Segue-Release"), "@")
	return version, nil
}

func (c *clients) heard(version string) time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.last[version]
}

// hear waits until the version has answered after that time, and no client has failed.
func (c *clients) hear(ctx context.Context, version string, after time.Time) error {
	ctx, cancel := context.WithTimeout(ctx, waitLimit)
	defer cancel()
	for !c.heard(version).After(after) {
		select {
		case <-ctx.Done():
			return fmt.Errorf("wait for an answer of %s: %w", version, ctx.Err())
		case <-time.After(every):
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err
}
