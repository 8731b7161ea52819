package instance_test

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/segue-run/segue/runtime/instance"
	"github.com/segue-run/segue/runtime/module"
	"github.com/segue-run/segue/sdk/manifest"
)

func TestAStartedModuleServesIsWellAndStopsByItself(t *testing.T) {
	b := newBench(t, nil)
	i := b.start("")
	if code, body := get(t, i, "/tested"); code != 200 || body != "hello" {
		t.Errorf("it answers %d %q", code, body)
	}
	if err := i.Probe(t.Context()); err != nil {
		t.Errorf("probe: %v", err)
	}
	var names []string
	for _, p := range i.Phases() {
		names = append(names, p.Name)
	}
	if want := []string{"launch", "handshake", "connect", "describe", "start"}; !slices.Equal(names, want) {
		t.Errorf("phases %v, want %v", names, want)
	}
	if err := i.Drain(t.Context()); err != nil {
		t.Errorf("drain: %v", err)
	}
	if r := i.Stop(t.Context(), 0); r.Killed {
		t.Error("it had to be killed")
	}
	if e := i.Exit(); e.Code != 0 || !e.Requested || e.String() != "exited with code 0" {
		t.Errorf("exit %+v: %s", e, e)
	}
	if alive(i.PID()) {
		t.Error("its process is there")
	}
	b.empty()
}

func TestAStateDirectoryMayLieAtALongPath(t *testing.T) {
	long := filepath.Join(t.TempDir(), strings.Repeat("long-", 40), strings.Repeat("path-", 40))
	b := newBench(t, func(c *instance.Config) { c.RunDir = long })
	i := b.start("")
	if err := i.Probe(t.Context()); err != nil {
		t.Errorf("probe: %v", err)
	}
	if r := i.Stop(t.Context(), 0); r.Killed {
		t.Error("it had to be killed")
	}
	b.empty()
}

func TestTheModuleHasItsLimitsItsEnvironmentAndNoOtherDescriptors(t *testing.T) {
	t.Setenv("SECRET_OF_THE_HOST", "1")
	b := newBench(t, nil)
	spec := b.spec("", "LANG=C", "SEGUE_INSTANCE=forged")
	spec.Quotas = manifest.Quotas{OpenFiles: 777, FileSize: 33 << 20, Memory: 160 << 20, CPUTime: manifest.Duration(9500 * time.Millisecond)}
	i, err := b.starter.Start(t.Context(), spec)
	if err != nil {
		t.Fatal(err)
	}
	_, body := get(t, i, "/seen")
	var seen struct {
		Env    []string
		FDs    map[string]string
		Limits string
	}
	if err := json.Unmarshal([]byte(body), &seen); err != nil {
		t.Fatal(err)
	}
	limits := strings.Join(strings.Fields(seen.Limits), " ")
	for _, want := range []string{"Max open files 777 777 files", "Max file size 34603008 34603008 bytes", "Max core file size 0 0 bytes", "Max data size 268435456 268435456 bytes", "Max cpu time 10 10 seconds"} {
		if !strings.Contains(limits, want) {
			t.Errorf("not in force: %s\n%s", want, seen.Limits)
		}
	}
	var names []string
	for _, e := range seen.Env {
		name, _, _ := strings.Cut(e, "=")
		names = append(names, name)
		if name == "SEGUE_INSTANCE" && e != "SEGUE_INSTANCE="+i.ID() {
			t.Errorf("the environment has %s", e)
		}
	}
	slices.Sort(names)
	want := []string{
		"LANG", "LISTEN_FDNAMES", "LISTEN_FDS", "LISTEN_PID", "MODE", "PLUGIN_MAX_PORT", "PLUGIN_MIN_PORT",
		"PLUGIN_PROTOCOL_VERSIONS", "PLUGIN_UNIX_SOCKET_DIR", "SEGUE_INSTANCE", "SEGUE_LAUNCH", "SEGUE_MODULE", "SEGUE_NONCE", "SEGUE_RELEASE",
	}
	if !slices.Equal(names, want) {
		t.Errorf("environment %v\nwant %v", names, want)
	}
	for fd, to := range seen.FDs {
		own := strings.HasPrefix(to, "socket:") || strings.HasPrefix(to, "pipe:") || strings.HasPrefix(to, "anon_inode:") ||
			strings.HasPrefix(to, "/sys/fs/cgroup/") || strings.HasPrefix(to, "/proc/") || to == "/dev/null"
		if !own && to != filepath.Join(b.dirOf(i), "control") {
			t.Errorf("descriptor %s is %s", fd, to)
		}
	}
	i.Stop(t.Context(), 0)
}

