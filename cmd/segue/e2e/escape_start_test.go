package e2e_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/segue-run/segue/plugins/chaos/escape/attack"
	"github.com/segue-run/segue/runtime/module"
)

// What modules try while they start: the release that serves goes on serving.
func TestAModuleThatLiesWhileItStartsNeverServes(t *testing.T) {
	for _, a := range attack.All {
		var file string
		switch a.Module {
		case "handshake":
			if a.Name == "handshake-twofold" {
				continue
			}
			_, how, _ := strings.Cut(a.Name, "-")
			file = patched(t, chaos("handshake"), "version: 2.0.0-outside", "version: 2.0.0-"+how)
		case "mute", "liar":
			file = chaos(a.Module)
		default:
			continue
		}
		t.Run(a.Name, func(t *testing.T) {
			t.Parallel()
			s := started(t, instantly)
			s.drop(release("1.0.0"), "hello")
			pid := s.awaitStable("1.0.0").Stable.PID
			s.drop(file, "hello-next")
			s.awaitEvent(module.RolloutFailed, "", "")
			st := s.awaitStable("1.0.0")
			if status, by, _ := s.served("/hello/version"); status != 200 || by != "hello@1.0.0" || st.Stable.PID != pid {
				t.Errorf("%d by %s, process %d after %d", status, by, st.Stable.PID, pid)
			}
			s.noneLeft(others(t, s.proc.Process.Pid, pid))
		})
	}
}

// others are the children of a process without one.
func others(t *testing.T, parent, but int) (list []int) {
	for _, pid := range children(t, parent) {
		if pid != but {
			list = append(list, pid)
		}
	}
	return list
}

func TestASecondHandshakeIsOnlyALineInTheLog(t *testing.T) {
	s := started(t, instantly)
	s.drop(patched(t, chaos("handshake"), "version: 2.0.0-outside", "version: 2.0.0-twofold"), "hello")
	s.awaitStable("2.0.0-twofold")
	if status, by, _ := s.served("/hello/version"); status != 200 || by != "hello@2.0.0-twofold" {
		t.Errorf("%d by %s", status, by)
	}
	s.eventually("the second handshake is in the log", func() error {
		if !strings.Contains(s.log.String(), "other.sock") {
			return os.ErrNotExist
		}
		return nil
	})
}

func TestAManifestThatGrowsWhenItIsReadIsRefused(t *testing.T) {
	s := started(t, instantly)
	var bomb strings.Builder
	bomb.WriteString("name: bomb\nversion: 1.0.0\nroutes: [{path: /bomb}]\na0: &a0 [x, x, x, x, x, x, x, x, x]\n")
	for n := range 12 {
		fmt.Fprintf(&bomb, "a%d: &a%d [*a%d, *a%d, *a%d, *a%d, *a%d, *a%d, *a%d, *a%d, *a%d]\n", n+1, n+1, n, n, n, n, n, n, n, n, n)
	}
	deep := "name: bomb\nversion: 1.0.0\nroutes: " + strings.Repeat("[", 50_000) + strings.Repeat("]", 50_000) + "\n"
	for name, text := range map[string]string{"bomb": bomb.String(), "deep": deep} {
		must(t, os.WriteFile(filepath.Join(s.modules, name+".module.yaml"), []byte(text), 0o644))
		must(t, copyFile("/bin/true", filepath.Join(s.modules, name)))
		s.awaitEvent(module.OfferRefused, name, "")
	}
	s.drop(release("1.0.0"), "hello")
	s.awaitStable("1.0.0")
}

// A module that has tried everything that could let it live on.
func TestNothingOfAModuleOutlivesTheHostThatIsKilled(t *testing.T) {
	p := newPrison(t, "")
	for _, name := range []string{"setsid", "clear-pdeathsig", "double-fork", "fork"} {
		a, _ := attack.ByName(name)
		p.judge(a, p.try(a))
	}
	pids := descendants(t, p.proc.Process.Pid)
	if len(pids) < 2 {
		t.Fatalf("the runtime has the processes %v", pids)
	}
	p.kill()
	p.noneLeft(pids)
}

// descendants are the processes below one.
func descendants(t *testing.T, pid int) (list []int) {
	for _, child := range children(t, pid) {
		list = append(append(list, child), descendants(t, child)...)
	}
	return list
}
