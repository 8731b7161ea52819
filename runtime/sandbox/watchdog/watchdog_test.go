package watchdog_test

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/segue-run/segue/runtime/sandbox"
	"github.com/segue-run/segue/runtime/sandbox/watchdog"
	"github.com/segue-run/segue/sdk/manifest"
)

func TestAProcessThatHoldsMoreMemoryThanItsQuotaIsKilled(t *testing.T) {
	w := start(t)
	w.watch(watchdog.Config{Quotas: manifest.Quotas{Memory: 64 << 20}})
	if got := w.ask("grow 16"); got != "done" {
		t.Fatalf("within its quota it is %s", got)
	}
	w.ask("grow 128")
	waitFor(t, "its end", func() bool { return state(w.pid()) == "Z" })
	if reached, killed := w.told(); reached != "memory" || killed != "memory" {
		t.Errorf("reached %q, killed for %q", reached, killed)
	}
}

func TestPageTablesAreMemoryToo(t *testing.T) {
	w := start(t)
	w.watch(watchdog.Config{Quotas: manifest.Quotas{Memory: 32 << 20}})
	w.ask("sparse 40") // two MiB of tables each
	waitFor(t, "its end", func() bool { return state(w.pid()) == "Z" })
	if reached, killed := w.told(); reached != "memory" || killed != "memory" {
		t.Errorf("reached %q, killed for %q", reached, killed)
	}
}

func TestMemoryThatACgroupCountsIsNotWatched(t *testing.T) {
	w := start(t)
	stop := w.watch(watchdog.Config{Quotas: manifest.Quotas{Memory: 1 << 20}, Counted: sandbox.Counted{Memory: true, CPU: true}})
	if got := w.ask("grow 64"); got != "done" {
		t.Errorf("it is %s", got)
	}
	stop()
	if reached, _ := w.told(); reached != "" {
		t.Errorf("reached %q", reached)
	}
}

func TestTheMemoryOfAllThatItStartedCountsTogether(t *testing.T) {
	for _, where := range []string{"near", "apart"} {
		t.Run(where, func(t *testing.T) {
			w := start(t)
			w.watch(watchdog.Config{Spawns: true, Quotas: manifest.Quotas{Memory: 192 << 20}})
			first, err := strconv.Atoi(w.ask("beget " + where))
			if err != nil {
				t.Fatal(err)
			}
			if state(first) == "X" {
				t.Fatal("the child is not there")
			}
			// Alone none of them comes near the quota.
			for n := 0; n < 3; n++ {
				w.ask("beget " + where)
			}
			waitFor(t, "its end", func() bool { return state(w.pid()) == "Z" })
			if reached, killed := w.told(); reached != "memory" || killed != "memory" {
				t.Errorf("reached %q, killed for %q", reached, killed)
			}
		})
	}
}

func TestFilesThatAreMappedAreNoMemoryOfItsOwn(t *testing.T) {
	w := start(t)
	// The test's own binary is mapped: its pages are resident, and more than the quota
	// that its heap is well within.
	stop := w.watch(watchdog.Config{Quotas: manifest.Quotas{Memory: manifest.Size(own(t, w.pid()) + 8<<20)}})
	if got := w.ask("grow 1"); got != "done" {
		t.Errorf("it is %s", got)
	}
	stop()
	if _, killed := w.told(); killed != "" {
		t.Errorf("killed for %q", killed)
	}
}

