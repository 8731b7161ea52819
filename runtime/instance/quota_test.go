package instance_test

import (
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/segue-run/segue/runtime/instance"
	"github.com/segue-run/segue/runtime/module"
	"github.com/segue-run/segue/runtime/sandbox"
	"github.com/segue-run/segue/sdk/manifest"
)

// asks for what the module may not survive.
func asks(i *instance.Instance, path string) (survived bool) {
	resp, err := client(i).Get("http://module" + path)
	if err != nil {
		return false
	}
	resp.Body.Close()
	return true
}

// has reports whether a quota is among the denials.
func has(i *instance.Instance, quota string) bool {
	return slices.ContainsFunc(i.Denials(), func(d module.Denial) bool {
		return d.By == "quota" && d.What == quota && strings.Contains(d.Hint, "quotas."+quota)
	})
}

// died checks that the quota is a denial, and the one that ended it.
func died(t *testing.T, i *instance.Instance, quota string) {
	t.Helper()
	if !slices.ContainsFunc(i.Denials(), func(d module.Denial) bool { return d.By == module.ByQuota && d.What == quota && d.Fatal }) {
		t.Errorf("denials %+v", i.Denials())
	}
}

func TestAMemoryHogIsEndedAndExplainedWhateverCountsIt(t *testing.T) {
	for name, without := range map[string][]string{
		"by a cgroup":     nil,
		"by the watchdog": {"cgroup-memory"},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPrison(t, sandbox.Config{Without: without}, nil)
			spec := plugin(t, "chaos/hog")
			spec.Quotas = roomy
			spec.Quotas.Memory = 128 << 20
			i := p.start(spec)
			if asks(i, "/hello/grow") {
				t.Error("it survived")
			}
			ended(t, i, module.DiedOfMemory, "memory quota of 128 MiB reached")
			if e := i.Exit(); e.Quota != "memory" || e.Requested {
				t.Errorf("exit %+v", e)
			}
			died(t, i, "memory")
			i.Stop(t.Context(), 0)
			p.empty()
		})
	}
}

func TestAModuleThatFillsItsFolderIsHeldToItsQuota(t *testing.T) {
	p := newPrison(t, sandbox.Config{}, nil)
	spec := p.spec("")
	spec.Quotas.Storage = 4 << 20
	i := p.start(spec)
	if got := does(t, i, "write", "big", "8192"); got != "<nil>" {
		t.Fatalf("the write under way: %s", got)
	}
	waitFor(t, "the quota", func() bool { return has(i, "storage") })
	n := 0
	waitFor(t, "a write that is refused, or the end", func() bool {
		n++
		resp, err := client(i).Get("http://module/write?kib=1&file=" + strconv.Itoa(n))
		if err != nil {
			ended(t, i, module.DiedOfQuota, "storage quota of 4 MiB reached")
			return true
		}
		resp.Body.Close()
		return strings.Contains(does(t, i, "write", "small", "1"), unix.EFBIG.Error())
	})
	i.Stop(t.Context(), 0)
	p.empty()
}

func TestTheTemporaryFolderCountsToo(t *testing.T) {
	p := newPrison(t, sandbox.Config{}, nil)
	spec := p.spec("")
	spec.Quotas.Storage = 4 << 20
	i := p.start(spec)
	if got := does(t, i, "write", filepath.Join(p.dirOf(i), "tmp", "big"), "8192"); got != "<nil>" {
		t.Fatal(got)
	}
	waitFor(t, "the quota", func() bool { return has(i, "storage") })
	i.Stop(t.Context(), 0)
	p.empty()
}

