package sdk_test

import (
	"context"
	"encoding/json"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/segue-run/segue/sdk"
	"github.com/segue-run/segue/sdk/wire"
	"github.com/segue-run/segue/sdk/wire/modulev1"
)

func TestAModuleIsDescribedStartedServedAndStopped(t *testing.T) {
	h := start(t, "plain")
	said, err := h.module.Describe(t.Context(), &modulev1.DescribeRequest{})
	if err != nil || string(said.GetManifest())+"\n" != text {
		t.Fatalf("it describes itself as %q and %v", said.GetManifest(), err)
	}
	if got, reason, err := h.probe(t.Context()); got != healthpb.HealthCheckResponse_NOT_SERVING || reason != "the module has not started" || err != nil {
		t.Fatalf("before the start: %v, %q and %v", got, reason, err)
	}
	h.serve().serve() // once more changes nothing
	if got := h.mustGet("/sample"); got != "sample HTTP/1.1" {
		t.Fatalf("got %q", got)
	}
	if got, reason, err := h.probe(t.Context()); got != healthpb.HealthCheckResponse_SERVING || reason != "" || err != nil {
		t.Fatalf("serving: %v, %q and %v", got, reason, err)
	}
	h.stop(patience)
	if code := h.exited(); code != 0 {
		t.Fatalf("exit code %d\n%s", code, h.log)
	}
}

func TestItServesHTTP2WithoutTLSToo(t *testing.T) {
	h := start(t, "plain").serve()
	h.http = unixClient(t, socketOf(h), http2)
	if got := h.mustGet("/sample"); got != "sample HTTP/2.0" {
		t.Fatalf("got %q", got)
	}
}

func socketOf(h *host) string {
	for _, v := range h.cmd.Env {
		if dir, ok := strings.CutPrefix(v, "PLUGIN_UNIX_SOCKET_DIR="); ok {
			return filepath.Join(dir, "http")
		}
	}
	return ""
}

func TestOnlyTheMarkedPartOfTheManifestIsDescribed(t *testing.T) {
	said, err := start(t, "a manifest in text").module.Describe(t.Context(), &modulev1.DescribeRequest{})
	if err != nil || string(said.GetManifest())+"\n" != text {
		t.Fatalf("got %q and %v", said.GetManifest(), err)
	}
}

func TestEveryControlCallNeedsTheNonceOfTheLaunch(t *testing.T) {
	h := start(t, "plain").serve()
	for name, nonces := range map[string][]string{"wrong": {"c0ffef"}, "empty": {""}, "longer": {nonce + "0"}, "two": {nonce, nonce}} {
		ctx := t.Context()
		for _, n := range nonces {
			ctx = metadata.AppendToOutgoingContext(ctx, wire.NonceHeader, n)
		}
		_, describe := h.module.Describe(ctx, &modulev1.DescribeRequest{})
		_, stop := h.module.Stop(ctx, &modulev1.StopRequest{})
		_, _, probe := h.probe(ctx)
		_, ping := h.health.Check(ctx, &healthpb.HealthCheckRequest{Service: "plugin"})
		watch, err := h.health.Watch(ctx, &healthpb.HealthCheckRequest{})
		if err != nil {
			t.Fatal(err)
		}
		_, stream := watch.Recv()
		for call, err := range map[string]error{"describe": describe, "stop": stop, "probe": probe, "ping": ping, "stream": stream} {
			if status.Code(err) != codes.Unauthenticated {
				t.Errorf("%s, %s: got %v", name, call, err)
			}
		}
	}
	if got := h.mustGet("/sample"); got != "sample HTTP/1.1" {
		t.Fatalf("got %q", got)
	}
}

