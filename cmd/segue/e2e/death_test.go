package e2e_test

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/segue-run/segue/runtime/module"
)

// alive reports whether a process exists and is no zombie.
func alive(pid int) bool {
	stat, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "stat"))
	return err == nil && !strings.Contains(string(stat), ") Z ")
}

// children are the processes whose parent is pid.
func children(t *testing.T, pid int) []int {
	t.Helper()
	var list []int
	entries, err := os.ReadDir("/proc")
	must(t, err)
	for _, e := range entries {
		child, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		stat, err := os.ReadFile(filepath.Join("/proc", e.Name(), "stat"))
		if err != nil {
			continue
		}
		fields := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
		if len(fields) > 1 && fields[1] == strconv.Itoa(pid) {
			list = append(list, child)
		}
	}
	return list
}

func TestKilledAtAnyMomentOfAnActivationTheNextStartFinishesOrTakesBack(t *testing.T) {
	// The moments are spread over the time that an activation takes, from the drop to
	// the end of its last step.
	for moment := range 12 {
		wait := time.Duration(moment*moment) * 12 * time.Millisecond
		t.Run(fmt.Sprint(wait), func(t *testing.T) {
			t.Parallel()
			s := started(t, "rollout: {strategy: gradual, steps: [25%, 100%], hold: 500ms, limit: 700ms}\n")
			s.drop(release("1.0.0"), "hello")
			s.awaitStable("1.0.0")
			s.drop(release("1.1.0"), "hello")
			time.Sleep(wait)
			modules := children(t, s.proc.Process.Pid)
			s.kill()
			s.noneLeft(modules)
			s.start()
			if status, by, _ := s.served("/hello/version"); status != 200 || by != "hello@1.0.0" && by != "hello@1.1.0" {
				t.Errorf("after the restart: %d by %s", status, by)
			}
			s.awaitStable("1.1.0")
		})
	}
}

// noneLeft waits until none of the processes lives any more.
func (s *site) noneLeft(pids []int) {
	s.t.Helper()
	s.eventually("no module outlives the host", func() error {
		for _, pid := range pids {
			if alive(pid) {
				return fmt.Errorf("process %d lives", pid)
			}
		}
		return nil
	})
}

func TestNoModuleOutlivesTheHostHoweverItDies(t *testing.T) {
	for _, sig := range []syscall.Signal{syscall.SIGKILL, syscall.SIGABRT, syscall.SIGSEGV, syscall.SIGTERM, syscall.SIGINT} {
		t.Run(sig.String(), func(t *testing.T) {
			t.Parallel()
			s := started(t, instantly)
			s.drop(release("1.0.0"), "hello")
			pid := s.awaitStable("1.0.0").Stable.PID
			must(t, s.proc.Process.Signal(sig))
			s.wait()
			s.noneLeft([]int{pid})
		})
	}
}

func TestTerminatedWhileShiftingItFinishesRequestsInFlightAndExitsZero(t *testing.T) {
	s := started(t, "rollout: {strategy: gradual, steps: [50%, 100%], hold: 1h}\n")
	s.drop(release("1.0.0"), "hello")
	s.awaitStable("1.0.0")
	s.drop(release("2.0.0-slow"), "hello-slow") // each answer takes 300 ms
	s.awaitStatus("it shifts", func(st module.Status) bool { return st.Candidate != nil && st.Candidate.Weight == 5000 })
	results := make(chan error, 8)
	for range cap(results) {
		go func() {
			resp, err := client.Get(s.url("/hello/version"))
			if err == nil {
				resp.Body.Close()
				if resp.StatusCode != http.StatusOK {
					err = errors.New(resp.Status)
				}
			}
			results <- err
		}()
	}
	time.Sleep(100 * time.Millisecond)
	if code := s.stop(); code != 0 {
		t.Errorf("exit code %d", code)
	}
	for range cap(results) {
		if err := <-results; err != nil {
			t.Errorf("a request in flight: %v", err)
		}
	}
	s.start()
	s.awaitStatus("the rollout goes on", func(st module.Status) bool {
		return st.Stable.Version == "1.0.0" && st.Candidate != nil && st.Candidate.Weight == 5000
	})
}

