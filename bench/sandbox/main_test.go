package main

import (
	"context"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestAProgramIsStartedUnderEachLayerThatThereIs(t *testing.T) {
	program := filepath.Join(t.TempDir(), "empty")
	if out, err := exec.Command("go", "build", "-o", program, "../floor/empty").CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	if err := starts(t.Context(), program, "/proc/self/exe", 2); err != nil {
		t.Fatal(err)
	}
}

func TestARequestThatIsNotAnsweredIsAFailure(t *testing.T) {
	broken := false
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if broken {
			w.WriteHeader(http.StatusBadGateway)
		}
	}))
	defer server.Close()
	while := func(context.Context) { time.Sleep(50 * time.Millisecond) }
	if got, err := saturated(t.Context(), server.URL, while); err != nil || got.rate <= 0 {
		t.Errorf("%f requests a second, and %v", got.rate, err)
	}
	broken = true
	if _, err := saturated(t.Context(), server.URL, while); err == nil || !strings.Contains(err.Error(), "502") {
		t.Errorf("got %v", err)
	}
}

func TestAtARateARequestWaitsFromWhenItWasDue(t *testing.T) {
	const still = 200 * time.Millisecond
	const rate = 1000 // more than the connections can have under way in that time
	var began, served atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		now := time.Now().UnixNano()
		began.CompareAndSwap(0, now)
		time.Sleep(still - time.Duration(now-began.Load()))
		served.Add(1)
	}))
	defer server.Close()
	got, err := paced(t.Context(), server.URL, rate, func(ctx context.Context) {
		for end := time.Now().Add(time.Minute); served.Load() < rate/2 && time.Now().Before(end); {
			rest(ctx, 10*time.Millisecond)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	late := 0
	for _, wait := range got.waits {
		if wait > still/4 {
			late++
		}
	}
	// Of those due in the first three quarters of the time most found no connection free.
	if least := rate / 10; late < least {
		t.Errorf("%d of %d requests were late, want at least %d", late, len(got.waits), least)
	}
}

func TestABombGoesOffUntilTheTimeIsOverAlsoInTheProcessAfterOneThatDied(t *testing.T) {
	var asked atomic.Int64
	var dies atomic.Bool
	twice, stop := context.WithCancel(t.Context())
	defer stop()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodPost || r.URL.Path != "/escape/cpu-spin" {
			t.Errorf("%s %s", r.Method, r.URL)
		}
		if n := asked.Add(1); dies.Load() {
			if n > 1 {
				stop()
			}
			w.WriteHeader(http.StatusBadGateway)
		}
		_, _ = w.Write([]byte(`{"attack":"cpu-spin","outcome":"contained"}`))
	}))
	defer server.Close()
	if got := explode(t.Context(), server.URL, "cpu-spin", 20*time.Millisecond); got != "contained" {
		t.Errorf("got %q", got)
	}
	dies.Store(true)
	asked.Store(0)
	if got := explode(twice, server.URL, "cpu-spin", time.Minute); got != "killed" || asked.Load() < 2 {
		t.Errorf("got %q after %d times", got, asked.Load())
	}
}
