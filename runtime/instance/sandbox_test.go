package instance_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/segue-run/segue/runtime/instance"
	"github.com/segue-run/segue/runtime/module"
	"github.com/segue-run/segue/runtime/sandbox"
	"github.com/segue-run/segue/sdk/manifest"
	"github.com/segue-run/segue/sdk/wire"
)

// roomy are complete quotas within which a module serves.
var roomy = manifest.Quotas{
	Memory: 256 << 20, OpenFiles: 256, Processes: 128, FileSize: 64 << 20, Storage: 64 << 20, LogLines: 1000, Requests: 100,
}

// prison is a bench whose modules run in sandboxes.
type prison struct {
	*bench
	machine *sandbox.Machine
	state   string
}

func newPrison(t *testing.T, cfg sandbox.Config, change func(*instance.Config)) *prison {
	t.Helper()
	dir := t.TempDir()
	if err := os.Chmod(filepath.Dir(dir), 0o711); err != nil { // other users have to get to their own folders
		t.Fatal(err)
	}
	p := &prison{state: filepath.Join(dir, "state")}
	cfg.DataDir, cfg.Name = filepath.Join(p.state, "data"), "instance-test-"+strconv.Itoa(os.Getpid())
	m, err := sandbox.Probe(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := m.Close(); err != nil {
			t.Error(err)
		}
	})
	p.machine = m
	p.bench = newBench(t, func(c *instance.Config) {
		c.RunDir, c.Machine = filepath.Join(p.state, "run", "instances"), m
		if change != nil {
			change(c)
		}
	})
	p.quotas = roomy
	return p
}

// spec is for a module that has folders of its own.
func (p *prison) spec(mode string, env ...string) instance.Spec {
	p.t.Helper()
	s := p.bench.spec(mode, env...)
	s.Permissions.Write = []string{manifest.DataFolder, manifest.TempFolder}
	s.DataDir = filepath.Join(p.state, "data", s.Release.Module)
	return s
}

func (p *prison) start(spec instance.Spec) *instance.Instance {
	p.t.Helper()
	i, err := p.starter.Start(context.Background(), spec)
	if err != nil {
		p.t.Fatal(err)
	}
	return i
}

// on reports whether the machine has a layer.
func (p *prison) on(layer string) bool {
	return slices.ContainsFunc(p.machine.Layers(), func(l module.Layer) bool { return l.Name == layer && l.State == module.LayerOn })
}

// own is what a module finds of itself.
type own struct {
	Dir, Link string
	Env       []string
}

func (o own) env(name string) string {
	for _, entry := range o.Env {
		if value, ok := strings.CutPrefix(entry, name+"="); ok {
			return value
		}
	}
	return ""
}

func ownOf(t *testing.T, i *instance.Instance) (o own) {
	t.Helper()
	_, body := get(t, i, "/own")
	if err := json.Unmarshal([]byte(body), &o); err != nil {
		t.Fatal(err)
	}
	return o
}

// does makes a module do something with a file; the answer is its error, "<nil>" for none.
func does(t *testing.T, i *instance.Instance, what, file, kib string) string {
	t.Helper()
	_, body := get(t, i, "/"+what+"?kib="+kib+"&file="+url.QueryEscape(file))
	return body
}

func TestAnExampleModuleRunsInAllThatTheMachineHas(t *testing.T) {
	p := newPrison(t, sandbox.Config{}, nil)
	spec := plugin(t, "hello")
	spec.Quotas = roomy
	i := p.start(spec)
	if err := i.Probe(t.Context()); err != nil {
		t.Errorf("probe: %v", err)
	}
	if code, _ := get(t, i, "/hello"); code != 200 {
		t.Errorf("it answers %d", code)
	}
	s := i.Sandbox()
	if s.Level != p.machine.Level() || len(s.Layers) != len(p.machine.Layers()) || s.Quotas != roomy {
		t.Errorf("it runs in %+v; the machine reaches %s", s, p.machine.Level())
	}
	if !s.Level.Reaches(module.LevelConfined) {
		t.Errorf("this machine reaches level %s: %+v", s.Level, s.Layers)
	}
	if first := i.Phases()[0].Name; first != "sandbox" {
		t.Errorf("its start begins with %s", first)
	}
	if u := usage(t, i); u.Memory < 1<<20 || u.CPU <= 0 {
		t.Errorf("it takes %+v", u)
	}
	if r := i.Stop(t.Context(), 0); r.Killed {
		t.Error("it had to be killed")
	}
	p.empty()
}

