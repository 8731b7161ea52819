package e2e_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/segue-run/segue/plugins/chaos/escape/attack"
	"github.com/segue-run/segue/runtime/module"
)

// The whole list, under all that this machine and this user have.
func TestNoAttackGetsOutOfTheSandbox(t *testing.T) {
	p := newPrison(t, "")
	t.Logf("level %s, layers %v", p.sandbox.Level, p.on())
	stop := p.world.neighbour(p.site)
	seen := map[string]attack.Outcome{}
	for _, a := range attack.All {
		if a.Module == "" {
			seen[a.Name] = p.attempt(a)
		}
	}
	p.world.intact()
	if n := stop(); n == 0 {
		t.Error("the neighbour was never asked")
	}
	if status, by, _ := p.served("/hello/version"); status != 200 || by != "hello@1.0.0" {
		t.Errorf("at the end: %d by %s", status, by)
	}
	if slices.Contains(p.on(), attack.Landlock) && slices.Contains(p.on(), attack.Seccomp) && p.world.reached.Load() > 0 {
		t.Errorf("the sockets of the test were reached %d times", p.world.reached.Load())
	}
	p.audited()
	checkColumn(t, p.sandbox.Level, seen)
}

// attempt tries an attack and sees to it that the next one finds a process that is well.
func (p *prison) attempt(a attack.Attack) attack.Outcome {
	p.t.Helper()
	before := len(p.log.String())
	r := p.try(a)
	p.judge(a, r)
	if a.Name == "many-files" { // they would count for the next process
		must(p.t, os.RemoveAll(filepath.Join(p.state, "data", "escape", "many")))
	}
	if a.Spoils || r.Outcome == attack.Killed || !alive(p.pid) {
		p.renew()
	}
	switch a.Name {
	case "log-flood":
		// 100 lines a second are let through, and what was asked for before.
		if lines := strings.Count(p.log.String()[before:], "a line of the flood"); lines > 5000 {
			p.t.Errorf("%d of 20,000 lines of the flood came through", lines)
		}
	case "core-dump":
		if strings.Contains(r.Detail, "core dumped") {
			p.t.Errorf("it left a dump: %s", r.Detail)
		}
	case "symlink-trap":
		p.world.intact()
	}
	return r.Outcome
}

// audited checks that denials are in the audit log, with who tried.
func (p *prison) audited() {
	p.t.Helper()
	if !slices.Contains(p.on(), attack.Notify) {
		return
	}
	var records []module.AuditRecord
	must(p.t, json.Unmarshal([]byte(p.segue("audit", "--limit", "1000", "-o", "json")), &records))
	for _, word := range []string{"ptrace", "mount", "connect"} {
		if !slices.ContainsFunc(records, func(r module.AuditRecord) bool {
			return strings.HasPrefix(r.Target, "escape") && strings.Contains(r.Action, word)
		}) {
			p.t.Errorf("no audit record says that escape tried %s", word)
		}
	}
}

// fewer are layers that are left out together.
var fewer = []string{
	"user-namespace, pid-namespace, ipc-namespace, network-namespace",
	"notify",
	"own-user, cgroup-memory, cgroup-cpu, cgroup-pids",
	"notify, user-namespace, pid-namespace, ipc-namespace, network-namespace, own-user, cgroup-memory, cgroup-cpu, cgroup-pids",
}

// Kernels that have less, imitated by the setting that leaves layers out.
func TestWithFewerLayersOnlyWhatTheyAloneHoldGetsOut(t *testing.T) {
	short := []string{
		"fork", "fork-bomb", "thread-bomb", "heap-bomb", "descriptor-flood", "exec-shell", "exec-absolute", "read-outside", "write-outside",
		"dotdot", "chmod", "write-artifact", "host-environ", "host-memory", "process-vm-readv", "state-directory", "other-data", "ptrace-host",
		"kill-host", "kill-sibling", "kill-all", "admin-socket", "control-socket", "abstract-socket", "admin-port", "udp-send", "bind-port",
		"raw-socket", "io-uring", "unshare-user", "unshare-net", "mount", "bpf", "message-queue", "raise-rlimits", "clear-pdeathsig",
	}
	for _, without := range fewer {
		t.Run(without, func(t *testing.T) {
			p := newPrison(t, "sandbox: {require: none, without: ["+without+"]}\n")
			t.Logf("level %s, layers %v", p.sandbox.Level, p.on())
			for _, layer := range strings.Split(without, ", ") {
				if slices.Contains(p.on(), layer) {
					t.Errorf("%s is there all the same", layer)
				}
			}
			stop := p.world.neighbour(p.site)
			var out []string
			for _, name := range short {
				a, known := attack.ByName(name)
				if !known {
					t.Fatalf("there is no attack %s", name)
				}
				if p.attempt(a) == attack.Escaped {
					out = append(out, name)
				}
			}
			p.world.intact()
			if stop() == 0 {
				t.Error("the neighbour was never asked")
			}
			checkFewer(t, without, out)
		})
	}
}

// Without a file system to hold it in, or without a filter, escape itself refuses.
func TestEscapeRefusesWhereALayerIsMissingThatKeepsTheMachineSafe(t *testing.T) {
	for _, layer := range []string{attack.Landlock, attack.Seccomp} {
		t.Run(layer, func(t *testing.T) {
			p := newPrison(t, "sandbox: {require: none, without: ["+layer+"]}\n")
			for _, a := range attack.All {
				if a.Module != "" {
					continue
				}
				resp, err := attacker.Post(p.url("/escape/"+a.Name+"?"+p.targets.Encode()), "", nil)
				must(t, err)
				resp.Body.Close()
				if resp.StatusCode != 503 {
					t.Errorf("%s: %s", a.Name, resp.Status)
				}
			}
			if !alive(p.pid) {
				t.Error("it has died of nothing")
			}
		})
	}
}

func TestALevelThatIsNotReachedStartsNothing(t *testing.T) {
	s := newSite(t, "sandbox: {require: confined, without: [landlock]}\n")
	out, code := s.try("run", "--modules", s.modules, "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0")
	if code != 1 || !strings.Contains(out, "sandbox.require") || !strings.Contains(out, "segue doctor") {
		t.Errorf("exit code %d: %s", code, out)
	}
}
