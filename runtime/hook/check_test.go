package hook_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/segue-run/segue/runtime/hook"
	"github.com/segue-run/segue/runtime/module"
	"github.com/segue-run/segue/runtime/policy"
)

// candidate serves on a unix socket and gives what dials it.
func candidate(t *testing.T, handler http.HandlerFunc) func(context.Context) (net.Conn, error) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "s")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	s := &httptest.Server{Listener: l, Config: &http.Server{Handler: handler}}
	s.Start()
	t.Cleanup(s.Close)
	return func(ctx context.Context) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "unix", path)
	}
}

func TestACheckPassesWithTheStatusThatItExpects(t *testing.T) {
	for name, c := range map[string]struct {
		code  int
		check policy.Check
	}{
		"the very one":               {204, policy.Check{Method: "GET", Path: "/healthz", Status: 204}},
		"any below 400":              {399, policy.Check{Method: "HEAD", Path: "/healthz"}},
		"an error that must be":      {401, policy.Check{Method: "DELETE", Path: "/all", Status: 401}},
		"a redirect, not followed":   {302, policy.Check{Method: "GET", Path: "/", Status: 302}},
		"no method is GET":           {200, policy.Check{Path: "/", Status: 200}},
		"a path with a query":        {200, policy.Check{Method: "GET", Path: "/a%2Fb?x=1&y=%20", Status: 200}},
		"a path with slashes before": {200, policy.Check{Method: "GET", Path: "//other/x", Status: 200}},
	} {
		t.Run(name, func(t *testing.T) {
			var got *http.Request
			dial := candidate(t, func(w http.ResponseWriter, r *http.Request) {
				got = r
				w.Header().Set("Location", "http://127.0.0.1:1/")
				w.WriteHeader(c.code)
			})
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			if err := hook.Check(ctx, dial, "hello.example", c.check); err != nil {
				t.Fatal(err)
			}
			method := c.check.Method
			if method == "" {
				method = "GET"
			}
			if got.Method != method || got.RequestURI != c.check.Path || got.Host != "hello.example" {
				t.Errorf("asked %s %s of %s", got.Method, got.RequestURI, got.Host)
			}
		})
	}
}

func TestACheckThatFailsSaysWhatCame(t *testing.T) {
	healthz := policy.Check{Method: "GET", Path: "/healthz", Status: 200}
	for name, c := range map[string]struct {
		handler http.HandlerFunc
		check   policy.Check
		kind    module.Kind
		want    string
	}{
		"another status": {
			answers(500, "no database\nat main.go:1"), healthz, module.Invalid,
			"GET /healthz answered 500, expected 200: no database",
		},
		"another good one": {answers(201, ""), healthz, module.Invalid, "GET /healthz answered 201, expected 200"},
		"400 or above": {
			answers(404, strings.Repeat("x", 1<<20)), policy.Check{Method: "GET", Path: "/shop"}, module.Invalid,
			"GET /shop answered 404, expected a status below 400: " + strings.Repeat("x", 197) + "…",
		},
		"a cut connection": {
			func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, healthz, module.Invalid,
			"GET /healthz got no answer: EOF",
		},
		"a head without end": {
			func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("X", strings.Repeat("x", 128<<10)) }, healthz, module.Invalid,
			"server response headers exceeded 65536 bytes",
		},
		"no answer in time": {
			func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, healthz, module.Timeout,
			"GET /healthz got no answer in time",
		},
		"an address for a path": {answers(200, ""), policy.Check{Method: "GET", Path: "http://elsewhere/"}, module.Unavailable, "is no request"},
		"no path":               {answers(200, ""), policy.Check{Method: "GET", Path: "healthz"}, module.Unavailable, "is no request"},
		"no method":             {answers(200, ""), policy.Check{Method: "GET IT", Path: "/"}, module.Unavailable, "is no request"},
	} {
		t.Run(name, func(t *testing.T) {
			dial := candidate(t, c.handler)
			within := patience
			if c.kind == module.Timeout {
				within = 100 * time.Millisecond
			}
			ctx, cancel := context.WithTimeout(t.Context(), within)
			defer cancel()
			err := hook.Check(ctx, dial, "", c.check)
			if err == nil || module.KindOf(err) != c.kind || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v (%s)\nwant %s", err, module.KindOf(err), c.want)
			}
		})
	}
}

func TestACheckIsNotHeldUpByABodyThatNeverEnds(t *testing.T) {
	t.Parallel()
	for _, code := range []int{200, 500} {
		dial := candidate(t, func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(code)
			_, _ = io.WriteString(w, "still\nhere")
			_ = http.NewResponseController(w).Flush()
			<-r.Context().Done()
		})
		err := hook.Check(t.Context(), dial, "", policy.Check{Path: "/", Status: 200})
		if (code == 200) != (err == nil) || err != nil && !strings.Contains(err.Error(), "still") {
			t.Errorf("%d: %v", code, err)
		}
	}
}

func TestACheckThatGetsNoConnectionKeepsTheReasonAndItsKind(t *testing.T) {
	gone, full := errors.New("gone"), &module.Error{Kind: module.Quota, Msg: "too many open files"}
	for _, c := range []struct {
		err  error
		kind module.Kind
	}{{gone, module.Unavailable}, {full, module.Quota}} {
		err := hook.Check(t.Context(), func(context.Context) (net.Conn, error) { return nil, c.err }, "", policy.Check{Path: "/"})
		if !errors.Is(err, c.err) || module.KindOf(err) != c.kind || !strings.Contains(err.Error(), "GET / got no connection") {
			t.Errorf("%v (%s)", err, module.KindOf(err))
		}
	}
}

func TestACheckThatIsCancelledEndsWithTheCause(t *testing.T) {
	superseded := errors.New("superseded")
	ctx, cancel := context.WithCancelCause(t.Context())
	dial := candidate(t, func(_ http.ResponseWriter, r *http.Request) {
		cancel(superseded)
		<-r.Context().Done()
	})
	err := hook.Check(ctx, dial, "", policy.Check{Path: "/"})
	if !errors.Is(err, superseded) || module.KindOf(err) != module.Unavailable {
		t.Errorf("%v", err)
	}
}