func TestAModuleHasItsOwnFoldersAndTheVariablesThatItWasGranted(t *testing.T) {
	t.Setenv("GRANTED_TO_IT", "yes")
	t.Setenv("SECRET_OF_THE_HOST", "1")
	for name, sandboxed := range map[string]bool{"in a sandbox": true, "without one": false} {
		t.Run(name, func(t *testing.T) {
			p := newPrison(t, sandbox.Config{}, func(c *instance.Config) {
				if !sandboxed {
					c.Machine = nil
				}
			})
			spec := p.spec("")
			spec.Permissions.Env = []string{"GRANTED_TO_IT", "NEVER_SET"}
			i := p.start(spec)
			if got := i.Sandbox().Useless; !slices.Equal(got, []string{"env NEVER_SET: is not set"}) {
				t.Errorf("of what comes to nothing it is told %q", got)
			}
			o := ownOf(t, i)
			temp := filepath.Join(p.dirOf(i), "tmp")
			for name, want := range map[string]string{
				"GRANTED_TO_IT": "yes", "SECRET_OF_THE_HOST": "", "NEVER_SET": "", "SEGUE_LINK": "",
				"SEGUE_DATA": spec.DataDir, "TMPDIR": temp,
			} {
				if got := o.env(name); got != want {
					t.Errorf("%s is %q, want %q", name, got, want)
				}
			}
			if o.Dir != spec.DataDir || strings.Contains(o.Link, "nobody is at home") {
				t.Errorf("it is in %s, with link %s", o.Dir, o.Link)
			}
			for _, file := range []string{"relative", filepath.Join(temp, "file")} {
				if got := does(t, i, "write", file, "1"); got != "<nil>" {
					t.Errorf("write %s: %s", file, got)
				}
			}
			if got := does(t, i, "read", "/etc/passwd", ""); (got == "<nil>") == sandboxed {
				t.Errorf("read /etc/passwd: %s", got)
			}
			i.Stop(t.Context(), 0)
			p.empty()
			if _, err := os.Stat(filepath.Join(spec.DataDir, "relative")); err != nil {
				t.Errorf("what it kept: %v", err)
			}
			// The next process finds what it kept, and may write there.
			again := p.start(p.spec(""))
			if got := does(t, again, "read", "relative", ""); got != "<nil>" {
				t.Errorf("read by the next: %s", got)
			}
			again.Stop(t.Context(), 0)
		})
	}
}

func TestAModuleBelowTheRequiredLevelIsRefusedWithTheMissingLayer(t *testing.T) {
	for name, c := range map[string]struct {
		without []string
		machine bool
		want    []string
	}{
		"no seccomp": {
			without: []string{"seccomp"}, machine: true,
			want: []string{`sandbox.require "confined"`, `level "none"`, "seccomp is off", "segue doctor"},
		},
		"no machine": {want: []string{`sandbox.require "confined"`, `level "none"`, "segue doctor"}},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPrison(t, sandbox.Config{Without: c.without}, func(cfg *instance.Config) {
				cfg.Require = module.LevelConfined
				if !c.machine {
					cfg.Machine = nil
				}
			})
			_, err := p.starter.Start(t.Context(), p.spec(""))
			if module.KindOf(err) != module.Denied {
				t.Fatalf("%v", err)
			}
			for _, want := range c.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("%v\nwant %q", err, want)
				}
			}
			p.empty()
		})
	}
}

