package e2e_test

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/segue-run/segue/runtime/module"
)

// impossible are rollouts that cannot be, as flags, a query and settings write them.
var impossible = []struct{ field, value, want string }{
	{"steps", "50%,20%,100%", "does not rise"},
	{"steps", "50%,50%,100%", "does not rise"},
	{"steps", "50%,150%", "more than the whole"},
	{"steps", "1%,50%", "not the whole"},
	{"steps", "0%,100%", ""},
	{"steps", "-1%,100%", ""},
	{"hold", "-1s", "negative"},
	{"hold", "soon", "no duration"},
	{"limit", "0s", "no time"},
	{"limit", "-5m", "no time"},
	{"strategy", "yolo", "gradual"},
	{"strategy", "Gradual", "gradual"},
	{"max_errors", "101%", "more than the whole"},
	{"max_slow", "-1%", ""},
	{"min_requests", "0", "no count"},
	{"min_requests", "-3", ""},
	{"unproven", "shrug", "proceed"},
}

func TestARolloutThatCannotBeIsRefusedAsAFlagAQueryAndASetting(t *testing.T) {
	s := serving(t, instantly)
	socket := &http.Client{Timeout: patience, Transport: &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "unix", filepath.Join(s.state, "run", "admin.sock"))
	}}}
	other := newSite(t, "")
	for _, c := range impossible {
		refused := func(where, text string, ok bool) {
			t.Helper()
			if name := strings.NewReplacer("-", "_").Replace(text); !ok || !strings.Contains(text, c.want) || !strings.Contains(name, c.field) {
				t.Errorf("%s %s as %s: %s", c.field, c.value, where, text)
			}
		}
		out, code := s.try("deploy", release("1.1.0"), "--"+strings.ReplaceAll(c.field, "_", "-")+"="+c.value)
		refused("a flag", out, code == 2)

		resp, err := socket.Post("http://segue/v1/deploy?"+url.Values{c.field: {c.value}}.Encode(), "application/octet-stream", strings.NewReader("nothing"))
		must(t, err)
		body, err := io.ReadAll(resp.Body)
		must(t, err)
		resp.Body.Close()
		refused("a query", string(body), resp.StatusCode/100 == 4)

		value := c.value
		if c.field == "steps" {
			value = "[" + value + "]"
		}
		for _, yaml := range []string{"rollout: {" + c.field + ": " + value + "}\n", "modules: {hello: {rollout: {" + c.field + ": " + value + "}}}\n"} {
			must(t, os.WriteFile(filepath.Join(other.dir, "segue.yaml"), []byte(yaml), 0o644))
			out, code = other.refusedStart()
			refused("a setting", out, code == 1 && strings.Contains(out, "line 1"))
		}
	}
	if st := s.awaitStable("1.0.0"); st.Rollout.To != "1.0.0" {
		t.Errorf("something came of it: %s", describe(st))
	}
}

// refusedStart is what a runtime says that must not start; one that does is killed.
func (s *site) refusedStart() (string, int) {
	s.t.Helper()
	s.log = &logBuffer{}
	s.launch()
	select {
	case <-s.done:
	case <-time.After(5 * time.Second):
		s.kill()
	}
	return s.log.String(), s.proc.ProcessState.ExitCode()
}

func TestASettingThatCannotBeIsRefusedAtTheStart(t *testing.T) {
	s := newSite(t, "")
	for _, c := range []struct{ yaml, want string }{
		{"{on_new: ignore}", "rollout.on_new"},
		{"{slow_factor: 0.5x}", "rollout.slow_factor"},
		{"{slow_floor: -1s}", "rollout.slow_floor"},
		{"{overdue: 0s}", "rollout.overdue"},
		{"{max_errors_alone: 200%}", "rollout.max_errors_alone"},
		{"{shield: {routes: [post /orders]}}", "rollout.shield.routes"},
		{"{shield: {budget: 101%}}", "rollout.shield.budget"},
		{"{shield: {enabled: perhaps}}", "rollout.shield.enabled"},
		{"{sticky: header}", "rollout.sticky"},
		{"{preview_host: not a host}", "rollout.preview_host"},
		{"{mirror: {share: 101%}}", "rollout.mirror.share"},
		{"{rehearsal: {requests: -1}}", "rollout.rehearsal.requests"},
		{"{rehearsal: {ignore: [time]}}", "rollout.rehearsal.ignore"},
		{"{checks: [GET /hello 99]}", "rollout.checks"},
		{"{hooks: {sometimes: http://127.0.0.1/}}", "sometimes"},
		{"{hook_timeout: 0s}", "rollout.hook_timeout"},
		{"{approvals: [after_promotion]}", "rollout.approvals"},
		{"{approval_timeout: 0s}", "rollout.approval_timeout"},
		{"{freeze: [\"Fri 25:00 - Mon 08:00\"]}", "rollout.freeze"},
		{"{freeze: [\"2027-01-02 - 2026-12-24\"]}", "rollout.freeze"},
		{"{freeze: [\"Fri 16:00 - Mon 08:00 Europe/Nowhere\"]}", "rollout.freeze"},
		{"{signs: {mood: 10%}}", "mood"},
		{"{signs: {crash: 101%}}", "rollout.signs.crash"},
	} {
		must(t, os.WriteFile(filepath.Join(s.dir, "segue.yaml"), []byte("rollout: "+c.yaml+"\n"), 0o644))
		out, code := s.refusedStart()
		if code != 1 || !strings.Contains(out, c.want) || !strings.Contains(out, "line 1") {
			t.Errorf("%s: exit code %d: %s", c.yaml, code, out)
		}
	}
	if _, err := os.Stat(s.state); err == nil {
		t.Error("something was begun all the same")
	}
}

func TestAnAuthorsRolloutThatCannotBeIsRefusedWithItsField(t *testing.T) {
	s := started(t, instantly)
	for name, c := range map[string]struct{ text, want string }{
		"falling":  {"rollout: {strategy: gradual, steps: [50%, 20%, 100%]}", "rollout.steps"},
		"unending": {"rollout: {strategy: gradual, steps: [1%, 50%]}", "rollout.steps"},
		"unknown":  {"rollout: {strategy: yolo}", "rollout.strategy"},
		"foreign":  {"rollout: {hooks: {before_start: http://127.0.0.1/}}", "hooks"},
	} {
		must(t, os.WriteFile(filepath.Join(s.modules, name+".module.yaml"), []byte("name: other\nversion: 1.0.0\nroutes: [{path: /other}]\n"+c.text+"\n"), 0o644))
		must(t, copyFile("/bin/true", filepath.Join(s.modules, name)))
		if ev := s.awaitEvent(module.OfferRefused, name, ""); !strings.Contains(ev.Reason, c.want) {
			t.Errorf("%s: %s", name, ev.Reason)
		}
	}
}
