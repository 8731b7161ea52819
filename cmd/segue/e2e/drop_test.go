package e2e_test

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/segue-run/segue/runtime/module"
)

// run runs a command of the system.
func runTool(name string, args ...string) error {
	if out, err := exec.Command(name, args...).CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w: %s", name, err, out)
	}
	return nil
}

// slowly writes a file piece by piece, with pauses, in one open or reopening it for
// each piece.
func slowly(from, to string, reopen bool) error {
	data, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	f, err := os.OpenFile(to, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o755)
	if err != nil {
		return err
	}
	const pieces = 5
	for i := range pieces {
		if reopen && i > 0 {
			if f, err = os.OpenFile(to, os.O_WRONLY|os.O_APPEND, 0o755); err != nil {
				return err
			}
		}
		if _, err := f.Write(data[i*len(data)/pieces : (i+1)*len(data)/pieces]); err != nil {
			return err
		}
		if reopen || i == pieces-1 {
			if err := f.Close(); err != nil {
				return err
			}
		}
		if i < pieces-1 {
			time.Sleep(time.Second)
		}
	}
	return nil
}

func overwrite(from, to string) error {
	src, err := os.Open(from)
	if err != nil {
		return err
	}
	defer src.Close()
	dst, err := os.OpenFile(to, os.O_WRONLY|os.O_TRUNC, 0)
	if err != nil {
		return err
	}
	if _, err := io.Copy(dst, src); err != nil {
		return err
	}
	return dst.Close()
}

func TestEveryWayOfDroppingAFileEndsInOneActivationOfTheWholeFile(t *testing.T) {
	for name, put := range map[string]func(from, to string) error{
		"cp": func(from, to string) error { return runTool("cp", from, to) },
		"mv": func(from, to string) error {
			beside := to + ".elsewhere"
			defer os.Remove(beside)
			outside := filepath.Join(filepath.Dir(filepath.Dir(to)), "outside")
			if err := copyFile(from, outside); err != nil {
				return err
			}
			return runTool("mv", outside, to)
		},
		// rsync takes files of one size, written in one second, for the same: two builds
		// of one module often are. Hence --checksum.
		"rsync":                func(from, to string) error { return runTool("rsync", "-a", "--checksum", from, to) },
		"rsync in place":       func(from, to string) error { return runTool("rsync", "-a", "--checksum", "--inplace", from, to) },
		"scp":                  func(from, to string) error { return runTool("scp", "-q", from, to) },
		"install":              func(from, to string) error { return runTool("install", "-m", "755", from, to) },
		"slow writer":          func(from, to string) error { return slowly(from, to, false) },
		"slow appender":        func(from, to string) error { return slowly(from, to, true) },
		"a link":               func(from, to string) error { return runTool("ln", "-sfn", from, to) },
		"copy without x bit":   func(from, to string) error { return runTool("install", "-m", "644", from, to) },
		"remove and copy anew": func(from, to string) error { _ = os.Remove(to); return copyFile(from, to) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := started(t, "rollout: {strategy: instant, hold: 0s}\n")
			to := filepath.Join(s.modules, "hello")
			for i, version := range []string{"1.0.0", "1.1.0"} {
				must(t, put(release(version), to))
				s.awaitStable(version)
				time.Sleep(500 * time.Millisecond) // whatever would come of it by mistake
				if got := s.eventsOf(module.RolloutPromoted, ""); len(got) != i+1 {
					t.Errorf("%d activations after %s: %v", len(got), version, got)
				}
				if _, by, _ := s.served("/hello/version"); by != "hello@"+version {
					t.Errorf("%s answers", by)
				}
			}
			for _, typ := range []module.EventType{module.RolloutFailed, module.RolloutRolledBack} {
				if got := s.eventsOf(typ, ""); len(got) > 0 {
					t.Errorf("events %v", got)
				}
			}
			if name != "slow appender" { // which may rest so long that the part is named as truncated
				if got := s.eventsOf(module.OfferRefused, ""); len(got) > 0 {
					t.Errorf("events %v", got)
				}
			}
		})
	}
}

func TestOverwritingInPlaceIsOneActivation(t *testing.T) {
	s := started(t, "rollout: {strategy: instant, hold: 0s}\n")
	to := filepath.Join(s.modules, "hello")
	must(t, copyFile(release("1.0.0"), to))
	s.awaitStable("1.0.0")
	must(t, overwrite(release("1.1.0"), to))
	s.awaitStable("1.1.0")
	time.Sleep(500 * time.Millisecond) // whatever would come of it by mistake
	if got := s.eventsOf(module.RolloutPromoted, ""); len(got) != 2 {
		t.Errorf("activations %v", got)
	}
}

func TestAFileThatIsOpenedForWritingWhileItIsTakenIsStillTaken(t *testing.T) {
	s := started(t, "rollout: {strategy: instant, hold: 0s}\n")
	to := filepath.Join(s.modules, "hello")
	must(t, copyFile(release("1.0.0"), to))
	for end := time.Now().Add(time.Second); time.Now().Before(end); { // a scanner that writes nothing
		f, err := os.OpenFile(to, os.O_RDWR, 0)
		must(t, err)
		must(t, f.Close())
	}
	s.awaitStable("1.0.0")
}

func TestAFileRemovedHalfWayIsNothing(t *testing.T) {
	s := started(t, instantly)
	to := filepath.Join(s.modules, "hello")
	f, err := os.Create(to)
	must(t, err)
	data, err := os.ReadFile(release("1.0.0"))
	must(t, err)
	_, err = f.Write(data[:len(data)/2])
	must(t, err)
	time.Sleep(300 * time.Millisecond)
	must(t, os.Remove(to))
	must(t, f.Close())
	s.drop(release("1.1.0"), "another")
	s.awaitStable("1.1.0")
	if got := s.eventsOf("", "hello"); len(got) > 0 {
		t.Errorf("events %v", got)
	}
	for _, ev := range s.events() {
		if ev.File == "hello" {
			t.Errorf("event %v", ev)
		}
	}
}

func TestFilesDroppedWhileTheRuntimeIsDownAreFoundAtTheStart(t *testing.T) {
	s := newSite(t, instantly)
	s.drop(release("1.0.0"), "hello")
	s.start()
	s.awaitStable("1.0.0")
	if code := s.stop(); code != 0 {
		t.Errorf("exit code %d", code)
	}
	s.drop(release("1.1.0"), "hello")
	s.start()
	s.awaitStable("1.1.0")
	s.stop()
	s.start() // nothing new: nothing happens
	s.awaitStable("1.1.0")
	if got := s.eventsOf(module.OfferAccepted, ""); len(got) != 2 {
		t.Errorf("accepted offers %v", got)
	}
}
