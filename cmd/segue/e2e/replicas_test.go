package e2e_test

import (
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/segue-run/segue/runtime/module"
)

// awaitMembers waits until a release of so many processes serves as a whole, and gives
// their pids.
func (s *site) awaitMembers(version string, n int) []int {
	s.t.Helper()
	serves := func(m module.Member) bool { return m.State == module.Serving && m.PID != 0 }
	st := s.awaitStatus(fmt.Sprintf("%s serves as %d processes", version, n), func(st module.Status) bool {
		return st.Stable != nil && st.Stable.Version == version && len(st.Stable.Members) == n &&
			!slices.ContainsFunc(st.Stable.Members, func(m module.Member) bool { return !serves(m) })
	})
	var pids []int
	for _, m := range st.Stable.Members {
		pids = append(pids, m.PID)
	}
	return pids
}

func TestAReleaseOfSeveralProcessesOutlivesEachOfThem(t *testing.T) {
	s := started(t, "rollout: {strategy: instant, hold: 0s}\nmodules: {hello: {replicas: 3}}\n")
	s.drop(release("1.0.0"), "hello")
	pids := s.awaitMembers("1.0.0", 3)
	var asked, failed atomic.Int64
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for {
			select {
			case <-stop:
				return
			default:
			}
			asked.Add(1)
			var text string
			if err := s.get(s.url("/hello"), &text); err != nil {
				failed.Add(1)
			}
		}
	}()
	for n := range 3 {
		must(t, syscall.Kill(pids[n], syscall.SIGKILL))
		s.eventually("its end is seen", func() error {
			st, err := s.status("hello")
			if err == nil && slices.ContainsFunc(st.Stable.Members, func(m module.Member) bool { return m.PID == pids[n] }) {
				err = fmt.Errorf("process %d is there", pids[n])
			}
			return err
		})
		pids = s.awaitMembers("1.0.0", 3)
	}
	s.drop(release("1.1.0"), "hello")
	s.awaitMembers("1.1.0", 3)
	close(stop)
	<-stopped
	// The one that asks has one request at a time: with each process that was killed goes
	// one at most, and with the one that was replaced none.
	if failed.Load() > 3 {
		t.Errorf("%d of %d requests failed", failed.Load(), asked.Load())
	}
	if text := s.segue("show", "hello"); !strings.Contains(text, "stable 1.1.0: 3 of 3 processes are active") {
		t.Errorf("segue show:\n%s", text)
	}
	st := s.awaitStable("1.1.0")
	if st.Rollout.Phase != "promoted" || st.Stable.Restarts != 0 {
		t.Errorf("%s", describe(st))
	}
}

func TestNoProcessOfSeveralOutlivesTheHost(t *testing.T) {
	s := started(t, "rollout: {strategy: instant, hold: 0s}\nmodules: {hello: {replicas: 4}}\n")
	s.drop(release("1.0.0"), "hello")
	pids := s.awaitMembers("1.0.0", 4)
	s.kill()
	s.noneLeft(pids)
	s.start()
	pids = s.awaitMembers("1.0.0", 4)
	if code := s.stop(); code != 0 {
		t.Errorf("it exits with %d", code)
	}
	s.noneLeft(pids)
}
