package sdk_test

import (
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/segue-run/segue/sdk/wire"
)

func TestWhateverAnAuthorPrintsArrives(t *testing.T) {
	h := start(t, "plain").serve()
	h.mustGet("/sample/print")
	h.logged("by stderr")
	for part, want := range map[string]map[string]any{
		"by package log": {"@level": "info", "@message": "by package log"},
		"by slog":        {"@level": "warn", "@message": "by slog", "n": 1.0},
		"by logger":      {"@level": "error", "@message": "by logger", "time_": "t", "level_": []any{7.0}, "msg_": 5.0, "message_": 6.0, "timestamp_": 8.0},
		"by group":       {"@level": "debug", "@message": "by group", "msg_": "m", "g": map[string]any{"msg": "inner"}},
		"by trace":       {"@level": "trace", "@message": "by trace"},
	} {
		var got map[string]any
		line := h.logged(part)
		if err := json.Unmarshal([]byte(line), &got); err != nil {
			t.Errorf("%s: %v", line, err)
			continue
		}
		if stamp, _ := got["@timestamp"].(string); stamp == "" {
			t.Errorf("%s has no @timestamp", line)
		}
		for key, value := range want {
			if a, b := encode(got[key]), encode(value); a != b {
				t.Errorf("%s: %s is %s, want %s (of %v)", part, key, a, b, slices.Sorted(maps.Keys(got)))
			}
		}
	}
	if line := h.logged("long long"); len(line) > 32<<10 || !strings.HasSuffix(line, "}") {
		t.Errorf("a long message makes a line of %d bytes", len(line))
	}
}

func encode(v any) string {
	text, _ := json.Marshal(v)
	return string(text)
}

// TestTheLastWordsOfAProcessAreNotLost reads the process's own pipes, as the
// runtime does: go-plugin's client throws away what comes on standard output.
func TestTheLastWordsOfAProcessAreNotLost(t *testing.T) {
	cmd, client := command(t, "plain")
	cmd.Env = append(cmd.Env, wire.CookieKey+"="+wire.CookieValue)
	stdout, stderr := &record{}, &record{}
	cmd.Stdout, cmd.Stderr = stdout, stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill() })
	wait(t, "the handshake", func() bool { return strings.Contains(stdout.String(), "\n") })
	fields := strings.Split(stdout.String(), "|")
	conn, err := grpc.NewClient("unix:"+fields[3], append(knowing, grpc.WithTransportCredentials(insecure.NewCredentials()))...)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	h := &host{t: t, cmd: cmd, http: client, log: stderr}
	h.connect(conn)
	h.serve()
	// A request on a kept connection would be sent again to the listener, which the
	// test holds open and nobody serves.
	client.Transport.(*http.Transport).DisableKeepAlives = true
	h.mustGet("/sample/print")
	h.get("/sample/exit")
	if cmd.Wait(); cmd.ProcessState.ExitCode() != 7 {
		t.Errorf("exit code %d", cmd.ProcessState.ExitCode())
	}
	for text, parts := range map[string][]string{
		stdout.String(): {"by fmt\n", "a last word on standard output\n"},
		stderr.String(): {"by stderr\n", "a last word on standard error\n"},
	} {
		for _, part := range parts {
			if !strings.Contains(text, part) {
				t.Errorf("no %q in\n%s", part, text)
			}
		}
	}
}
