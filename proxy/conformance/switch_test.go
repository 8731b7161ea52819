package conformance_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/segue-run/segue/proxy"
	"github.com/segue-run/segue/proxy/balance"
)

// echo answers with the body it was sent, or with a few bytes.
func echo(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodGet {
		io.WriteString(w, "hello")
		return
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	w.Write(body)
}

// load sends requests of every kind until stop is closed, and counts. All that goes
// wrong is an error of the test.
func load(t *testing.T, h *house, stop <-chan struct{}) (requests *atomic.Int64, wait func()) {
	requests = new(atomic.Int64)
	body := bytes.Repeat([]byte("0123456789abcdef"), 4096)
	var wg sync.WaitGroup
	for worker := range 6 {
		wg.Go(func() {
			client := &http.Client{Transport: &http.Transport{DisableKeepAlives: worker%3 == 2}}
			defer client.CloseIdleConnections()
			for {
				select {
				case <-stop:
					return
				default:
				}
				var want []byte
				req, _ := http.NewRequest("GET", h.url("/x"), nil)
				switch rand.IntN(4) {
				case 0: // length known
					want = body[:rand.IntN(200)+1]
					req, _ = http.NewRequest("POST", h.url("/x"), bytes.NewReader(want))
				case 1: // chunked
					want = body[:rand.IntN(len(body))+1]
					req, _ = http.NewRequest("PUT", h.url("/x"), struct{ io.Reader }{bytes.NewReader(want)})
				default:
					want = []byte("hello")
				}
				req.GetBody = nil // the client may not try again by itself
				res, err := client.Do(req)
				if err != nil {
					t.Errorf("request failed: %v", err)
					return
				}
				got, err := io.ReadAll(res.Body)
				res.Body.Close()
				if err != nil || res.StatusCode != 200 || !bytes.Equal(got, want) {
					t.Errorf("got %v with %d bytes of %d, %v", res.Status, len(got), len(want), err)
					return
				}
				requests.Add(1)
			}
		})
	}
	return requests, wg.Wait
}

func TestNoRequestFailsWhileTargetsAndWeightsChange(t *testing.T) {
	serving := newModule(t, "0", http.HandlerFunc(echo))
	g := stable(t, serving.Release)
	h := newHouse(t, proxy.Config{}, g)
	stop := make(chan struct{})
	requests, wait := load(t, h, stop)
	rounds, drained := 120, int64(0)
	for round := range rounds {
		next := newModule(t, fmt.Sprint(round+1), http.HandlerFunc(echo))
		for _, weight := range []int{100, 2500, 5000, 9900, balance.Full} {
			apply(t, g, balance.Share{Release: serving.Release, Weight: balance.Full - weight, Stable: true},
				balance.Share{Release: next.Release, Weight: weight})
			target := requests.Load() + 5
			for requests.Load() < target && !t.Failed() {
				time.Sleep(100 * time.Microsecond)
			}
		}
		retiring := serving
		if round%3 == 2 { // the candidate is taken back
			retiring = next
		} else {
			serving = next
		}
		apply(t, g, balance.Share{Release: serving.Release, Weight: balance.Full, Stable: true})
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		if err := retiring.Drain(ctx, balance.Patience{}); err != nil {
			t.Fatal(err)
		}
		cancel()
		s := retiring.Stats()
		drained += int64(s.Requests)
		if s.InFlight != 0 || s.State != balance.TargetRetired || s.Classes[proxy.ClassOK] != s.Requests {
			t.Fatalf("after the drain: %+v", s)
		}
		retiring.server.CloseClientConnections()
		retiring.server.Close() // as the runtime stops the process, at once
		if t.Failed() {
			break
		}
	}
	close(stop)
	wait()
	if total := drained + int64(serving.Stats().Requests); total != requests.Load() {
		t.Errorf("the targets answered %d requests, the clients got %d answers", total, requests.Load())
	}
	t.Logf("%d requests over %d switches", requests.Load(), rounds)
}

func TestSharesAreExactOnTheWire(t *testing.T) {
	a, b := newModule(t, "1", http.HandlerFunc(echo)), newModule(t, "2", http.HandlerFunc(echo))
	g := stable(t)
	apply(t, g, balance.Share{Release: a.Release, Weight: 7500, Stable: true}, balance.Share{Release: b.Release, Weight: 2500})
	h := newHouse(t, proxy.Config{}, g)
	var got []int
	for range 400 {
		res, _ := h.get("/")
		got = append(got, map[string]int{"hello@1": 0, "hello@2": 1}[res.Header.Get("Segue-Release")])
	}
	for start := range len(got) - 99 {
		n := 0
		for _, candidate := range got[start : start+100] {
			n += candidate
		}
		if n < 24 || n > 26 {
			t.Fatalf("requests %d to %d: %d for the candidate", start, start+99, n)
		}
	}
}

func TestARequestThatReachedNobodyGoesToStable(t *testing.T) {
	a := newModule(t, "1", http.HandlerFunc(echo))
	var failed []proxy.Outcome
	gone := newTarget("2", filepath.Join(t.TempDir(), "nobody"), func(o balance.Observation) { failed = append(failed, o.Outcome) })
	g := stable(t)
	apply(t, g, balance.Share{Release: a.Release, Weight: 0, Stable: true}, balance.Share{Release: gone, Weight: balance.Full})
	h := newHouse(t, proxy.Config{}, g)
	for range 3 {
		res, err := h.client.Post(h.url("/"), "text/plain", struct{ io.Reader }{bytes.NewBufferString("the whole body")})
		if err != nil {
			t.Fatal(err)
		}
		if body := read(t, res); body != "the whole body" || res.Header.Get("Segue-Release") != "hello@1" {
			t.Errorf("got %q from %q", body, res.Header.Get("Segue-Release"))
		}
	}
	if len(failed) != 3 || failed[0].Class != proxy.ClassTransport || failed[0].Reached || failed[0].Err == nil {
		t.Errorf("outcomes of the candidate: %+v", failed)
	}
	if n := h.engine.Stats().Retried; n != 3 {
		t.Errorf("%d retries counted", n)
	}
}

func TestRequestsWaitForAStableThatRestarts(t *testing.T) {
	gone := newTarget("1", filepath.Join(t.TempDir(), "nobody"), nil)
	g := balance.NewGroup(balance.GroupConfig{Module: "hello", MaxWait: patience})
	apply(t, g, balance.Share{Release: gone, Weight: balance.Full, Stable: true})
	h := newHouse(t, proxy.Config{}, g)
	answers := make(chan string)
	const waiting = 10
	for range waiting {
		go func() {
			// A process that has died is found out by dialling, before anybody says so.
			res, err := h.client.Post(h.url("/"), "text/plain", bytes.NewBufferString("body"))
			if err != nil {
				answers <- err.Error()
				return
			}
			body, _ := io.ReadAll(res.Body)
			res.Body.Close()
			answers <- fmt.Sprint(res.StatusCode, string(body))
		}()
	}
	for g.Stats().Waiting < waiting {
		time.Sleep(time.Millisecond)
	}
	gone.Down()
	if s := g.Stats().State; s != balance.GroupRestarting {
		t.Errorf("the group is %s", s)
	}
	back := newModule(t, "1", http.HandlerFunc(echo))
	apply(t, g, balance.Share{Release: back.Release, Weight: balance.Full, Stable: true})
	for range waiting {
		if got := <-answers; got != "200body" {
			t.Errorf("got %q", got)
		}
	}
}

func TestAModuleThatNobodyReachesIs502AfterOneMoreTry(t *testing.T) {
	dead := func(version string) *balance.Release {
		return newTarget(version, filepath.Join(t.TempDir(), "nobody"), nil)
	}
	stable, candidate := dead("1"), dead("2")
	g := balance.NewGroup(balance.GroupConfig{Module: "hello"})
	apply(t, g, balance.Share{Release: stable, Stable: true}, balance.Share{Release: candidate, Weight: balance.Full})
	h := newHouse(t, proxy.Config{}, g)
	refused(t, h, "GET / HTTP/1.1\r\nHost: x", 502, "no-answer", "hello", "module hello could not be reached")
	for _, target := range []*balance.Release{stable, candidate} {
		if s := target.Stats(); s.Requests != 2 || s.Failed() != 2 {
			t.Errorf("%+v", s.Classes)
		}
	}
}

func TestAFullAcceptQueueIsNotADeadModule(t *testing.T) {
	m := newModule(t, "1", http.HandlerFunc(echo))
	var dials atomic.Int64
	busy := single("1.0.0", nil, balance.TargetConfig{Dial: func(ctx context.Context) (net.Conn, error) {
		if dials.Add(1) < 4 {
			return nil, &net.OpError{Op: "dial", Err: fmt.Errorf("connect: %w", syscall.EAGAIN)}
		}
		return m.Dial(ctx)
	}})
	h := newHouse(t, proxy.Config{}, stable(t, busy))
	if res, body := h.get("/"); res.StatusCode != 200 || body != "hello" {
		t.Errorf("got %v %q", res.Status, body)
	}
	if s := busy.Stats(); s.Classes[proxy.ClassOK] != 1 || s.Requests != 1 {
		t.Errorf("%+v", s.Classes)
	}
}

func TestAClientThatLeavesWhileItWaitsIsForgotten(t *testing.T) {
	g := balance.NewGroup(balance.GroupConfig{Module: "hello", MaxWait: time.Hour})
	h := newHouse(t, proxy.Config{}, g)
	ctx, cancel := context.WithCancel(t.Context())
	req, _ := http.NewRequestWithContext(ctx, "GET", h.url("/"), nil)
	left := make(chan error)
	go func() {
		_, err := h.client.Do(req)
		left <- err
	}()
	for g.Stats().Waiting == 0 {
		time.Sleep(time.Millisecond)
	}
	cancel()
	if err := <-left; !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	deadline := time.Now().Add(patience)
	for g.Stats().Waiting > 0 {
		if time.Now().After(deadline) {
			t.Fatal("the request still waits")
		}
		time.Sleep(time.Millisecond)
	}
}

func TestAShutdownDoesNotWaitForRequestsThatWaitForever(t *testing.T) {
	g := balance.NewGroup(balance.GroupConfig{Module: "hello", MaxWait: time.Hour})
	h := newHouse(t, proxy.Config{}, g)
	answers := make(chan int)
	go func() {
		res, err := h.client.Get(h.url("/"))
		if err != nil {
			answers <- 0
			return
		}
		res.Body.Close()
		answers <- res.StatusCode
	}()
	for g.Stats().Waiting == 0 {
		time.Sleep(time.Millisecond)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := h.engine.Shutdown(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if status := <-answers; status != http.StatusServiceUnavailable {
		t.Errorf("got %d", status)
	}
}
