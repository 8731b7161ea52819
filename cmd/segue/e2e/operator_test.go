package e2e_test

import (
	"encoding/json"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/segue-run/segue/runtime/module"
)

func TestDeployWaitsAndTellsHowItEnded(t *testing.T) {
	s := started(t, "rollout: {strategy: gradual, steps: [50%, 100%], hold: 200ms, limit: 400ms}\n")
	out, code := s.try("deploy", release("1.0.0"), "--wait")
	if code != 0 || !strings.Contains(out, "hello@1.0.0") {
		t.Errorf("exit %d: %s", code, out)
	}
	out, code = s.try("deploy", release("1.1.0"), "--wait", "--strategy", "gradual", "--steps", "10%,100%", "--hold", "300ms")
	if code != 0 || !strings.Contains(out, "10%") {
		t.Errorf("exit %d: %s", code, out)
	}
	st := s.awaitStable("1.1.0")
	if len(st.Rollout.Steps) != 2 || st.Rollout.Steps[0] != 1000 {
		t.Errorf("rollout %+v", st.Rollout)
	}
	out, code = s.try("deploy", release("2.0.0-unready"), "--wait")
	if code != 1 || !strings.Contains(out, "not ready") {
		t.Errorf("exit %d: %s", code, out)
	}
	out, code = s.try("deploy", release("2.0.0-unready"))
	if code != 1 || !strings.Contains(out, "quarantine") || !strings.Contains(out, "--force") {
		t.Errorf("exit %d: %s", code, out)
	}
	if out, code = s.try("deploy", "/etc/passwd"); code != 1 {
		t.Errorf("exit %d: %s", code, out)
	}
}

func TestExitCodesTellRefusedUsageAndNotReachableApart(t *testing.T) {
	s := started(t, instantly)
	for _, c := range []struct {
		args []string
		want int
	}{
		{[]string{"ls"}, 0},
		{[]string{"version"}, 0},
		{[]string{"inspect", release("1.0.0")}, 0},
		{[]string{"inspect", "/etc/passwd"}, 1},
		{[]string{"show", "nobody"}, 1},
		{[]string{"promote", "nobody"}, 1},
		{[]string{"show"}, 2},
		{[]string{"ls", "--nonsense"}, 2},
		{[]string{"nonsense"}, 2},
		{[]string{"deploy", release("1.0.0"), "--steps", "50%,20%"}, 2},
		{[]string{"ls", "--state", filepath.Join(s.dir, "elsewhere")}, 3},
	} {
		if out, code := s.try(c.args...); code != c.want {
			t.Errorf("segue %s exited %d, want %d: %s", strings.Join(c.args, " "), code, c.want, out)
		}
	}
}

func TestEveryChangeLeavesAnAuditRecordWithItsActor(t *testing.T) {
	s := started(t, "rollout: {strategy: gradual, steps: [10%, 100%], hold: 1h}\n")
	s.drop(release("1.0.0"), "hello")
	s.awaitStable("1.0.0")
	s.segue("deploy", release("1.1.0"))
	s.awaitStatus("it shifts", func(st module.Status) bool { return st.Candidate != nil && st.Candidate.Weight == 1000 })
	s.segue("abort", "hello")
	s.try("rollback", "hello") // refused: there is no previous release
	s.segue("rm", "hello")
	var records []module.AuditRecord
	must(t, json.Unmarshal([]byte(s.segue("audit", "-o", "json")), &records))
	var got []string
	for _, r := range records {
		who := r.Actor.Kind
		if r.Actor.UID == nil && who != "segue" {
			t.Errorf("no user id in %+v", r)
		}
		got = append(got, who+" "+r.Action+" "+r.Target+" "+r.Outcome)
	}
	want := []string{"file deploy hello@1.0.0 accepted", "segue promote hello@1.0.0 accepted", "user deploy hello@1.1.0 accepted",
		"user abort hello accepted", "user rollback hello refused", "user remove hello accepted"}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("audit\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestChangesOverTCPAreRefusedAndReadsServed(t *testing.T) {
	s := started(t, instantly)
	s.drop(release("1.0.0"), "hello")
	s.awaitStable("1.0.0")
	admin := "http://" + s.info.AdminAddr
	for _, path := range []string{"/healthz", "/readyz", "/metrics", "/v1/modules", "/v1/modules/hello", "/v1/events", "/v1/openapi.json"} {
		if err := s.get(admin+path, nil); err != nil {
			t.Error(err)
		}
	}
	for _, c := range []struct{ method, path string }{
		{"POST", "/v1/modules/hello/promote"}, {"POST", "/v1/modules/hello/rollback"}, {"DELETE", "/v1/modules/hello"}, {"POST", "/v1/deploy"},
	} {
		req, err := http.NewRequest(c.method, admin+c.path, nil)
		must(t, err)
		resp, err := client.Do(req)
		must(t, err)
		resp.Body.Close()
		if resp.StatusCode != http.StatusForbidden {
			t.Errorf("%s %s: %s", c.method, c.path, resp.Status)
		}
	}
	s.awaitStable("1.0.0")
}

func TestAnotherUserCannotChangeAnything(t *testing.T) {
	if os.Geteuid() != 0 {
		return // only root can become another user; the mode of the socket is tested where it is made
	}
	s := started(t, instantly)
	s.drop(release("1.0.0"), "hello")
	s.awaitStable("1.0.0")
	for _, dir := range []string{filepath.Dir(s.dir), s.dir, s.state, filepath.Join(s.state, "run"), built} {
		must(t, os.Chmod(dir, 0o755)) // as a careless operator would
	}
	must(t, os.Chmod(filepath.Join(s.state, "run", "admin.sock"), 0o777))
	cmd := exec.Command("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", filepath.Join(built, "segue"), "rm", "hello", "--state", s.state)
	out, err := cmd.CombinedOutput()
	if err == nil {
		t.Errorf("another user removed the module: %s", out)
	}
	s.awaitStable("1.0.0")
}

func TestWhatAModuleWritesIsInTheRuntimesLog(t *testing.T) {
	s := started(t, instantly)
	s.drop(chaos("chatty"), "chatty")
	s.awaitStable("1.2.0")
	for _, text := range []string{"a line on standard output", "a line on standard error", "a structured line"} {
		s.eventually(text, func() error { return s.logged(text) })
	}
}

// logged looks for a line of the log that has the text, the module and the release.
func (s *site) logged(text string) error {
	for line := range strings.Lines(s.log.String()) {
		if strings.Contains(line, text) && strings.Contains(line, `"module": "hello"`) && strings.Contains(line, `"release": "hello@1.2.0"`) {
			return nil
		}
	}
	return os.ErrNotExist
}

func TestTheReleaseHeaderCanBeTurnedOff(t *testing.T) {
	s := started(t, instantly+"release_header: false\n")
	s.drop(release("1.0.0"), "hello")
	s.awaitStable("1.0.0")
	if status, by, _ := s.served("/hello/version"); status != 200 || by != "" {
		t.Errorf("%d by %q", status, by)
	}
}
