package main

import (
	"context"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/segue-run/segue/bench/internal/load"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestClientsRememberWhenEachVersionAnsweredLast(t *testing.T) {
	var mu sync.Mutex
	version := "1.1.0"
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		w.Header().Set("Segue-Release", "hello@"+version)
	}))
	defer server.Close()
	c := &clients{url: server.URL, last: map[string]time.Time{}}
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() { c.ask(ctx) })
	defer wg.Wait()
	defer cancel()
	if err := c.hear(ctx, "1.1.0", time.Time{}); err != nil {
		t.Fatal(err)
	}
	mu.Lock()
	version = "1.0.0"
	mu.Unlock()
	changed := time.Now()
	if err := c.hear(ctx, "1.0.0", changed); err != nil {
		t.Fatal(err)
	}
	if last := c.heard("1.1.0"); last.IsZero() || last.After(c.heard("1.0.0")) {
		t.Errorf("1.1.0 was heard last at %s, 1.0.0 at %s", last, c.heard("1.0.0"))
	}
}

func TestAClientThatIsRefusedIsAnError(t *testing.T) {
	server := httptest.NewServer(http.NotFoundHandler())
	defer server.Close()
	c := &clients{url: server.URL}
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	if got, err := c.once(t.Context(), transport); err == nil {
		t.Errorf("heard %q", got)
	}
}

func TestGetsAndPostsAreCountedApart(t *testing.T) {
	o := outcome{reasons: map[string]int{}}
	for range 2 {
		o.add(load.Result{Longest: 7, Reasons: map[string]int{"500": 3}, Kinds: map[string]load.Count{
			"GET, fresh": {Served: 1}, "GET, keep-alive": {Served: 10, Failed: 1}, "POST, fresh": {Served: 5, Failed: 2},
		}})
	}
	if o.gets != (load.Count{Served: 22, Failed: 2}) || o.posts != (load.Count{Served: 10, Failed: 4}) || o.reasons["500"] != 6 || o.longest != 7 {
		t.Errorf("counted %+v", o)
	}
}
