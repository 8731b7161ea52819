package instance_test

import (
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/segue-run/segue/runtime/instance"
	"github.com/segue-run/segue/runtime/sandbox"
)

func TestModulesEndWithAHostThatIsKilled(t *testing.T) {
	cmd, pids := host(t, filepath.Join(t.TempDir(), "run"), ",ignores-stop,")
	if len(pids) != 3 {
		t.Fatalf("the host started %v", pids)
	}
	// One cannot even run.
	freeze(t, pids[2])
	for _, pid := range pids {
		if !alive(pid) {
			t.Fatalf("module %d is not there", pid)
		}
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	for _, pid := range pids {
		waitFor(t, "the end of module "+strconv.Itoa(pid), func() bool { return !alive(pid) })
	}
}

func TestNothingInASandboxOutlivesAHostThatIsKilledNotEvenWhatItStarted(t *testing.T) {
	state := filepath.Join(t.TempDir(), "state")
	data := filepath.Join(state, "data")
	cmd, pids := host(t, filepath.Join(state, "run"), "bare-grandchild,grandchild", hostData+"="+data)
	all := slices.Clone(pids)
	for _, pid := range pids {
		children := childrenOf(t, pid)
		if len(children) != 1 {
			t.Fatalf("module %d has the children %v", pid, children)
		}
		all = append(all, children...)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	for _, pid := range all {
		waitFor(t, "the end of process "+strconv.Itoa(pid), func() bool { return !alive(pid) })
	}
	// The next host takes over what the kernel keeps of the last one's.
	m, err := sandbox.Probe(t.Context(), sandbox.Config{DataDir: data, Name: hostName})
	if err != nil {
		t.Fatal(err)
	}
	if err := m.Close(); err != nil {
		t.Error(err)
	}
}

func TestTheSweepEndsWhatAKilledHostsModulesLeft(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "run")
	cmd, pids := host(t, dir, "runaway-grandchild,grandchild,bare-grandchild")
	var children []int
	for _, pid := range pids {
		children = append(children, childrenOf(t, pid)...)
	}
	if len(children) != 3 {
		t.Fatalf("the modules' children are %v", children)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	for _, pid := range pids {
		waitFor(t, "the end of module "+strconv.Itoa(pid), func() bool { return !alive(pid) })
	}
	for _, pid := range children {
		if !alive(pid) {
			t.Fatalf("grandchild %d is gone already, so the sweep shows nothing", pid)
		}
	}
	killed, err := instance.SweepOrphans(dir)
	if err != nil || killed != 3 {
		t.Errorf("swept %d, %v", killed, err)
	}
	for _, pid := range children {
		waitFor(t, "the end of grandchild "+strconv.Itoa(pid), func() bool { return !alive(pid) })
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

// A record says which process; one that only has the number is not it.
func TestTheSweepKillsNoOtherProcess(t *testing.T) {
	b := newBench(t, nil)
	i := b.start("")
	dir := t.TempDir()
	raw, err := os.ReadFile(filepath.Join(b.dirOf(i), "launch"))
	if err != nil {
		t.Fatal(err)
	}
	record := string(raw)
	field := func(name string) string {
		_, rest, ok := strings.Cut(record, `"`+name+`":`)
		if !ok {
			t.Fatalf("the record has no %s: %s", name, record)
		}
		return `"` + name + `":` + strings.SplitN(rest, ",", 2)[0]
	}
	for name, other := range map[string]string{
		"another-start": strings.Replace(strings.Replace(record, field("start"), `"start":1`, 1), field("launch"), `"launch":"x"`, 1),
		"another-boot":  strings.Replace(record, field("boot"), `"boot":"x"`, 1),
		"no-mark":       strings.Replace(strings.Replace(record, field("pid"), `"pid":1`, 1), field("launch"), `"launch":""`, 1),
		"rubbish":       "{",
	} {
		if err := os.Mkdir(filepath.Join(dir, name), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name, "launch"), []byte(other), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if killed, err := instance.SweepOrphans(dir); killed != 0 || err != nil {
		t.Errorf("swept %d, %v", killed, err)
	}
	if err := i.Probe(t.Context()); err != nil {
		t.Errorf("probe: %v", err)
	}
}

func TestASweepOfNothingIsNoError(t *testing.T) {
	if killed, err := instance.SweepOrphans(filepath.Join(t.TempDir(), "none")); killed != 0 || err != nil {
		t.Errorf("swept %d, %v", killed, err)
	}
}

func childrenOf(t *testing.T, pid int) []int {
	t.Helper()
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		t.Fatal(err)
	}
	var children []int
	for _, path := range stats {
		raw, err := os.ReadFile(path)
		if err != nil {
			continue
		}
		fields := strings.Fields(string(raw[strings.LastIndexByte(string(raw), ')')+1:]))
		if len(fields) > 1 && fields[1] == strconv.Itoa(pid) {
			child, err := strconv.Atoi(filepath.Base(filepath.Dir(path)))
			if err != nil {
				t.Fatal(err)
			}
			children = append(children, child)
		}
	}
	return children
}
