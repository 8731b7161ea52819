package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/segue-run/segue/bench/internal/load"
)

func main() {
	var cfg load.Config
	flag.StringVar(&cfg.URL, "url", "http://127.0.0.1:8080", "where modules are served; loopback only")
	flag.IntVar(&cfg.Rate, "rate", 200, "requests a second")
	flag.IntVar(&cfg.Workers, "workers", 8, "requests under way at once, at most")
	flag.IntVar(&cfg.Limit, "n", 1_000_000, "requests, at most")
	posts := flag.Bool("posts", false, "every other request a POST, of which the runtime makes none good by itself")
	length := flag.Duration("for", time.Minute, "how long, at most 1h")
	asJSON := flag.Bool("json", false, "print the result as JSON")
	flag.Parse()
	cfg.Reads = !*posts
	if err := onLoopback(cfg.URL); err != nil {
		fmt.Fprintln(os.Stderr, "load:", err)
		os.Exit(2)
	}

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	ctx, cancel := context.WithTimeout(ctx, min(*length, time.Hour))
	defer cancel()
	if err := answers(ctx, cfg.URL); err != nil {
		fmt.Fprintln(os.Stderr, "load:", err)
		os.Exit(1)
	}
	if !*asJSON {
		fmt.Printf("%d requests/s to %s, Ctrl-C for the result\n", cfg.Rate, cfg.URL)
	}
	result := load.Run(ctx, cfg, nil)
	if *asJSON {
		text, err := json.Marshal(result)
		if err != nil {
			fmt.Fprintln(os.Stderr, "load:", err)
			os.Exit(1)
		}
		fmt.Println(string(text))
	} else {
		fmt.Print(result)
	}
	if result.Failed > 0 {
		os.Exit(1)
	}
}

// answers refuses to load what is not there. What it answers is not looked at: that
// is the load's to count.
func answers(ctx context.Context, where string) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, where, nil)
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return fmt.Errorf("nothing answers at %s: is the runtime up (make run), and -url right? (%w)", where, err)
	}
	return resp.Body.Close()
}

// onLoopback refuses to load anybody else's machine.
func onLoopback(where string) error {
	u, err := url.Parse(where)
	if err != nil {
		return err
	}
	if ip := net.ParseIP(u.Hostname()); u.Hostname() != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return fmt.Errorf("-url %q is not on this machine; take http://127.0.0.1:PORT", where)
	}
	return nil
}
