package sandbox_test

import (
	"bufio"
	"bytes"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/segue-run/segue/runtime/launch"
	"github.com/segue-run/segue/runtime/module"
	"github.com/segue-run/segue/runtime/sandbox"
	"github.com/segue-run/segue/sdk/manifest"
)

func TestAnInmateReachesItsOwnFoldersAndNothingElse(t *testing.T) {
	p := probe(t, sandbox.Config{})
	req := p.request(t, "alpha")
	secret := filepath.Join(p.state, "token")
	neighbour := filepath.Join(p.state, "data", "beta", "kept")
	for _, file := range []string{secret, neighbour} {
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte("secret"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	free := []string{
		"write=" + filepath.Join(req.Data, "kept"), "read=" + filepath.Join(req.Data, "kept"),
		"write=" + filepath.Join(req.Temp, "kept"), "read=/dev/null", "write=/dev/null", "read=/etc/localtime",
	}
	barred := []string{
		"read=/etc/shadow", "read=/etc/passwd", "read=/proc/self/environ", "read=/proc/1/cmdline", "read=" + secret, "read=" + neighbour,
		"write=" + neighbour, "write=" + filepath.Join(p.state, "new"), "write=" + filepath.Join(os.TempDir(), "new"),
		"exec=/bin/true", "exec=/proc/self/exe", "dial=127.0.0.1:9", "dial=192.0.2.1:443",
	}
	said, _ := says(t, p.cell(t, req), req, slices.Concat(free, barred)...)
	for _, did := range free {
		if !ok(said[did]) && !strings.Contains(said[did], "no such file") {
			t.Errorf("%s: %s", did, said[did])
		}
	}
	for _, did := range barred {
		if said[did] == "" || ok(said[did]) {
			t.Errorf("%s: %s", did, said[did])
		}
	}
}

func TestAnInmateIsAUserOfItsOwnWhereRootGivesIt(t *testing.T) {
	p := probe(t, sandbox.Config{})
	ids := map[string]string{}
	for _, name := range []string{"alpha", "beta"} {
		req := p.request(t, name)
		c := p.cell(t, req)
		said, _ := says(t, c, req, "uid")
		ids[name] = strings.TrimPrefix(said["uid"], "ok ")
		want := fmt.Sprint(os.Getuid())
		if os.Getuid() == 0 {
			want = fmt.Sprint(c.Confinement().User.UID)
		}
		if ids[name] != want {
			t.Errorf("%s runs as %q, not %s", name, ids[name], want)
		}
	}
	if os.Getuid() == 0 && (ids["alpha"] == ids["beta"] || ids["alpha"] == "0") {
		t.Errorf("they run as %v", ids)
	}
}

func TestMemoryAboveTheQuotaEndsTheInmateAndIsCountedByItsCgroup(t *testing.T) {
	p := probe(t, sandbox.Config{})
	req := p.request(t, "alpha")
	req.Quotas.Memory = 64 << 20
	c := p.cell(t, req)
	counted := stateOf(p.Layers(), "cgroup-memory") == module.LayerOn
	if c.Counts().Memory != counted {
		t.Fatalf("counts %+v", c.Counts())
	}
	said, state := says(t, c, req, "hog=256")
	if ok(said["hog=256"]) {
		t.Fatal("it held four times its quota")
	}
	// The limit of private memory is above the quota, and may be met first.
	killed := state.Sys().(syscall.WaitStatus).Signal() == syscall.SIGKILL
	if killed != (c.Hits().Memory > 0) {
		t.Errorf("ended with %v and has %+v", state, c.Hits())
	}
	req.Instance, req.Quotas.Memory = "alpha-2", 200<<20
	c = p.cell(t, req)
	// More than the quota, and with what a Go program has beside it less than the limit.
	said, state = says(t, c, req, "hog=206")
	if hits := c.Hits(); counted && (said["hog=206"] != "" || hits.Memory == 0) {
		t.Errorf("said %v, ended with %v, has %+v", said, state, hits)
	}
	if err := c.Close(); err != nil {
		t.Error(err)
	}
	if hits := c.Hits(); counted && hits.Memory == 0 {
		t.Errorf("after Close it has %+v", hits)
	}
}

// waiting starts an inmate that waits, and gives what ends it.
func waiting(t *testing.T, c *sandbox.Cell, req sandbox.Request) (pid int, wait func() error) {
	t.Helper()
	spawner := launch.NewSpawner()
	t.Cleanup(spawner.Close)
	cmd := command(c, req, nil, "wait")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := spawner.Start(cmd); err != nil {
		t.Fatal(err)
	}
	if line, err := bufio.NewReader(out).ReadString('\n'); line != "waiting\n" {
		t.Fatalf("said %q, %v", line, err)
	}
	return cmd.Process.Pid, cmd.Wait
}

func TestKillEndsWhatIsInTheCgroup(t *testing.T) {
	p := probe(t, sandbox.Config{})
	req := p.request(t, "alpha")
	c := p.cell(t, req)
	pid, wait := waiting(t, c, req)
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/cgroup", pid))
	if err != nil {
		t.Fatal(err)
	}
	grouped := stateOf(p.Layers(), "cgroup-pids") == module.LayerOn
	if grouped != strings.Contains(string(raw), "/"+req.Instance+"\n") {
		t.Errorf("its groups are %s", raw)
	}
	if usage, known := c.Usage(); known && (usage.Memory <= 0 || usage.CPU <= 0) || known != grouped {
		t.Errorf("usage %+v, known %t", usage, known)
	}
	c.Kill()
	if !grouped { // nobody but its owner knows it
		if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
	}
	_ = wait()
	if hits := c.Hits(); hits != (sandbox.Hits{}) {
		t.Errorf("the end counts as a breach: %+v", hits)
	}
}

func TestQuotasBecomeLimitsAndWhatAGoProgramMustKnow(t *testing.T) {
	p := probe(t, sandbox.Config{Without: []string{"cgroup-cpu"}})
	req := p.request(t, "alpha")
	req.Quotas = manifest.Quotas{
		Memory: 100 << 20, CPU: 500, CPUTime: manifest.Duration(1500 * time.Millisecond),
		OpenFiles: 100, Processes: 99, FileSize: 5 << 20,
	}
	c := p.cell(t, req)
	said, _ := says(t, c, req, "limits", "cpus", "env=GOMEMLIMIT", "env=GOMAXPROCS", "env=HOME", "env=TMPDIR", "env=SEGUE_DATA", "env=PATH")
	processes := "99"
	if c.Counts().Processes { // the cgroup comes first
		processes = "115"
	}
	if c.Confinement().User == nil && os.Getuid() == 0 || !c.Confinement().Namespaces.User {
		processes = fmt.Sprint(c.Limits().NProc) // they do not count for it alone
	}
	for did, want := range map[string]string{
		"limits": fmt.Sprintf("ok 100 %d %d %s 2", 196<<20, 5<<20, processes), "cpus": "ok 1",
		"env=GOMEMLIMIT": fmt.Sprintf("ok %d", 90<<20), "env=GOMAXPROCS": "ok 1", "env=HOME": "ok " + req.Data,
		"env=TMPDIR": "ok " + req.Temp, "env=SEGUE_DATA": "ok " + req.Data, "env=PATH": "ok",
	} {
		if strings.TrimSpace(said[did]) != want {
			t.Errorf("%s: %q, not %q", did, said[did], want)
		}
	}
}

func TestAGrantedProgramIsTheOnlyOneThatStarts(t *testing.T) {
	p := probe(t, sandbox.Config{})
	req := p.request(t, "alpha")
	req.Permissions.Exec = []string{"/bin/echo"}
	c := p.cell(t, req)
	said, _ := says(t, c, req, "exec=/bin/echo", "exec=/bin/ls")
	if !strings.HasPrefix(said["exec=/bin/echo"], "ok hello") || ok(said["exec=/bin/ls"]) {
		t.Errorf("said %q", said)
	}
	if stateOf(c.Layers(), "seccomp") != module.LayerPartly || !c.Level().Reaches(module.LevelConfined) {
		t.Errorf("level %s, layers %+v", c.Level(), c.Layers())
	}
	if stateOf(p.Layers(), "seccomp") != module.LayerOn {
		t.Error("the machine's own layers changed")
	}
}

func TestADynamicProgramFindsItsLibraries(t *testing.T) {
	p := probe(t, sandbox.Config{})
	req := p.request(t, "alpha")
	binary, err := os.Open("/bin/echo")
	if err != nil {
		t.Fatal(err)
	}
	defer binary.Close()
	req.Binary, req.Dynamic = binary, true
	said, _ := says(t, p.cell(t, req), req, "cell: works")
	if said["cell"] != "works" {
		t.Errorf("said %q", said)
	}
}

func TestALinkIsSentTheListenerOfTheFilter(t *testing.T) {
	p := probe(t, sandbox.Config{})
	req := p.request(t, "alpha")
	req.LinkFD = 3
	req.Permissions.Connect = []string{"example.com:443"}
	c := p.cell(t, req)
	pair, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_SEQPACKET|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	host, link := os.NewFile(uintptr(pair[0]), "host"), os.NewFile(uintptr(pair[1]), "link")
	defer host.Close()
	spawner := launch.NewSpawner()
	defer spawner.Close()
	cmd := command(c, req, []*os.File{link}, "read=/etc/hosts")
	var out bytes.Buffer
	cmd.Stdout = &out
	if err := spawner.Start(cmd); err != nil {
		t.Fatal(err)
	}
	link.Close()
	if err := cmd.Wait(); err != nil || !strings.Contains(out.String(), "ok") {
		t.Errorf("%v, said %q", err, out.String())
	}
	var word [1]byte
	rights := make([]byte, 64)
	n, got, _, _, err := syscall.Recvmsg(pair[0], word[:], rights, syscall.MSG_CMSG_CLOEXEC)
	if sent := n == 1 && word[0] == launch.NotifyByte && got > 0; sent != (stateOf(c.Layers(), "notify") == module.LayerOn) {
		t.Fatalf("%d bytes, %d of rights, %v", n, got, err)
	}
	if messages, err := syscall.ParseSocketControlMessage(rights[:got]); err == nil && len(messages) == 1 {
		fds, _ := syscall.ParseUnixRights(&messages[0])
		for _, fd := range fds {
			syscall.Close(fd)
		}
	}
}

func TestAQuotaOfMemoryBeyondAllNumbersIsNoLimit(t *testing.T) {
	var hard syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_DATA, &hard); err != nil {
		t.Fatal(err)
	}
	p := probe(t, sandbox.Config{})
	for n, memory := range []manifest.Size{math.MaxUint64, math.MaxUint64 - 1<<20, math.MaxInt64} {
		req := p.request(t, "alpha")
		req.Instance = fmt.Sprint("alpha-", n)
		req.Quotas.Memory = memory
		c := p.cell(t, req)
		if got, want := c.Limits().Data, min(hard.Max, uint64(memory)); got < want {
			t.Errorf("of a quota of %d it gets %d", uint64(memory), got)
		}
		if said, _ := says(t, c, req, "uid"); !ok(said["uid"]) {
			t.Errorf("with a quota of %d it does not start: %q", uint64(memory), said)
		}
	}
}