func TestAShareOfTheProcessorIsKeptWithoutACgroupToo(t *testing.T) {
	p := newPrison(t, sandbox.Config{Without: []string{"cgroup-cpu"}}, nil)
	spec := p.spec("")
	spec.Quotas.CPU = 200
	i := p.start(spec)
	gone := make(chan struct{})
	go func() {
		defer close(gone)
		asks(i, "/spin")
	}()
	for range 3 {
		waitFor(t, "it to be stopped", func() bool { return state(i.PID()) == "T" })
		waitFor(t, "it to go on", func() bool { return state(i.PID()) != "T" })
	}
	i.Stop(t.Context(), 100*time.Millisecond)
	<-gone
	if d := i.Denials(); len(d) != 0 {
		t.Errorf("denials %+v", d)
	}
	p.empty()
}

func TestAModuleThatSpendsItsProcessorTimeIsExplained(t *testing.T) {
	for name, machine := range map[string]bool{"in a sandbox": true, "without one": false} {
		t.Run(name, func(t *testing.T) {
			p := newPrison(t, sandbox.Config{}, func(c *instance.Config) {
				if !machine {
					c.Machine = nil
				}
			})
			spec := p.spec("")
			spec.Quotas.CPUTime = manifest.Duration(time.Second)
			i := p.start(spec)
			if asks(i, "/spin") {
				t.Error("it survived")
			}
			ended(t, i, module.DiedOfQuota, "CPU time quota of 1s reached")
			died(t, i, "cpu_time")
		})
	}
}

func TestAModuleThatStartsTooManyThreadsIsExplained(t *testing.T) {
	p := newPrison(t, sandbox.Config{}, nil)
	spec := p.spec("")
	spec.Quotas.Processes = 64
	i := p.start(spec)
	// The kernel counts root's threads in a cgroup alone, and a user's in a namespace.
	held := p.on("cgroup-pids") || p.on("user-namespace")
	if survived := asks(i, "/threads"); survived == held {
		t.Fatalf("survived: %t, in %+v", survived, i.Sandbox().Layers)
	}
	if held {
		ended(t, i, module.DiedOfQuota, "processes quota of 64 reached")
		died(t, i, "processes")
	}
	i.Stop(t.Context(), 0)
}

func TestAModuleThatIsRefusedAProcessAndLivesOnIsToldOf(t *testing.T) {
	p := newPrison(t, sandbox.Config{}, nil)
	spec := p.spec("")
	spec.Permissions.Exec = []string{"/bin/sleep"}
	spec.Quotas.Processes = 64
	i := p.start(spec)
	held := p.on("cgroup-pids") || p.on("user-namespace")
	_, said := get(t, i, "/spawn")
	if refused := strings.Contains(said, unix.EAGAIN.Error()); refused != held {
		t.Fatalf("it says %q, in %+v", said, i.Sandbox().Layers)
	}
	if p.on("cgroup-pids") { // nothing else tells
		waitFor(t, "the denial", func() bool { return has(i, "processes") })
		for _, d := range i.Denials() {
			if d.Fatal {
				t.Errorf("denial %+v", d)
			}
		}
	}
	i.Stop(t.Context(), 0)
	p.empty()
}

func TestALogFloodIsADenialAndItsRateTheQuota(t *testing.T) {
	p := newPrison(t, sandbox.Config{}, nil)
	spec := p.spec("torrent")
	spec.Quotas.LogLines = 50
	i := p.start(spec)
	waitFor(t, "the denial", func() bool { return has(i, "log_lines") })
	p.logged("a module writes too much; lines were dropped")
	i.Stop(t.Context(), 0)
	seconds := map[int64]int{}
	for _, e := range p.logs.FilterMessage("water").All() {
		seconds[e.Time.Unix()]++
	}
	for second, n := range seconds {
		if n > 100 { // the log's clock and ours may differ by a moment
			t.Errorf("%d lines in second %d", n, second)
		}
	}
	<-i.Done()
	dropped := 0
	for _, e := range p.logs.FilterMessage("a module writes too much; lines were dropped").All() {
		dropped += int(e.ContextMap()["lines"].(int64))
	}
	for _, d := range i.Denials() {
		if d.What == "log_lines" && d.Count != uint64(dropped) {
			t.Errorf("%d lines were dropped, %d are told", dropped, d.Count)
		}
	}
}