func TestAModuleThatCannotServeIsRefusedWithTheReasonAndLeavesNothing(t *testing.T) {
	elsewhere := filepath.Join(t.TempDir(), "elsewhere")
	l, err := net.Listen("unix", elsewhere)
	if err != nil {
		t.Fatal(err)
	}
	var connections sync.WaitGroup
	t.Cleanup(func() {
		l.Close()
		connections.Wait()
	})
	connections.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			// A peer check comes after the connection, so one may come; it must carry nothing.
			buf := make([]byte, 1)
			if n, _ := conn.Read(buf); n > 0 {
				t.Error("the host spoke to another's socket")
			}
			conn.Close()
		}
	})

	for name, c := range map[string]struct {
		mode    string
		env     []string
		timeout time.Duration
		kind    module.Kind
		want    []string
	}{
		"silent": {
			mode: "silent", timeout: 300 * time.Millisecond, kind: module.Timeout,
			want: []string{"start tested@1.0.0: did not shake hands within 300ms; the last it wrote: still thinking"},
		},
		"stopped before the handshake": {
			mode: "stopped", timeout: 300 * time.Millisecond, kind: module.Timeout,
			want: []string{"did not shake hands within 300ms; it wrote nothing"},
		},
		"exits": {
			mode: "exit", kind: module.Invalid,
			want: []string{"exited with code 3 before the handshake; the last it wrote: cannot open the database"},
		},
		"panics":         {mode: "panic", kind: module.Invalid, want: []string{"exited with code 2 while it started: panic: no more"}},
		"fails to start": {mode: "fails-to-start", kind: module.Invalid, want: []string{"no such table"}},
		"never started": {
			mode: "never-started", timeout: 500 * time.Millisecond, kind: module.Timeout,
			want: []string{"did not start within 500ms"},
		},
		"needs too much memory": {mode: "hungry", kind: module.Invalid, want: []string{"memory quota of 160 MiB reached while it started"}},
		"dies by a signal":      {mode: "segfault", kind: module.Invalid, want: []string{"SIGSEGV"}},
		"names TCP": {
			mode: "names", env: []string{"NETWORK=tcp", "ADDRESS=127.0.0.1:1"}, kind: module.Invalid,
			want: []string{`the handshake names tcp "127.0.0.1:1", which is not in the module's own directory`},
		},
		"names another's socket": {
			mode: "names", env: []string{"NETWORK=unix", "ADDRESS=" + elsewhere}, kind: module.Invalid,
			want: []string{"which is not in the module's own directory"},
		},
		"names the abstract": {
			mode: "names", env: []string{"NETWORK=unix", "ADDRESS=@x"}, kind: module.Invalid,
			want: []string{"which is not in the module's own directory"},
		},
		"climbs out": {
			mode: "names", env: []string{"NETWORK=unix", "ADDRESS=/proc/self/fd/4/../launch"}, kind: module.Invalid,
			want: []string{"which is not in the module's own directory"},
		},
		"names nothing": {
			mode: "names", env: []string{"NETWORK=unix", "ADDRESS=/proc/self/fd/4/none"}, kind: module.Invalid,
			want: []string{"no such file or directory"},
		},
		"links to another's socket": {
			mode: "symlink", env: []string{"TARGET=" + elsewhere}, kind: module.Invalid,
			want: []string{"linked is no socket"},
		},
		"hard-links another's socket": {
			mode: "hardlink", env: []string{"TARGET=" + elsewhere}, kind: module.Invalid,
			want: []string{"the control socket is served by process"},
		},
		"names a file":   {mode: "file", kind: module.Invalid, want: []string{"plain is no socket"}},
		"speaks net/rpc": {mode: "netrpc", kind: module.Invalid, want: []string{"no such file"}},
		"deaf": {
			mode: "deaf", timeout: 500 * time.Millisecond, kind: module.Timeout,
			want: []string{"within 500ms"},
		},
		"deaf, with a certificate for a TLS that nobody speaks": {
			mode: "deaf", env: []string{"CERTIFICATE=" + certificate(t)}, timeout: 500 * time.Millisecond, kind: module.Timeout,
			want: []string{"within 500ms"},
		},
		"says another version": {
			mode: "other-version", kind: module.Invalid,
			want: []string{`manifest "tested@1.0.1": the running module describes itself otherwise`},
		},
		"does not know the nonce": {mode: "other-nonce", kind: module.Invalid, want: []string{"nonce"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, func(c2 *instance.Config) { c2.StartTimeout = c.timeout })
			b.quotas.Memory = 160 << 20
			err := b.refused(t.Context(), c.mode, c.env...)
			if module.KindOf(err) != c.kind {
				t.Errorf("kind %s, want %s", module.KindOf(err), c.kind)
			}
			for _, want := range c.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("%v\nwant %q", err, want)
				}
			}
		})
	}
}

