package host

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"testing"
	"time"

	"github.com/segue-run/segue/proxy"
	"github.com/segue-run/segue/proxy/front"
	"github.com/segue-run/segue/proxy/nethttp"
	"github.com/segue-run/segue/runtime/module"
	"github.com/segue-run/segue/runtime/rollout"
	"github.com/segue-run/segue/sdk/manifest"
	"go.uber.org/zap"
)

// patience is how long a test waits for what must come.
const patience = 20 * time.Second

// served is an instance that answers requests.
type served struct {
	rollout.Instance
	dial func(context.Context) (net.Conn, error)
}

func (s served) Sandbox() module.Sandbox { return module.Sandbox{} }

func (s served) Denials() []module.Denial { return nil }

func (s served) Dial(ctx context.Context) (net.Conn, error) { return s.dial(ctx) }

// serving is an instance whose HTTP listener is a real one.
func serving(t *testing.T, handler http.HandlerFunc) served {
	t.Helper()
	socket := filepath.Join(t.TempDir(), "s")
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	server := &httptest.Server{Listener: l, Config: &http.Server{Handler: handler}}
	server.Start()
	t.Cleanup(server.Close)
	var dialer net.Dialer
	return served{dial: func(ctx context.Context) (net.Conn, error) { return dialer.DialContext(ctx, "unix", socket) }}
}

// answers is a handler that says a text with a status.
func answers(status int, text string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		_, _ = io.WriteString(w, text)
	}
}

// site is a data plane with an engine before it.
type site struct {
	*traffic
	t   *testing.T
	url string
}

func newSite(t *testing.T) *site {
	t.Helper()
	tr := newTraffic(secretForTest(t), zap.NewNop())
	carriage := proxy.Config{Director: tr.pool}
	engine := front.New(front.Config{H1: nethttp.New(carriage), H2: nethttp.New(carriage)})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- engine.Serve(l) }()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := engine.Shutdown(ctx); err != nil {
			t.Error(err)
		}
		if err := <-done; err != nil {
			t.Error(err)
		}
		tr.close()
	})
	return &site{traffic: tr, t: t, url: "http://" + l.Addr().String()}
}

// add makes an instance of module a routable; what is observed of it is counted.
func (f *site) add(version string, inst rollout.Instance) (rollout.Target, *observed) {
	seen := &observed{all: make(chan rollout.Observation, 1000)}
	made := f.Target("a-"+version, release("a", version), inst, func(o rollout.Observation) { seen.all <- o })
	f.t.Cleanup(made.Close)
	return made, seen
}

// observed is what a rollout would hear of a target.
type observed struct{ all chan rollout.Observation }

func (o *observed) evidence() (n, failed int) {
	for {
		select {
		case seen := <-o.all:
			if !seen.Dealt {
				continue
			}
			if n++; seen.Failed {
				failed++
			}
		default:
			return n, failed
		}
	}
}

func (f *site) split(s rollout.Split) {
	f.t.Helper()
	if s.Routes == nil {
		s.Routes = []manifest.Route{{Path: "/a"}}
	}
	if err := f.Split("a", s); err != nil {
		f.t.Fatal(err)
	}
}

// ask makes one request and gives its status and body.
func (f *site) ask(method, path string, edit func(*http.Request)) (int, string, http.Header) {
	f.t.Helper()
	req, err := http.NewRequestWithContext(f.t.Context(), method, f.url+path, nil)
	if err != nil {
		f.t.Fatal(err)
	}
	if edit != nil {
		edit(req)
	}
	tr := &http.Transport{DisableKeepAlives: true}
	defer tr.CloseIdleConnections()
	res, err := tr.RoundTrip(req)
	if err != nil {
		f.t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		f.t.Fatal(err)
	}
	return res.StatusCode, string(body), res.Header
}

// eventually waits until what must come is there.
func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !is(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%s: not within %s", what, patience)
		}
	}
}

// lacking is an instance that cannot be asked, since the host lacks something.
func lacking(err error) served {
	return served{dial: func(context.Context) (net.Conn, error) {
		return nil, &module.Error{Kind: module.Quota, Msg: "the runtime itself is short of descriptors or memory", Err: err}
	}}
}
