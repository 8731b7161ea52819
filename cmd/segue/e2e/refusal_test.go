package e2e_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/segue-run/segue/runtime/module"
)

func TestWhatIsNoModuleIsRefusedWithOneEventEach(t *testing.T) {
	s := started(t, instantly)
	s.drop(release("1.0.0"), "hello")
	s.awaitStable("1.0.0")
	foreign, err := os.ReadFile(release("1.1.0"))
	must(t, err)
	foreign[18], foreign[19] = 0xb7, 0 // e_machine: AArch64
	if os.Getenv("GOARCH") == "arm64" {
		foreign[18] = 0x3e
	}
	in := func(name string) string { return filepath.Join(s.modules, name) }
	plain, err := os.ReadFile("/bin/true")
	must(t, err)
	must(t, os.WriteFile(in("notes.txt"), []byte("remember the milk\n"), 0o644))
	must(t, os.WriteFile(in("script.sh"), []byte("#!/bin/sh\necho hello\n"), 0o755))
	must(t, os.WriteFile(in("foreign"), foreign, 0o755))
	must(t, os.WriteFile(in("plain-elf"), plain, 0o755))
	must(t, os.WriteFile(in("empty"), nil, 0o755))
	must(t, os.WriteFile(in("truncated"), foreign[:len(foreign)/2], 0o755))
	must(t, os.Mkdir(in("directory"), 0o755))
	must(t, os.Symlink("/nonexistent/hello", in("dangling")))
	must(t, syscall.Mkfifo(in("fifo"), 0o644))
	for name, text := range map[string]string{
		"notes.txt": "text file", "script.sh": "script", "foreign": "linux/", "plain-elf": "no manifest", "empty": "empty",
		"truncated": "", "directory": "directory", "dangling": "link", "fifo": "fifo",
	} {
		ev := s.awaitEvent(module.OfferRefused, name, text)
		if ev.Reason == "" || ev.Actor == "" {
			t.Errorf("%s: %+v", name, ev)
		}
	}
	time.Sleep(3 * time.Second)
	for name, n := range countByFile(s.eventsOf(module.OfferRefused, "")) {
		if n != 1 {
			t.Errorf("%s was refused %d times", name, n)
		}
	}
	if status, by, _ := s.served("/hello/version"); status != 200 || by != "hello@1.0.0" {
		t.Errorf("%d by %s", status, by)
	}
}

func countByFile(events []module.Event) map[string]int {
	counts := map[string]int{}
	for _, ev := range events {
		counts[ev.File]++
	}
	return counts
}

func TestAModuleThatNeverShakesHandsIsTakenBack(t *testing.T) {
	s := started(t, instantly)
	s.drop(chaos("mute"), "mute")
	ev := s.awaitEvent(module.RolloutFailed, "", "shake hands")
	if ev.Module == "" {
		t.Errorf("event %+v", ev)
	}
}

// patched is a copy of a release with its embedded manifest changed; both texts have
// the same length.
func patched(t *testing.T, path string, pairs ...string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	must(t, err)
	for i := 0; i < len(pairs); i += 2 {
		from, to := []byte(pairs[i]), []byte(pairs[i+1])
		if len(from) != len(to) || !bytes.Contains(data, from) {
			t.Fatalf("cannot patch %q to %q", from, to)
		}
		data = bytes.ReplaceAll(data, from, to)
	}
	out := filepath.Join(t.TempDir(), "patched")
	must(t, os.WriteFile(out, data, 0o755))
	return out
}

// padded is a copy of a release with other bytes and the same behaviour.
func padded(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	must(t, err)
	out := filepath.Join(t.TempDir(), "padded")
	must(t, os.WriteFile(out, append(data, "more"...), 0o755))
	return out
}

func TestTheSameVersionWithOtherBytesIsRefused(t *testing.T) {
	s := started(t, instantly)
	s.drop(release("1.0.0"), "hello")
	before := s.awaitStable("1.0.0")
	s.drop(padded(t, release("1.0.0")), "hello-again")
	s.awaitEvent(module.OfferRefused, "hello-again", "raise the version")
	if after := s.awaitStable("1.0.0"); after.Stable.PID != before.Stable.PID {
		t.Error("stable was disturbed")
	}
}

func TestTwoModulesCannotHaveOneRoute(t *testing.T) {
	s := started(t, instantly)
	s.drop(release("1.0.0"), "hello")
	s.awaitStable("1.0.0")
	s.drop(patched(t, release("1.0.0"), "name: hello", "name: hallo"), "hallo")
	ev := s.awaitEvent(module.OfferRefused, "hallo", "module hello has this route already")
	if !strings.Contains(ev.Reason, "routes[0].path") {
		t.Errorf("reason %q", ev.Reason)
	}
}

func TestABadManifestIsRefusedAndNamesTheField(t *testing.T) {
	good := "name: other\nversion: 1.0.0\nroutes: [{path: /other}]\n"
	for name, c := range map[string]struct{ text, want string }{
		"unknown-field": {good + "colour: red\n", "colour"},
		"wrong-version": {strings.Replace(good, "1.0.0", "one", 1), "version"},
		"path-name":     {strings.Replace(good, "name: other", "name: ../x", 1), "name"},
		"no-routes":     {"name: other\nversion: 1.0.0\n", "routes"},
		"not-yaml":      {"name: [\n", "line 1"},
		"ten-megabytes": {good + "description: " + strings.Repeat("x", 10<<20) + "\n", "too big"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := started(t, instantly)
			must(t, os.WriteFile(filepath.Join(s.modules, name+".module.yaml"), []byte(c.text), 0o644))
			must(t, copyFile("/bin/true", filepath.Join(s.modules, name)))
			ev := s.awaitEvent(module.OfferRefused, name, "")
			if !strings.Contains(strings.ToLower(ev.Reason), c.want) {
				t.Errorf("reason %q does not name %q", ev.Reason, c.want)
			}
			entries, err := os.ReadDir(filepath.Dir(s.modules))
			must(t, err)
			for _, e := range entries {
				if e.Name() == "x" {
					t.Error("a manifest's name became a path")
				}
			}
		})
	}
}
