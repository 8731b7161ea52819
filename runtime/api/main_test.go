package api_test

import (
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/segue-run/segue/runtime/api"
	"github.com/segue-run/segue/runtime/api/apitest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// served is an API on real sockets with a plain HTTP client for each side.
type served struct {
	*apitest.Served
	runtime *apitest.Runtime
	local   *http.Client
	public  *http.Client
}

func serve(t *testing.T, rt *apitest.Runtime, cfg api.Config) *served {
	t.Helper()
	s := serveAs(t, rt, cfg)
	s.runtime = rt
	return s
}

// serveAs is serve for a runtime of the test's own kind.
func serveAs(t *testing.T, rt api.Runtime, cfg api.Config) *served {
	t.Helper()
	// A test's own temporary directory may be too long for a socket's path.
	socket := filepath.Join(shortDir(t), "run", "admin.sock")
	srv, err := apitest.Serve(rt, socket, cfg)
	if err != nil {
		t.Fatal(err)
	}
	unix := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", socket)
	}}
	tcp := &http.Transport{}
	t.Cleanup(func() {
		unix.CloseIdleConnections()
		tcp.CloseIdleConnections()
		srv.Stop()
	})
	noRedirects := func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &served{Served: srv, local: &http.Client{Transport: unix, CheckRedirect: noRedirects}, public: &http.Client{Transport: tcp, CheckRedirect: noRedirects}}
}

// answer is a response, read.
type answer struct {
	status int
	header http.Header
	body   string
}

func (a answer) problem(t *testing.T) api.Problem {
	t.Helper()
	if got := a.header.Get("Content-Type"); got != api.ProblemType {
		t.Fatalf("content type %q, want a problem; body %s", got, a.body)
	}
	var p api.Problem
	if err := json.Unmarshal([]byte(a.body), &p); err != nil {
		t.Fatal(err)
	}
	if p.Status != a.status || p.Type != "about:blank" || p.Title == "" || p.Kind == "" {
		t.Errorf("problem %+v on status %d", p, a.status)
	}
	return p
}

// over sends a request over the local socket or TCP.
func (s *served) over(t *testing.T, local bool, method, path, body string, header ...string) answer {
	t.Helper()
	client, base := s.public, "http://"+s.Address
	if local {
		client, base = s.local, "http://segue"
	}
	req, err := http.NewRequestWithContext(t.Context(), method, base+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		if header[i] == "Host" {
			req.Host = header[i+1]
		}
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer{resp.StatusCode, resp.Header, string(text)}
}

func (s *served) get(t *testing.T, path string) answer {
	t.Helper()
	return s.over(t, true, http.MethodGet, path, "")
}
