package client_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/segue-run/segue/runtime/api"
	"github.com/segue-run/segue/runtime/api/apitest"
	"github.com/segue-run/segue/runtime/api/client"
	"github.com/segue-run/segue/runtime/module"
	"github.com/segue-run/segue/sdk/manifest"
)

func TestReadsComeBackAsTheyWere(t *testing.T) {
	began := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	status := module.Status{
		Name: "hello", State: module.Active,
		Stable:  &module.ReleaseStatus{Version: "1.0.0", Weight: manifest.Full, State: module.Serving, PID: 3, Since: began},
		Rollout: &module.RolloutStatus{ID: "r1", Module: "hello", Steps: []manifest.Weight{100, manifest.Full}, Hold: manifest.Duration(time.Minute), Started: began, Ended: began},
	}
	rt := &apitest.Runtime{
		About:        api.Info{Version: "1.2.3", Started: began, PID: 4},
		AuditRecords: []module.AuditRecord{{Seq: 1, Time: began, Actor: apitest.Root, Action: "deploy", Target: "hello@1.0.0"}, {Seq: 2, Time: began}},
	}
	rt.Served = []module.RouteStatus{{Module: "hello", Host: "*.example.com", Path: "/", Methods: []string{"GET"}, Headers: map[string]string{"x-a": manifest.AnyValue},
		Strip: true, MaxBody: 5, Limits: manifest.Limits{Rate: manifest.Rate{Requests: 1, Per: time.Hour}}, Timeouts: map[string]string{"idle": "none"}}}
	rt.Put(status)
	c := connected(t, rt)
	one, err := c.Module(t.Context(), "hello")
	if err != nil || !reflect.DeepEqual(one, status) {
		t.Errorf("module: got %+v, %v", one, err)
	}
	all, err := c.Modules(t.Context())
	if err != nil || !reflect.DeepEqual(all, []module.Status{status}) {
		t.Errorf("modules: got %+v, %v", all, err)
	}
	routes, err := c.Routes(t.Context())
	if err != nil || !reflect.DeepEqual(routes, rt.Served) {
		t.Errorf("routes: got %+v, %v", routes, err)
	}
	info, err := c.Info(t.Context())
	if err != nil || info != rt.About {
		t.Errorf("info: got %+v, %v", info, err)
	}
	records, err := c.Audit(t.Context(), "", 0)
	if err != nil || !reflect.DeepEqual(records, rt.AuditRecords) {
		t.Errorf("audit: got %+v, %v", records, err)
	}
	if records, err = c.Audit(t.Context(), "", 1); err != nil || len(records) != 1 || records[0].Seq != 2 {
		t.Errorf("the newest record: got %+v, %v", records, err)
	}
	if records, err = c.Audit(t.Context(), "hello", 5); err != nil || len(records) != 1 || records[0].Seq != 1 {
		t.Errorf("the records of a module: got %+v, %v", records, err)
	}
	if err := c.Ready(t.Context()); err != nil {
		t.Errorf("ready: %v", err)
	}
}