// certificate is a valid one, in the form in which go-plugin's handshake carries it.
func certificate(t *testing.T) string {
	t.Helper()
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, public, private)
	if err != nil {
		t.Fatal(err)
	}
	return base64.RawStdEncoding.EncodeToString(der)
}

func TestAnotherSpellingOfTheManifestIsTheSameManifest(t *testing.T) {
	b := newBench(t, nil)
	b.start("other-spelling").Stop(t.Context(), 0)
}

func TestASpecThatCannotBeStartedIsRefused(t *testing.T) {
	b := newBench(t, nil)
	for name, c := range map[string]struct {
		change func(*instance.Spec)
		want   string
	}{
		"a path as its id":       {func(s *instance.Spec) { s.ID = "../x" }, `instance "../x": not an instance id`},
		"no executable":          {func(s *instance.Spec) { s.Binary = nil }, "no executable"},
		"no manifest":            {func(s *instance.Spec) { s.ManifestText = nil }, "manifest: "},
		"another's manifest":     {func(s *instance.Spec) { s.Release.Version = "2.0.0" }, "it is another release's"},
		"quotas below any sense": {func(s *instance.Spec) { s.Quotas.OpenFiles = 1 }, "quotas: limit nofile is 1"},
		"a data folder nowhere":  {func(s *instance.Spec) { s.DataDir = "data" }, `data "data": is not an absolute path`},
	} {
		t.Run(name, func(t *testing.T) {
			spec := b.spec("")
			c.change(&spec)
			_, err := b.starter.Start(t.Context(), spec)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v, want %q", err, c.want)
			}
			b.empty()
		})
	}
}

func TestAFileThatIsNoProgramIsRefusedByTheLauncher(t *testing.T) {
	b := newBench(t, nil)
	path := filepath.Join(t.TempDir(), "text")
	if err := os.WriteFile(path, []byte("no program"), 0o755); err != nil {
		t.Fatal(err)
	}
	spec := b.spec("")
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	spec.Binary = f
	_, err = b.starter.Start(t.Context(), spec)
	if err == nil || !strings.Contains(err.Error(), "segue-launch: execute the module: exec format error") {
		t.Errorf("%v", err)
	}
	b.empty()
}

func TestTwoInstancesCannotHaveOneID(t *testing.T) {
	b := newBench(t, nil)
	first := b.start("")
	spec := b.spec("")
	spec.ID = first.ID()
	if _, err := b.starter.Start(t.Context(), spec); err == nil {
		t.Fatal("the second came up")
	}
	if err := first.Probe(t.Context()); err != nil {
		t.Errorf("the first: %v", err)
	}
	first.Stop(t.Context(), 0)
}

func TestCancellingAStartEndsItAndItsProcess(t *testing.T) {
	b := newBench(t, nil)
	ctx, cancel := context.WithCancelCause(t.Context())
	superseded := errors.New("superseded")
	time.AfterFunc(50*time.Millisecond, func() { cancel(superseded) })
	err := b.refused(ctx, "silent")
	if !errors.Is(err, superseded) {
		t.Errorf("the error is %v", err)
	}
	ctx, cancel = context.WithCancelCause(t.Context())
	cancel(superseded)
	if err := b.refused(ctx, ""); !errors.Is(err, superseded) {
		t.Errorf("the error is %v", err)
	}
}

func TestAClosedStarterStartsNothingAndLeavesNothing(t *testing.T) {
	b := newBench(t, nil)
	i := b.start("")
	b.starter.Close()
	<-i.Done()
	if e := i.Exit(); e.String() != "killed by SIGKILL" || !e.Requested {
		t.Errorf("exit %+v", e)
	}
	if err := b.refused(t.Context(), ""); !errors.Is(err, instance.ErrClosed) {
		t.Errorf("start after close: %v", err)
	}
}