// own is the private memory of a process.
func own(t *testing.T, pid int) uint64 {
	t.Helper()
	raw, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/status")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(raw), "RssAnon:")
	kib, err := strconv.ParseUint(strings.Fields(rest)[0], 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return kib << 10
}

func TestAProcessThatWritesMoreThanItsFoldersMayHoldCannotWriteUntilItHasRoom(t *testing.T) {
	w := start(t)
	w.watch(watchdog.Config{Quotas: manifest.Quotas{Storage: 4 << 20}, Folders: []string{w.dir}})
	big, small := filepath.Join(w.dir, "big"), filepath.Join(w.dir, "small")
	if got := w.ask("write " + big + " 8192"); got != "done" {
		t.Fatalf("the write under way: %s", got)
	}
	waitFor(t, "a write that is refused", func() bool {
		return strings.Contains(w.ask("write "+small+" 1"), unix.EFBIG.Error())
	})
	if reached, killed := w.told(); reached != "storage" || killed != "" {
		t.Errorf("reached %q, killed for %q", reached, killed)
	}
	if got := w.ask("remove " + big); got != "<nil>" {
		t.Fatalf("it cannot even make room: %s", got)
	}
	waitFor(t, "a write that is done", func() bool { return w.ask("write "+small+" 1") == "done" })
}

func TestAFileWithoutANameTakesStorageToo(t *testing.T) {
	w := start(t)
	w.watch(watchdog.Config{Quotas: manifest.Quotas{Storage: 4 << 20}, Folders: []string{w.dir}})
	if got := w.ask("write unnamed " + filepath.Join(w.dir, "x") + " 8192"); got != "done" {
		t.Fatal(got)
	}
	waitFor(t, "the quota", func() bool { reached, _ := w.told(); return reached == "storage" })
}

func TestAFolderThatGrowsAllTheSameEndsItsProcess(t *testing.T) {
	w := start(t)
	w.watch(watchdog.Config{Quotas: manifest.Quotas{Storage: 1 << 20}, Folders: []string{w.dir}})
	w.ask("write " + filepath.Join(w.dir, "a") + " 2048")
	waitFor(t, "the quota", func() bool { reached, _ := w.told(); return reached == "storage" })
	// Whoever can lift its limit again: here the test does.
	n := 0
	waitFor(t, "its end", func() bool {
		if err := unix.Prlimit(w.pid(), unix.RLIMIT_FSIZE, &unix.Rlimit{Cur: unix.RLIM_INFINITY, Max: unix.RLIM_INFINITY}, nil); err != nil {
			return true
		}
		n++
		return w.ask("write "+filepath.Join(w.dir, strconv.Itoa(n))+" 64") == "gone"
	})
	if _, killed := w.told(); killed != "storage" {
		t.Errorf("killed for %q", killed)
	}
}

func TestEmptyFilesBeyondTheQuotaEndTheirProcess(t *testing.T) {
	w := start(t)
	w.watch(watchdog.Config{Quotas: manifest.Quotas{Storage: 1 << 20}, Folders: []string{w.dir}})
	n := 0
	waitFor(t, "its end", func() bool {
		n++
		return w.ask("create "+filepath.Join(w.dir, strconv.Itoa(n))+" 500") == "gone"
	})
	if reached, killed := w.told(); reached != "storage" || killed != "storage" {
		t.Errorf("reached %q, killed for %q", reached, killed)
	}
}

func TestAShareOfTheProcessorIsKeptAndTheProcessGoesOnAtTheEnd(t *testing.T) {
	w := start(t)
	var serving atomic.Bool
	begin := make(chan struct{})
	stop := w.watch(watchdog.Config{Quotas: manifest.Quotas{CPU: 250}, Serving: begin})
	w.ask("spin")
	before := clock(t, w.pid())
	waitFor(t, "a second of processor time, before it serves", func() bool {
		if state(w.pid()) == "T" && !serving.Load() {
			t.Fatal("it is stopped before it serves")
		}
		return clock(t, w.pid()) > before+1e9
	})
	close(begin)
	waitFor(t, "a stop", func() bool { return state(w.pid()) == "T" })
	stops := 0
	waitFor(t, "it to go on and stop again, some times", func() bool {
		waitFor(t, "a go", func() bool { return state(w.pid()) != "T" })
		waitFor(t, "a stop", func() bool { return state(w.pid()) == "T" })
		stops++
		return stops == 5
	})
	stop()
	after := clock(t, w.pid())
	waitFor(t, "it to go on at the end", func() bool { return clock(t, w.pid()) > after+5e8 })
	if reached, killed := w.told(); reached != "" || killed != "" {
		t.Errorf("reached %q, killed for %q", reached, killed)
	}
}

// clock is the processor time of a process, in nanoseconds.
func clock(t *testing.T, pid int) int64 {
	t.Helper()
	var ts unix.Timespec
	if err := unix.ClockGettime(^int32(pid)<<3|2, &ts); err != nil {
		t.Fatal(err)
	}
	return ts.Nano()
}

func TestWhatACgroupRefusesIsTold(t *testing.T) {
	w := start(t)
	var processes atomic.Uint64
	w.watch(watchdog.Config{
		Counted: sandbox.Counted{Processes: true},
		Hits:    func() sandbox.Hits { return sandbox.Hits{Processes: processes.Load()} },
	})
	processes.Store(7)
	waitFor(t, "it to be told", func() bool { reached, _ := w.told(); return reached == "processes" })
}

func TestAWatchEndsWithItsProcess(t *testing.T) {
	w := start(t)
	ended := make(chan struct{})
	w.mu.Lock()
	w.over = true
	w.mu.Unlock()
	go func() {
		defer close(ended)
		w.watch(watchdog.Config{Quotas: manifest.Quotas{Memory: 1, CPU: 1}, Counted: sandbox.Counted{}})
	}()
	<-ended
	_ = syscall.Kill(w.pid(), syscall.SIGKILL)
}
