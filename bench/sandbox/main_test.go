package main

import (
	"context"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"path/filepath"
	"strings"
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
	if n, err := rate(t.Context(), server.URL, while); err != nil || n <= 0 {
		t.Errorf("%f requests a second, and %v", n, err)
	}
	broken = true
	if _, err := rate(t.Context(), server.URL, while); err == nil || !strings.Contains(err.Error(), "502") {
		t.Errorf("got %v", err)
	}
}

func TestABombGoesOffUntilTheTimeIsOverOrItsModuleHasDied(t *testing.T) {
	dead := false
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodPost || r.URL.Path != "/escape/cpu-spin" {
			t.Errorf("%s %s", r.Method, r.URL)
		}
		if dead {
			w.WriteHeader(http.StatusBadGateway)
		}
		_, _ = w.Write([]byte(`{"attack":"cpu-spin","outcome":"contained"}`))
	}))
	defer server.Close()
	if got := explode(t.Context(), server.URL, "cpu-spin", 20*time.Millisecond); got != "contained" {
		t.Errorf("got %q", got)
	}
	dead = true
	if got := explode(t.Context(), server.URL, "cpu-spin", time.Minute); got != "killed" {
		t.Errorf("got %q", got)
	}
}