func TestHooksAreCalledInOrderAroundTheRequests(t *testing.T) {
	h := start(t, "hooks").serve()
	answer := make(chan string, 1)
	go func() {
		body, _ := h.get("/sample/slow?for=500ms")
		answer <- body
	}()
	h.logged("slow began")
	for range 2 {
		if _, err := h.module.Drain(t.Context(), &modulev1.DrainRequest{}); err != nil {
			t.Fatal(err)
		}
	}
	h.logged("hook drain")
	h.stop(patience)
	if got := <-answer; got != "slow" {
		t.Errorf("the request in flight got %q", got)
	}
	if code := h.exited(); code != 0 {
		t.Errorf("exit code %d", code)
	}
	var order []string
	for line := range strings.Lines(h.log.String()) {
		var entry struct {
			Message string `json:"@message"`
		}
		if json.Unmarshal([]byte(line), &entry) == nil {
			order = append(order, entry.Message)
		}
	}
	want := "hook start, slow began, hook drain, hook drain over, hook stop, the Stop hook failed"
	if got := strings.Join(order, ", "); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestRequestsThatOutlastTheGraceAreCutOff(t *testing.T) {
	h := start(t, "hooks").serve()
	failed := make(chan error, 1)
	go func() {
		_, err := h.get("/sample/slow?for=10m")
		failed <- err
	}()
	h.logged("slow began")
	h.stop(300 * time.Millisecond)
	if err := <-failed; err == nil {
		t.Error("the request was answered")
	}
	if code := h.exited(); code != 0 {
		t.Errorf("exit code %d", code)
	}
	h.logged("requests were cut off")
	h.logged("hook stop")
}

func TestAModuleThatWasNeverStartedCanBeStopped(t *testing.T) {
	h := start(t, "hooks")
	h.stop(patience)
	if code := h.exited(); code != 0 {
		t.Fatalf("exit code %d\n%s", code, h.log)
	}
	if strings.Contains(h.log.String(), "hook stop") {
		t.Error("the Stop hook was called")
	}
}

func TestAModuleThatStillStartsIsStopped(t *testing.T) {
	h := start(t, "start waits")
	begun := make(chan error, 1)
	go func() {
		_, err := h.module.Start(t.Context(), &modulev1.StartRequest{})
		begun <- err
	}()
	h.logged("hook start")
	h.stop(patience)
	if err := <-begun; err == nil {
		t.Error("it has started")
	}
	if code := h.exited(); code != 0 {
		t.Errorf("exit code %d", code)
	}
	h.logged("hook start over")
}

func TestSIGTERMStopsTheModuleAndSIGINTDoesNot(t *testing.T) {
	h := start(t, "hooks").serve()
	h.signal(syscall.SIGINT)
	h.signal(syscall.SIGINT)
	if got := h.mustGet("/sample"); got != "sample HTTP/1.1" {
		t.Fatalf("after SIGINT: %q", got)
	}
	h.signal(syscall.SIGTERM)
	if code := h.exited(); code != 0 {
		t.Fatalf("exit code %d\n%s", code, h.log)
	}
	h.logged("hook stop")
}

func TestAHangingStopHookKeepsTheProcess(t *testing.T) {
	h := start(t, "stop hangs").serve()
	h.stop(100 * time.Millisecond)
	h.signal(syscall.SIGTERM)
	for range 20 { // it answers calls long after the grace
		time.Sleep(20 * time.Millisecond)
		if _, err := h.module.Describe(t.Context(), &modulev1.DescribeRequest{}); err != nil {
			t.Fatal(err)
		}
	}
	h.signal(syscall.SIGKILL)
	if code := h.exited(); code != -1 {
		t.Fatalf("exit code %d", code)
	}
}

func TestAStartHookThatFailsServesNothing(t *testing.T) {
	for module, want := range map[string]string{"start fails": "no database", "start panics": "the Start hook panicked: no database"} {
		h := start(t, module)
		_, err := h.module.Start(t.Context(), &modulev1.StartRequest{})
		if status.Code(err) != codes.FailedPrecondition || status.Convert(err).Message() != want {
			t.Errorf("%s: got %v", module, err)
		}
		if got, _, err := h.probe(t.Context()); got != healthpb.HealthCheckResponse_NOT_SERVING || err != nil {
			t.Errorf("%s: health is %v and %v", module, got, err)
		}
	}
}

func TestAModuleThatIsNotWellSaysWhy(t *testing.T) {
	for module, want := range map[string]string{"sick": "no\ndatabase", "health panics": "the Health hook panicked: no database"} {
		h := start(t, module).serve()
		for range 3 {
			got, reason, err := h.probe(t.Context())
			if got != healthpb.HealthCheckResponse_NOT_SERVING || reason != want || err != nil {
				t.Errorf("%s: got %v, %q and %v", module, got, reason, err)
			}
		}
		h.logged("the module is not well")
		h.mustGet("/sample")
		h.stop(patience)
		h.exited()
		if n := strings.Count(h.log.String(), "the module is not well"); n != 1 {
			t.Errorf("%s: said %d times", module, n)
		}
	}
}

func TestAHealthHookThatHangsIsNotCalledAgain(t *testing.T) {
	h := start(t, "health hangs").serve()
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	// Either side may be the first to find that the time is over.
	if got, _, err := h.probe(ctx); err == nil && got != healthpb.HealthCheckResponse_NOT_SERVING {
		t.Fatalf("got %v", got)
	} else if err != nil && status.Code(err) != codes.DeadlineExceeded {
		t.Fatal(err)
	}
	got, reason, err := h.probe(t.Context())
	if got != healthpb.HealthCheckResponse_NOT_SERVING || !strings.Contains(reason, "not returned yet") || err != nil {
		t.Fatalf("got %v, %q and %v", got, reason, err)
	}
}

func TestAClosedControlConnectionStopsTheModule(t *testing.T) {
	h := start(t, "hooks").serve()
	h.client.Kill() // go-plugin's own way: its Shutdown call
	if code := h.exited(); code != 0 {
		t.Fatalf("exit code %d\n%s", code, h.log)
	}
	h.logged("hook stop")
}

func TestBirthRightsAreNotPassedOn(t *testing.T) {
	h := start(t, "plain").serve()
	for line := range strings.Lines(h.mustGet("/sample/born")) {
		for _, bad := range []string{"LISTEN_", wire.EnvNonce, nonce, "inheritable"} {
			if strings.Contains(line, bad) {
				t.Errorf("it has %s", line)
			}
		}
	}
}

func TestAModuleRunByHandSaysWhatItIs(t *testing.T) {
	for module, want := range map[string][]string{
		"plain":             {"This is sample@1.2.3, a module for Segue; it answers /sample.", "cp /proc/self/exe modules/", "segue deploy /proc/self/exe"},
		"unmarked manifest": {"Begin module.yaml with the line `--- # segue:module/v1`", "exe.module.yaml"},
		"no manifest":       {"the module has no manifest; embed module.yaml"},
		"wrong manifest":    {`line 1: name "../x": is a path, not a name`, "version: is missing"},
		"no handler":        {"the module has no handler; give sdk.Serve an http.Handler"},
	} {
		cmd := exec.Command("/proc/self/exe")
		cmd.Env = []string{roleEnv + "=" + module}
		out, err := cmd.CombinedOutput()
		if cmd.ProcessState.ExitCode() != 1 {
			t.Errorf("%s: %v", module, err)
		}
		for _, part := range want {
			if !strings.Contains(string(out), part) {
				t.Errorf("%s: no %q in\n%s", module, part, out)
			}
		}
	}
}

func TestAListenerForAnotherProcessIsRefused(t *testing.T) {
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = []string{roleEnv + "=plain", wire.CookieKey + "=" + wire.CookieValue, "LISTEN_PID=1", "LISTEN_FDS=1"}
	out, _ := cmd.CombinedOutput()
	if code := cmd.ProcessState.ExitCode(); code != 1 || !strings.Contains(string(out), "the listener is for another process") {
		t.Fatalf("exit code %d and %s", code, out)
	}
}

func TestMustParseSaysWhatIsWrong(t *testing.T) {
	if m := sdk.MustParse(text); m.Name != "sample" || m.Version != "1.2.3" {
		t.Fatalf("got %+v", m)
	}
	defer func() {
		if got, _ := recover().(string); !strings.Contains(got, "version: is missing") {
			t.Fatalf("got %q", got)
		}
	}()
	sdk.MustParse("name: a")
}