func TestAStableThatCrashesIsRestartedAndItsRequestsWait(t *testing.T) {
	s := started(t, instantly)
	s.drop(release("1.0.0"), "hello")
	pid := s.awaitStable("1.0.0").Stable.PID
	must(t, syscall.Kill(pid, syscall.SIGKILL))
	// Until its last thread is gone the kernel still takes connections for it; from
	// when the runtime has noticed, no request may fail.
	s.awaitEvent(module.InstanceCrashed, "", "killed")
	if status, by, body := s.served("/hello/version"); status != 200 || by != "hello@1.0.0" {
		t.Errorf("%d by %s: %s", status, by, body)
	}
	st := s.awaitStatus("it has a new process", func(st module.Status) bool {
		return st.State == module.Active && st.Stable.PID != pid && st.Stable.PID != 0
	})
	if st.Stable.Restarts != 1 {
		t.Errorf("%d restarts", st.Stable.Restarts)
	}
}

func TestASecondRuntimeOnOneStateDirectoryIsRefused(t *testing.T) {
	s := started(t, instantly)
	out, code := s.try("run", "--modules", s.modules, "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0")
	if code != 1 || !strings.Contains(out, strconv.Itoa(s.proc.Process.Pid)) {
		t.Errorf("exit code %d: %s", code, out)
	}
}

func TestAPortInUseIsRefusedAndNamed(t *testing.T) {
	s := started(t, instantly)
	other := newSite(t, "")
	for _, flag := range []string{"--listen", "--admin"} {
		args := []string{"run", "--modules", other.modules, "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0", flag, s.info.ListenAddr}
		out, code := other.try(args...)
		if code != 1 || !strings.Contains(out, s.info.ListenAddr) || !strings.Contains(out, flag) {
			t.Errorf("%s: exit code %d: %s", flag, code, out)
		}
	}
}

func TestAStateDirectoryThatCannotBeUsedIsRefusedAndNamed(t *testing.T) {
	s := newSite(t, "")
	must(t, os.WriteFile(s.state, []byte("a file, not a directory"), 0o600))
	out, code := s.try("run", "--modules", s.modules, "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0")
	if code != 1 || !strings.Contains(out, s.state) {
		t.Errorf("exit code %d: %s", code, out)
	}
}

func TestCorruptStateIsToldAndNeverTakenForEmpty(t *testing.T) {
	s := started(t, instantly)
	s.drop(release("1.0.0"), "hello")
	s.awaitStable("1.0.0")
	s.stop()
	spoilt := 0
	must(t, filepath.Walk(filepath.Join(s.state, "jetstream"), func(path string, info os.FileInfo, err error) error {
		if err == nil && info.Mode().IsRegular() && strings.HasSuffix(path, ".blk") && info.Size() > 0 {
			spoilt++
			return os.WriteFile(path, []byte(strings.Repeat("garbage ", int(info.Size()/8))), 0o600)
		}
		return err
	}))
	if spoilt == 0 {
		t.Fatal("there is nothing to spoil")
	}
	out, code := s.try("run", "--modules", s.modules, "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0")
	if code != 1 || !strings.Contains(out, s.state) {
		t.Errorf("exit code %d: %s", code, out)
	}
}

func TestASecondSignalEndsItAtOnce(t *testing.T) {
	s := started(t, "rollout: {strategy: instant, hold: 0s}\nmodules: {hello: {stop_grace: 1m}}\n")
	s.drop(release("2.0.0-hang"), "hello")
	pid := s.awaitStable("2.0.0-hang").Stable.PID
	must(t, s.proc.Process.Signal(syscall.SIGTERM))
	s.eventually("it stops", func() error {
		if !strings.Contains(s.log.String(), "host.stopping") {
			return errors.New("not yet")
		}
		return nil
	})
	must(t, s.proc.Process.Signal(syscall.SIGTERM))
	s.wait()
	if code := s.proc.ProcessState.ExitCode(); code != 1 {
		t.Errorf("exit code %d", code)
	}
	s.noneLeft([]int{pid})
}