func TestAnOrderForADoorArrivesAsItWasGiven(t *testing.T) {
	var got api.DoorOrder
	rt := &apitest.Runtime{OnDoor: func(o api.DoorOrder) error { got = o; return nil }}
	rt.Put(module.Status{Name: "hello"})
	c := connected(t, rt)
	for _, want := range []api.DoorOrder{
		{State: module.DoorHeld}, {State: module.DoorHeld, For: 1500 * time.Millisecond}, {State: module.DoorOpen},
		{State: module.DoorMaintenance, For: time.Hour, Message: "a&b=c d", RetryAfter: time.Minute},
	} {
		want.Module = "hello"
		if err := c.SetDoor(t.Context(), want); err != nil {
			t.Errorf("%+v: %v", want, err)
		}
		want.Actor = apitest.Root
		if got != want {
			t.Errorf("got %+v, want %+v", got, want)
		}
	}
	for _, name := range []string{"nobody", "../hello"} {
		if err := c.SetDoor(t.Context(), api.DoorOrder{Module: name, State: module.DoorOpen}); module.KindOf(err) != module.NotFound {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestVerbsReachTheirModule(t *testing.T) {
	var asked []string
	var orders []api.Order
	rt := &apitest.Runtime{OnVerb: func(verb string, o api.Order) error {
		if o.Actor.String() != "user:root" {
			t.Errorf("%s is %v's", verb, o.Actor)
		}
		o.Actor = module.Actor{}
		asked = append(asked, verb)
		orders = append(orders, o)
		return nil
	}}
	rt.Put(module.Status{Name: "hello", Rollout: &module.RolloutStatus{ID: "r1"}})
	c := connected(t, rt)
	want := []api.Order{
		{Module: "hello", Rollout: "r1"}, {Module: "hello"}, {Module: "hello", Rollout: "r1", Reason: "a & b"}, {Module: "hello"}, {Module: "hello", Point: "each_step"}, {Module: "hello"},
		{Module: "hello", Stepped: true}, {Module: "hello"},
	}
	for i, verb := range []func(context.Context, api.Order) error{c.Promote, c.Abort, c.Pause, c.Resume, c.Approve, c.Revoke, c.Rollback, c.Remove} {
		if err := verb(t.Context(), want[i]); err != nil {
			t.Error(err)
		}
	}
	if fmt.Sprint(asked) != "[promote abort pause resume approve revoke rollback remove]" || !reflect.DeepEqual(orders, want) {
		t.Errorf("got %v, %+v", asked, orders)
	}
	if err := c.Promote(t.Context(), api.Order{Module: "hello", Rollout: "r2"}); module.KindOf(err) != module.Conflict {
		t.Errorf("for another rollout: %v", err)
	}
}

func TestRolloutsComeBackAsTheyWere(t *testing.T) {
	began := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	past := []module.RolloutStatus{
		{ID: "r/2", Module: "hello", Steps: []manifest.Weight{manifest.Full}, Started: began, Ended: began.Add(time.Minute), Rescued: 3,
			Evidence: module.Evidence{Errors: 0.12, Signs: []module.Sign{{Kind: "crash", Weight: manifest.Full, At: began}}},
			Waiting:  &module.Waiting{For: "approval", Point: "before_traffic", Since: began}, Usage: module.Usage{Peak: 1 << 20, CPU: time.Second},
			Mirror: &module.Comparison{Requests: 2, Different: 1, Examples: []module.Difference{{Request: "GET /", What: "status"}}}},
		{ID: "r1", Module: "hello", Steps: []manifest.Weight{manifest.Full}, Started: began, Ended: began},
	}
	rt := &apitest.Runtime{Past: past}
	rt.Put(module.Status{Name: "hello"})
	c := connected(t, rt)
	if got, err := c.Rollouts(t.Context(), "hello", 0); err != nil || !reflect.DeepEqual(got, past) {
		t.Errorf("got %+v, %v", got, err)
	}
	if got, err := c.Rollouts(t.Context(), "hello", 1); err != nil || !reflect.DeepEqual(got, past[:1]) {
		t.Errorf("got %+v, %v", got, err)
	}
	if got, err := c.Rollout(t.Context(), "hello", "r/2"); err != nil || !reflect.DeepEqual(got, past[0]) {
		t.Errorf("got %+v, %v", got, err)
	}
	for _, id := range []string{"r9", "", ".", "..", "../../healthz"} {
		if _, err := c.Rollout(t.Context(), "hello", id); module.KindOf(err) != module.NotFound {
			t.Errorf("rollout %q: %v", id, err)
		}
	}
}

func TestAnErrorComesBackWithItsKindFieldAndHint(t *testing.T) {
	want := &module.Error{Kind: module.Conflict, Field: "rollout", Value: "hello", Msg: "none runs", Hint: "deploy one"}
	rt := &apitest.Runtime{OnVerb: func(string, api.Order) error { return want }}
	rt.Put(module.Status{Name: "hello"})
	c := connected(t, rt)
	err := c.Promote(t.Context(), api.Order{Module: "hello"})
	got, ok := errors.AsType[*module.Error](err)
	if !ok || *got != *want || errors.Is(err, client.ErrUnreachable) {
		t.Errorf("got %#v", err)
	}
	for _, name := range []string{"nobody", "..", ".", "a/b", "a?b", "a b", "../../healthz", ""} {
		if _, err := c.Module(t.Context(), name); module.KindOf(err) != module.NotFound {
			t.Errorf("module %q: got %v", name, err)
		}
	}
}

func TestADeployArrivesWhole(t *testing.T) {
	for name, sidecar := range map[string]string{"alone": "", "with a manifest": "name: hello"} {
		t.Run(name, func(t *testing.T) {
			var got apitest.Offer
			rt := &apitest.Runtime{OnDeploy: func(o apitest.Offer) (module.RolloutStatus, error) {
				got = o
				return module.RolloutStatus{ID: "r1"}, nil
			}}
			text := strings.Repeat("ELF\r\n--", 1<<17)
			wish := manifest.Rollout{Strategy: manifest.Gradual, Steps: []manifest.Weight{100, manifest.Full}, Hold: new(manifest.Duration(time.Second))}
			status, err := connected(t, rt).Deploy(t.Context(), api.DeployInput{
				Source: strings.NewReader(text), FileName: "hello 1.0.0", Sidecar: []byte(sidecar), Rollout: wish, Force: true,
			})
			if err != nil || status.ID != "r1" {
				t.Fatalf("got %+v, %v", status, err)
			}
			if string(got.Bytes) != text || got.ReadErr != nil || string(got.Input.Sidecar) != sidecar {
				t.Errorf("%d bytes arrived of %d, with %v and %q", len(got.Bytes), len(text), got.ReadErr, got.Input.Sidecar)
			}
			if !reflect.DeepEqual(got.Input.Rollout, wish) || got.Input.FileName != "hello 1.0.0" || !got.Input.Force {
				t.Errorf("got %+v", got.Input)
			}
		})
	}
}

func TestAFileThatCannotBeReadToItsEndIsNoDeploy(t *testing.T) {
	seen := make(chan error, 1)
	rt := &apitest.Runtime{OnDeploy: func(o apitest.Offer) (module.RolloutStatus, error) {
		seen <- o.ReadErr
		return module.RolloutStatus{}, o.ReadErr
	}}
	c := connected(t, rt)
	broken := errors.New("the disk is gone")
	source := io.MultiReader(strings.NewReader(strings.Repeat("ELF", 1<<16)), iotest.ErrReader(broken))
	if _, err := c.Deploy(t.Context(), api.DeployInput{Source: source}); !errors.Is(err, broken) {
		t.Errorf("got %v", err)
	}
	if err := <-seen; err == nil {
		t.Error("the runtime saw a whole file")
	}
}

func TestARefusalDoesNotWaitForTheUpload(t *testing.T) {
	rt := new(apitest.Runtime)
	socket := socketPath(t)
	serve(t, rt, socket, api.Config{Actor: func(*http.Request) (module.Actor, error) {
		return module.Actor{}, &module.Error{Kind: module.Denied, Msg: "no"}
	}})
	c := newClient(t, client.Config{Socket: socket})
	_, err := c.Deploy(t.Context(), api.DeployInput{Source: io.LimitReader(zeros{}, 64<<20)})
	if k := module.KindOf(err); k != module.Denied && k != module.Unavailable {
		t.Errorf("got %v", err)
	}
}

// zeros is a reader without an end.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

func TestARuntimeThatIsNotThereIsUnreachable(t *testing.T) {
	left := socketPath(t)
	if err := os.MkdirAll(filepath.Dir(left), 0o700); err != nil {
		t.Fatal(err)
	}
	ln, err := net.Listen("unix", left)
	if err != nil {
		t.Fatal(err)
	}
	ln.(*net.UnixListener).SetUnlinkOnClose(false)
	ln.Close()
	tcp, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	tcp.Close()
	for want, cfg := range map[string]client.Config{
		"no runtime answers at .segue (no socket there); is it another folder's? name it with --state DIR or SEGUE_STATE; else start one with `segue run`": {Socket: socketPath(t), Name: ".segue"},
		"no runtime answers at here: a runtime was here and is gone; its log says why; start it again with `segue run`":                                    {Socket: left, Name: "here"},
		"no runtime answers at there (connection refused); check the address, and":                                                                         {Server: "http://" + tcp.Addr().String(), Name: "there"},
		"no runtime answers at dialed (custom); is it another folder's?":                                                                                   {Socket: "x", Name: "dialed", Dial: func(context.Context) (net.Conn, error) { return nil, errors.New("custom") }},
		"no runtime answers at " + left + ": a runtime was here and is gone; its log":                                                                      {Socket: left},
	} {
		c := newClient(t, cfg)
		_, err := c.Modules(t.Context())
		if !errors.Is(err, client.ErrUnreachable) || module.KindOf(err) != module.Unavailable || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("got %q, want %q", err, want)
		}
		for _, err := range c.Follow(t.Context(), module.EventFilter{}) {
			if !errors.Is(err, client.ErrUnreachable) {
				t.Errorf("follow: got %v", err)
			}
		}
	}
}

func TestASocketThatRefusesTheUserIsDenied(t *testing.T) {
	c := newClient(t, client.Config{Socket: "x", Name: ".segue", Dial: func(context.Context) (net.Conn, error) {
		return nil, &os.PathError{Op: "connect", Path: "x", Err: os.ErrPermission}
	}})
	_, err := c.Modules(t.Context())
	if module.KindOf(err) != module.Denied || errors.Is(err, client.ErrUnreachable) {
		t.Errorf("got %v", err)
	}
}

func TestWhatIsNoRuntimeIsCalledSo(t *testing.T) {
	for name, handler := range map[string]http.HandlerFunc{
		"no JSON":    func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "<html>") },
		"an error":   func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "bad gateway", http.StatusBadGateway) },
		"a redirect": func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/login", http.StatusFound) },
		"other events": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/event-stream")
			_, _ = io.WriteString(w, "data: hi\n\n")
		},
	} {
		t.Run(name, func(t *testing.T) {
			srv := httptest.NewServer(handler)
			defer srv.Close()
			c := newClient(t, client.Config{Server: srv.URL})
			if _, err := c.Modules(t.Context()); module.KindOf(err) != module.Internal || errors.Is(err, client.ErrUnreachable) {
				t.Errorf("got %v", err)
			}
			for _, err := range c.Follow(t.Context(), module.EventFilter{}) {
				if module.KindOf(err) != module.Internal {
					t.Errorf("follow: got %v", err)
				}
			}
		})
	}
}

func TestACallThatIsCutShortSaysSo(t *testing.T) {
	c := connected(t, new(apitest.Runtime))
	ctx, cancel := context.WithDeadline(t.Context(), time.Now().Add(-time.Second))
	defer cancel()
	if _, err := c.Modules(ctx); module.KindOf(err) != module.Timeout {
		t.Errorf("past the deadline: got %v", err)
	}
	ctx, cancel = context.WithCancel(t.Context())
	cancel()
	if _, err := c.Modules(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: got %v", err)
	}
}

func TestAClientNeedsOnePlace(t *testing.T) {
	for _, cfg := range []client.Config{{}, {Socket: "a", Server: "b"}} {
		if _, err := client.New(cfg); err == nil {
			t.Errorf("%+v made a client", cfg)
		}
	}
}