func TestAGrantThatWouldOpenTheHostIsRefusedBeforeAnythingStarts(t *testing.T) {
	p := newPrison(t, sandbox.Config{}, nil)
	spec := p.spec("")
	spec.Permissions.Read = []string{p.state}
	_, err := p.starter.Start(t.Context(), spec)
	if err == nil || !strings.Contains(err.Error(), "permissions.read[0]") {
		t.Errorf("%v", err)
	}
	p.empty()
}

// doorman is a gateway that says no to everything.
type doorman struct {
	t      *testing.T
	told   chan string // what came over the link
	serves atomic.Int64
	deny   []module.Denial
}

func (d *doorman) Serve(ctx context.Context, link *os.File, denied func(module.Denial)) {
	d.serves.Add(1)
	defer d.serves.Add(-1)
	over := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(over)
		_ = unix.Shutdown(int(link.Fd()), unix.SHUT_RDWR)
	})
	defer link.Close()
	defer func() {
		if !stop() {
			<-over
		}
	}()
	for _, denial := range d.deny {
		denied(denial)
	}
	buf, rights := make([]byte, 4096), make([]byte, unix.CmsgSpace(4))
	for {
		n, oob, _, _, err := unix.Recvmsg(int(link.Fd()), buf, rights, unix.MSG_CMSG_CLOEXEC)
		if err == unix.EINTR {
			continue
		}
		if err != nil || n == 0 {
			return
		}
		// Of the filter's listener nothing is wanted here.
		if messages, err := unix.ParseSocketControlMessage(rights[:oob]); err == nil && len(messages) == 1 {
			if fds, err := unix.ParseUnixRights(&messages[0]); err == nil {
				_ = unix.Close(fds[0])
			}
			continue
		}
		var asked wire.LinkRequest
		if err := json.Unmarshal(buf[:n], &asked); err != nil || asked.Do == wire.LinkCancel {
			continue
		}
		d.told <- asked.Do + " " + asked.Address
		answer, err := json.Marshal(wire.LinkAnswer{ID: asked.ID, Error: "nobody is at home"})
		if err != nil {
			d.t.Error(err)
		}
		if _, err := unix.Write(int(link.Fd()), answer); err != nil {
			d.t.Error(err)
		}
	}
}

