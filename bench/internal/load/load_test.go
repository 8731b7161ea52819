package load_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/segue-run/segue/bench/internal/load"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// hello answers as the module does behind the proxy.
func hello(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Segue-Release", "hello@1.0.0")
	if r.Method == http.MethodPost {
		body, _ := io.ReadAll(r.Body) // all of it before the first byte of the answer
		_, _ = w.Write(body)
		return
	}
	fmt.Fprint(w, `{"module":"hello","version":"1.0.0"}`)
}

func run(t *testing.T, handler http.HandlerFunc, n int) load.Result {
	t.Helper()
	server := httptest.NewServer(handler)
	defer server.Close()
	return load.Run(t.Context(), load.Config{URL: server.URL, Rate: 5000, Workers: 4, Limit: n}, nil)
}

func TestGoodAnswersOfEachKindAreServed(t *testing.T) {
	r := run(t, hello, 100)
	if r.Served != 100 || r.Failed != 0 {
		t.Fatalf("served %d, failed %d, want 100 and 0: %v", r.Served, r.Failed, r.Reasons)
	}
	if len(r.Kinds) != 4 {
		t.Errorf("kinds are %v, want four", r.Kinds)
	}
	for name, c := range r.Kinds {
		if c.Served != 25 {
			t.Errorf("%s: %d served, want 25", name, c.Served)
		}
	}
	if r.Releases["hello@1.0.0"].Served != 100 {
		t.Errorf("releases are %v", r.Releases)
	}
}

func TestReadsAreGETsAlone(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(hello))
	defer server.Close()
	r := load.Run(t.Context(), load.Config{URL: server.URL, Rate: 5000, Workers: 4, Limit: 100, Reads: true}, nil)
	if len(r.Kinds) != 2 || r.Kinds["GET, keep-alive"].Served != 50 || r.Kinds["GET, fresh"].Served != 50 {
		t.Errorf("kinds are %v, want 50 GETs of both", r.Kinds)
	}
}

func TestBadAnswersCountAsFailedWithTheirReason(t *testing.T) {
	var seen sync.Map // client addresses
	for _, c := range []struct {
		name    string
		handler http.HandlerFunc
		reason  string
	}{
		{"a status", func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Segue-Release", "hello@2.0.0")
			w.WriteHeader(http.StatusInternalServerError)
		}, "500 from hello@2.0.0"},
		{"no header", func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(w, r.Body)
		}, "without Segue-Release"},
		{"a wrong body", func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Segue-Release", "hello@1.0.0")
			fmt.Fprint(w, "something else")
		}, "a wrong body from hello@1.0.0"},
		{"another release in the body", func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Segue-Release", "hello@9.9.9")
			fmt.Fprint(w, `{"module":"hello","version":"1.0.0"}`)
		}, "the header says hello@9.9.9, the body hello@1.0.0"},
		{"half an answer", func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Length", "1000")
			fmt.Fprint(w, "short")
			w.(http.Flusher).Flush()
			panic(http.ErrAbortHandler)
		}, "half an answer"},
		{"a closed connection", func(w http.ResponseWriter, r *http.Request) {
			panic(http.ErrAbortHandler)
		}, "no answer"},
		{"a keep-alive connection that is lost and silently made again", func(w http.ResponseWriter, r *http.Request) {
			_, used := seen.LoadOrStore(r.RemoteAddr, true)
			if used && r.Method == http.MethodGet {
				panic(http.ErrAbortHandler)
			}
			hello(w, r)
		}, "the client tried again"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := run(t, c.handler, 40)
			if r.Served+r.Failed != 40 {
				t.Errorf("counted %d requests, want 40", r.Served+r.Failed)
			}
			for reason := range r.Reasons {
				if strings.Contains(reason, c.reason) {
					return
				}
			}
			t.Errorf("reasons are %v, want one with %q", r.Reasons, c.reason)
		})
	}
}

func TestTheEndCutsNoRequestShort(t *testing.T) {
	entered, release := make(chan struct{}), make(chan struct{})
	var once atomic.Bool
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if once.CompareAndSwap(false, true) {
			close(entered)
			<-release
		}
		hello(w, r)
	}))
	defer server.Close()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan load.Result)
	go func() { done <- load.Run(ctx, load.Config{URL: server.URL, Workers: 1}, nil) }()
	<-entered
	cancel()
	time.Sleep(20 * time.Millisecond) // give a wrong cancellation time to bite
	close(release)
	if r := <-done; r.Served != 1 || r.Failed != 0 {
		t.Errorf("served %d, failed %d, want 1 and 0: %v", r.Served, r.Failed, r.Reasons)
	}
}
