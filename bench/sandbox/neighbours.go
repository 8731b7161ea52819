package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
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
	again     = 100 * time.Millisecond
	// part of what the neighbour can answer is what it is asked for at a rate.
	part = 4
)

// beside is one bomb and what the neighbour answered before it and while it went off.
type beside struct {
	bomb, ended    string
	before, during answers
}

// neighbours measures hello beside each bomb, in two ways, and prints a table of each.
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
	busy := busy()
	alone, err := saturated(ctx, host.URL, func(ctx context.Context) { rest(ctx, lasts) })
	if err != nil {
		return err
	}
	wanted := alone.rate / part
	var quick, slow []beside
	var held *module.Sandbox
	for i, bomb := range bombs {
		for j, way := range []struct {
			ask asking
			to  *[]beside
		}{
			{saturated, &quick},
			{func(ctx context.Context, url string, while func(context.Context)) (answers, error) {
				return paced(ctx, url, wanted, while)
			}, &slow},
		} {
			version := fmt.Sprintf("1.%d.%d", j, i+1)
			if held, err = deploy(ctx, host, executable, version); err != nil {
				return err
			}
			b, err := measure(ctx, host.URL, bomb, lasts, way.ask)
			if err != nil {
				return fmt.Errorf("%s: %w", bomb, err)
			}
			*way.to = append(*way.to, b)
		}
	}
	return errors.Join(reportSaturated(quick, held, busy), reportPaced(slow, wanted, busy))
}

// deploy brings in escape anew, so that each bomb goes off in a fresh process.
func deploy(ctx context.Context, host *harness.Host, executable []byte, version string) (*module.Sandbox, error) {
	file := filepath.Join(host.Dir, "escape")
	if err := variant.Write(executable, file, variant.Change{Old: "version: 1.0.0", New: "version: " + version}); err != nil {
		return nil, err
	}
	if err := host.Drop(file); err != nil {
		return nil, err
	}
	status, err := host.WaitFor(ctx, "escape", waitLimit, harness.Serves(version))
	if err != nil {
		return nil, err
	}
	return status.Stable.Sandbox, nil
}

// asking is a way to ask the neighbour for as long as something goes on.
type asking func(ctx context.Context, url string, while func(context.Context)) (answers, error)

func measure(ctx context.Context, url, bomb string, lasts time.Duration, ask asking) (b beside, err error) {
	b.bomb = bomb
	if b.before, err = ask(ctx, url, func(ctx context.Context) { rest(ctx, lasts) }); err != nil {
		return b, fmt.Errorf("before it: %w", err)
	}
	if b.during, err = ask(ctx, url, func(ctx context.Context) { b.ended = explode(ctx, url, bomb, lasts) }); err != nil {
		return b, fmt.Errorf("while it went off: %w", err)
	}
	return b, nil
}

func reportSaturated(all []beside, held *module.Sandbox, busy string) error {
	var rows [][]string
	for _, b := range all {
		rows = append(rows, []string{b.bomb, number(b.before.rate), number(b.during.rate), share(b), b.ended})
	}
	title := fmt.Sprintf("Requests a second that a neighbour answers on %d connections that ask at once, before a bomb and while it goes off; %s; %s", saturating, words(held), busy)
	return table.Write(os.Stdout, title, []string{"bomb", "before", "during", "ratio", "the bomb was"}, rows)
}

func reportPaced(all []beside, wanted float64, busy string) error {
	var rows [][]string
	for _, b := range all {
		row := []string{b.bomb, number(b.before.rate), number(b.during.rate), share(b)}
		for _, q := range []float64{0.5, 0.99} {
			row = append(row, table.Millis(b.before.waits.Quantile(q)), table.Millis(b.during.waits.Quantile(q)))
		}
		rows = append(rows, append(row, b.ended))
	}
	title := fmt.Sprintf("The same neighbour, asked %.0f times a second, a %dth of what it can answer; %s", wanted, part, busy)
	return table.Write(os.Stdout, title, []string{
		"bomb", "answered before", "during", "ratio", "p50 before ms", "during", "p99 before ms", "during", "the bomb was",
	}, rows)
}

func number(n float64) string { return fmt.Sprintf("%.0f", n) }

func share(b beside) string { return fmt.Sprintf("%.0f %%", 100*b.during.rate/b.before.rate) }

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

// explode lets a bomb go off again and again until the time is over, also in the process
// that comes after one that has died of it, and says whether one has.
func explode(ctx context.Context, url, bomb string, lasts time.Duration) string {
	transport := &http.Transport{DisableKeepAlives: true}
	client := &http.Client{Transport: transport, Timeout: waitLimit}
	ended, killed := "", ""
	for end := time.Now().Add(lasts); time.Now().Before(end) && ctx.Err() == nil; {
		outcome, err := once(ctx, client, url+"/escape/"+bomb)
		if err != nil {
			killed = "killed"
		} else {
			ended = outcome
		}
		rest(ctx, again) // what is stopped at once would measure no more than its requests
	}
	return cmp.Or(killed, ended)
}

// once lets a bomb go off and says how it ended; it is an error where the module did not
// live to tell.
func once(ctx context.Context, client *http.Client, url string) (string, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, nil)
	if err != nil {
		return "", err
	}
	resp, err := client.Do(req)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, 4096))
	if err != nil {
		return "", err
	}
	if resp.StatusCode != http.StatusOK {
		return "", fmt.Errorf("%s: %s", url, resp.Status)
	}
	var r attack.Result
	if err := json.Unmarshal(body, &r); err != nil {
		return "", err
	}
	return string(r.Outcome), nil
}