func TestALinkIsServedFromBeforeTheStartUntilTheProcessIsGone(t *testing.T) {
	p := newPrison(t, sandbox.Config{}, nil)
	d := &doorman{t: t, told: make(chan string, 10)}
	spec := p.spec("")
	spec.Gateway = d
	i := p.start(spec)
	if o := ownOf(t, i); !strings.Contains(o.Link, "nobody is at home") {
		t.Errorf("it finds %+v", o)
	}
	select {
	case got := <-d.told:
		if got != "dial example.test:443" {
			t.Errorf("it said %q", got)
		}
	case <-time.After(patience):
		t.Error("it said nothing")
	}
	if d.serves.Load() != 1 {
		t.Errorf("served by %d", d.serves.Load())
	}
	i.Stop(t.Context(), 0)
	if d.serves.Load() != 0 {
		t.Error("it is served still")
	}
	// A process that never was has no link.
	spec = p.spec("exit")
	spec.Gateway = d
	if _, err := p.starter.Start(t.Context(), spec); err == nil {
		t.Fatal("it came up")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	spec = p.spec("")
	spec.Gateway = d
	if _, err := p.starter.Start(ctx, spec); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	if d.serves.Load() != 0 {
		t.Error("one is served still")
	}
	p.empty()
}

func TestDenialsAreKeptWithTheirCountsAndToldOnce(t *testing.T) {
	p := newPrison(t, sandbox.Config{}, nil)
	d := &doorman{t: t, told: make(chan string, 10)}
	for n := range 500 {
		d.deny = append(d.deny, module.Denial{By: "gateway", What: "connect 192.0.2.1:" + strconv.Itoa(n)})
	}
	d.deny = append(d.deny,
		module.Denial{By: "seccomp", What: "ptrace"}, module.Denial{By: "seccomp", What: "ptrace"}, module.Denial{By: "seccomp", What: "mount", Count: 3},
		module.Denial{By: "landlock", What: "read \x1b[2J" + strings.Repeat("/x", 500)})
	var mu sync.Mutex
	told := map[string]int{}
	spec := p.spec("")
	spec.Gateway = d
	spec.Denied = func(d module.Denial) {
		mu.Lock()
		defer mu.Unlock()
		told[d.By+" "+d.What]++
	}
	i := p.start(spec)
	kept := map[string]uint64{}
	waitFor(t, "the last denial", func() bool {
		for _, d := range i.Denials() {
			kept[d.By+" "+d.What] = d.Count
			if d.First.IsZero() || d.Last.Before(d.First) || len(d.What) > 210 || strings.ContainsRune(d.What, '\x1b') {
				t.Errorf("kept: %+v", d)
			}
			if d.By == "landlock" {
				return true
			}
		}
		return false
	})
	if len(kept) != 24 || kept["gateway other things"] != 480 || kept["seccomp ptrace"] != 2 || kept["seccomp mount"] != 3 {
		t.Errorf("%d are kept: %v", len(kept), kept)
	}
	i.Stop(t.Context(), 0)
	mu.Lock()
	defer mu.Unlock()
	if len(told) != len(kept) {
		t.Errorf("%d were told, %d are kept", len(told), len(kept))
	}
	for what, n := range told {
		if n != 1 {
			t.Errorf("%s was told %d times", what, n)
		}
	}
}

func TestJunkHidesNoDenialOfAnotherKind(t *testing.T) {
	b := newBench(t, nil)
	i := b.start("")
	deny := func(by, what string) { i.Deny(module.Denial{By: by, What: what}) }
	for n := range 100 {
		for _, call := range []string{"execve", "chmod", "mknod", "chown"} {
			deny("seccomp", call+" /"+strconv.Itoa(n))
		}
		deny("gateway", "connect 192.0.2.1:"+strconv.Itoa(n))
		deny("gateway", "resolve n"+strconv.Itoa(n)+".test")
		deny("gateway", "listen [::]:"+strconv.Itoa(n))
	}
	for _, what := range []string{"mount /", "ptrace", "bpf"} {
		deny("seccomp", what)
	}
	kept, ofLayer, total := map[string]uint64{}, map[string]int{}, uint64(0)
	for _, d := range i.Denials() {
		kept[d.By+" "+d.What] = d.Count
		ofLayer[d.By]++
		total += d.Count
	}
	for _, what := range []string{"mount /", "ptrace", "bpf"} {
		if kept["seccomp "+what] != 1 {
			t.Errorf("%s is hidden", what)
		}
	}
	if total != 703 || len(kept) > 102 || ofLayer["seccomp"] > 61 || ofLayer["gateway"] > 61 {
		t.Errorf("%d in %d entries are kept, of layers %v", total, len(kept), ofLayer)
	}
	if kept["seccomp other things"] == 0 || kept["gateway other things"] == 0 {
		t.Errorf("the rest is not counted: %v", kept)
	}
}

func TestADenialThatAnotherSeesIsOfTheInstanceWithThePID(t *testing.T) {
	b := newBench(t, nil)
	one, two := b.start(""), b.start("")
	seen := module.Denial{By: "landlock", What: "read /etc/passwd"}
	b.starter.Deny(one.PID(), seen)
	b.starter.Deny(one.PID(), seen)
	for _, other := range []int{0, -1, os.Getpid()} {
		b.starter.Deny(other, seen)
	}
	if got := one.Denials(); len(got) != 1 || !got[0].Same(seen) || got[0].Count != 2 {
		t.Errorf("its denials are %+v", got)
	}
	if got := two.Denials(); len(got) > 0 {
		t.Errorf("the other's are %+v", got)
	}
}
