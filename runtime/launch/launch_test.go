package launch_test

import (
	"encoding/json"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/segue-run/segue/runtime/launch"
)

// found is what the probe prints.
type found struct {
	Args, Env  []string
	PID, PPID  int
	PGID, SID  int
	Dir        string
	Umask      int
	Limits     map[string]string
	Status     map[string]string
	FDs        map[int]string
	ChildLimit string
	Namespaces map[string]string
	Cgroups    []string
	Tried      map[string]string
	SecureBits uintptr
}

func open(t testing.TB, path string) *os.File {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

func spawner(t testing.TB) *launch.Spawner {
	t.Helper()
	s := launch.NewSpawner()
	t.Cleanup(s.Close)
	return s
}

// run launches spec to its end and gives its exit code and output.
func run(t *testing.T, spec launch.Spec, change func(*exec.Cmd)) (code int, stdout, stderr string) {
	t.Helper()
	files := make([]*os.File, 2)
	for n := range files {
		f, err := os.Create(filepath.Join(t.TempDir(), "out"))
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		files[n] = f
	}
	spec.Stdout, spec.Stderr = files[0], files[1]
	if spec.Binary == nil {
		spec.Binary = open(t, probe)
	}
	if spec.Args == nil {
		spec.Args = []string{"probe"}
	}
	cmd := launch.Command(spec)
	if change != nil {
		change(cmd)
	}
	if err := spawner(t).Start(cmd); err != nil {
		t.Fatalf("start: %v", err)
	}
	_ = cmd.Wait()
	out := make([]string, 2)
	for n, f := range files {
		raw, err := os.ReadFile(f.Name())
		if err != nil {
			t.Fatal(err)
		}
		out[n] = string(raw)
	}
	return cmd.ProcessState.ExitCode(), out[0], out[1]
}

func report(t *testing.T, spec launch.Spec, change func(*exec.Cmd)) found {
	t.Helper()
	code, stdout, stderr := run(t, spec, change)
	var f found
	if err := json.Unmarshal([]byte(stdout), &f); err != nil || code != 0 {
		t.Fatalf("the probe exited with %d, %v\n%s\n%s", code, err, stdout, stderr)
	}
	return f
}

func TestTheProcessHasTheLimitsOfItsSpecBeforeItRuns(t *testing.T) {
	f := report(t, launch.Spec{Limits: launch.Limits{NoFile: 128, Data: 256 << 20, FSize: 64 << 20, NProc: 4000}}, nil)
	for name, want := range map[string]string{
		"Max pending signals": "1024 1024",
		"Max core file size":  "0 0",
		"Max open files":      "128 128",
		"Max data size":       "268435456 268435456",
		"Max file size":       "67108864 67108864",
		"Max processes":       "4000 4000",
	} {
		if got := f.Limits[name]; got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	if got := f.Limits["Max cpu time"]; got != "unlimited unlimited" {
		t.Errorf("processor time is limited to %q", got)
	}
	if f.ChildLimit != "128" {
		t.Errorf("a child of the process may open %s files", f.ChildLimit)
	}
}

func TestAZeroLimitIsTheDefault(t *testing.T) {
	f := report(t, launch.Spec{}, nil)
	want, _ := launch.Limits{}.Clamped()
	if got := f.Limits["Max open files"]; got != strconv.FormatUint(want.NoFile, 10)+" "+strconv.FormatUint(want.NoFile, 10) {
		t.Errorf("open files: %q, want %d", got, want.NoFile)
	}
	if got := f.Limits["Max data size"]; got != "1073741824 1073741824" {
		t.Errorf("data: %q", got)
	}
}

func TestTheProcessHasExactlyTheEnvironmentOfItsSpec(t *testing.T) {
	t.Setenv("SECRET_OF_THE_HOST", "1")
	f := report(t, launch.Spec{Env: []string{"A=1", "B=two words", "LISTEN_PID=7", "LISTEN_FDS=3"}}, nil)
	if want := []string{"A=1", "B=two words"}; !slices.Equal(f.Env, want) {
		t.Errorf("environment %q, want %q", f.Env, want)
	}
	if f := report(t, launch.Spec{}, nil); len(f.Env) != 0 {
		t.Errorf("environment %q, want none", f.Env)
	}
}

func TestWhatIsMeantForAGoRuntimeReachesThatOfTheProcessAlone(t *testing.T) {
	code, stdout, stderr := run(t, launch.Spec{Env: []string{"GODEBUG=inittrace=1", "GOMAXPROCS=7"}}, nil)
	var f found
	if err := json.Unmarshal([]byte(stdout), &f); err != nil || code != 0 {
		t.Fatalf("the probe exited with %d, %v", code, err)
	}
	if want := []string{"GODEBUG=inittrace=1", "GOMAXPROCS=7"}; !slices.Equal(f.Env, want) {
		t.Errorf("environment %q, want %q", f.Env, want)
	}
	if n := strings.Count(stderr, "init runtime @"); n != 1 {
		t.Errorf("%d Go runtimes were told, want the process's alone:\n%s", n, stderr)
	}
}

func TestTheProcessHasOnlyTheDescriptorsOfItsSpec(t *testing.T) {
	leak := open(t, "/etc/hosts")
	if _, err := unix.FcntlInt(leak.Fd(), unix.F_SETFD, 0); err != nil { // not close-on-exec
		t.Fatal(err)
	}
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: filepath.Join(t.TempDir(), "s")})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	listener, err := l.File()
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	f := report(t, launch.Spec{Files: []*os.File{listener, open(t, t.TempDir())}, ListenerName: "http"}, nil)
	for fd, target := range f.FDs {
		switch {
		case fd <= 4:
		case strings.HasPrefix(target, "anon_inode:"), strings.HasPrefix(target, "/sys/fs/cgroup/"): // the Go runtime's own
		default:
			t.Errorf("descriptor %d is %s", fd, target)
		}
	}
	if f.FDs[0] != os.DevNull {
		t.Errorf("standard input is %s", f.FDs[0])
	}
	if !strings.HasPrefix(f.FDs[3], "socket:") {
		t.Errorf("descriptor 3 is %s", f.FDs[3])
	}
	want := []string{"LISTEN_PID=" + strconv.Itoa(f.PID), "LISTEN_FDS=1", "LISTEN_FDNAMES=http"}
	if !slices.Equal(f.Env, want) {
		t.Errorf("the listener is announced by %q, want %q", f.Env, want)
	}
}

func TestTheProcessLeadsItsOwnSessionAndCannotGainPrivileges(t *testing.T) {
	dir := t.TempDir()
	f := report(t, launch.Spec{Dir: dir, Args: []string{"hello@1.0.0", "--", "x"}}, nil)
	if f.PGID != f.PID || f.SID != f.PID {
		t.Errorf("pid %d is in group %d and session %d", f.PID, f.PGID, f.SID)
	}
	if f.PPID != os.Getpid() {
		t.Errorf("parent is %d, want %d", f.PPID, os.Getpid())
	}
	if f.Status["NoNewPrivs"] != "1" {
		t.Errorf("NoNewPrivs is %s", f.Status["NoNewPrivs"])
	}
	if f.Umask != 0o077 {
		t.Errorf("umask is %o", f.Umask)
	}
	if f.Dir != dir {
		t.Errorf("working directory is %s, want %s", f.Dir, dir)
	}
	if want := []string{"hello@1.0.0", "--", "x"}; !slices.Equal(f.Args, want) {
		t.Errorf("arguments %q, want %q", f.Args, want)
	}
	if got := strings.Trim(f.Status["SigBlk"]+f.Status["SigIgn"], "0"); got != "" {
		t.Errorf("signals blocked %s, ignored %s", f.Status["SigBlk"], f.Status["SigIgn"])
	}
}

// under lets a shell, as nohup does, do something to itself before it becomes the
// launcher, which has another path then.
func under(t *testing.T, script string) func(*exec.Cmd) {
	t.Helper()
	bash, err := exec.LookPath("bash")
	if err != nil {
		t.Fatal("this test needs bash")
	}
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return func(cmd *exec.Cmd) {
		before := []string{"bash", "-c", script + ` && exec -a "$0" "$@"`, cmd.Args[0], exe}
		cmd.Path, cmd.Args = bash, append(before, cmd.Args[1:]...)
	}
}

func TestIgnoredSignalsAreNotHandedDown(t *testing.T) {
	f := report(t, launch.Spec{}, under(t, `trap '' HUP INT PIPE USR1`))
	if got := strings.Trim(f.Status["SigIgn"], "0"); got != "" {
		t.Errorf("ignored signals: %s", f.Status["SigIgn"])
	}
}

func TestALauncherThatCannotBecomeTheModuleSaysWhyInOneLine(t *testing.T) {
	text := filepath.Join(t.TempDir(), "text")
	if err := os.WriteFile(text, []byte("no program\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	order := func(at int, arg string) func(*exec.Cmd) {
		return func(cmd *exec.Cmd) { cmd.Args = slices.Insert(cmd.Args, at, arg) }
	}
	for name, c := range map[string]struct {
		spec   launch.Spec
		change func(*exec.Cmd)
		want   string
	}{
		"no executable": {
			spec: launch.Spec{Binary: open(t, text)},
			want: "execute the module: exec format error",
		},
		"not there": {
			spec: launch.Spec{Dir: "/nowhere/at/all"},
			want: "change to directory /nowhere/at/all: no such file or directory",
		},
		"unknown order":  {change: order(1, "colour=blue"), want: "argument colour=blue: not a number"},
		"unknown number": {change: order(1, "colour=1"), want: "argument colour=1: unknown"},
		"order twice":    {change: order(1, "core=0"), want: "argument core=0: given twice"},
		"no order":       {change: order(1, "core"), want: "argument core: not key=value"},
		"number too big": {change: order(1, "x=99999999999999999999"), want: "argument x=99999999999999999999: not a number"},
		"no command":     {change: func(cmd *exec.Cmd) { cmd.Args = cmd.Args[:2] }, want: "no command after --"},
		"no executable's number": {
			change: func(cmd *exec.Cmd) { cmd.Args = slices.Delete(cmd.Args, 1, 2) },
			want:   "argument exec: which descriptor is the module?",
		},
		"a host that says nothing": {
			change: func(cmd *exec.Cmd) { cmd.Stdin = nil },
			want:   "the host is gone",
		},
		"a host that says something else": {
			change: func(cmd *exec.Cmd) { cmd.Stdin = strings.NewReader("?") },
			want:   "the host's word does not end where it should",
		},
	} {
		t.Run(name, func(t *testing.T) {
			code, stdout, stderr := run(t, c.spec, c.change)
			if code != launch.FailureCode || stdout != "" {
				t.Errorf("exit code %d, output %q", code, stdout)
			}
			if want := launch.FailurePrefix + c.want + "\n"; stderr != want {
				t.Errorf("said %q, want %q", stderr, want)
			}
		})
	}
}

func TestALimitAboveTheHardLimitIsRefusedByTheLauncherAndLoweredByClamped(t *testing.T) {
	// So many descriptors are above what the kernel allows anybody.
	code, _, stderr := run(t, launch.Spec{Limits: launch.Limits{NoFile: 1 << 40}}, nil)
	want := launch.FailurePrefix + "set limit nofile=1099511627776: operation not permitted\n"
	if code != launch.FailureCode || stderr != want {
		t.Errorf("exit code %d, said %q, want %q", code, stderr, want)
	}
	var hard syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &hard); err != nil {
		t.Fatal(err)
	}
	limits, clamps := launch.Limits{NoFile: 1 << 40}.Clamped()
	if limits.NoFile != hard.Max || len(clamps) != 1 || clamps[0].Limit != "nofile" || clamps[0].Gets != hard.Max {
		t.Errorf("clamped to %+v, %v; hard limit %d", limits, clamps, hard.Max)
	}
}

func TestLimitsUnderWhichNoModuleRunsAreRefused(t *testing.T) {
	for name, l := range map[string]launch.Limits{
		"nofile": {NoFile: 6}, "data": {Data: 64 << 20}, "fsize": {FSize: 1}, "nproc": {NProc: 1},
	} {
		if err := l.Validate(); err == nil || !strings.Contains(err.Error(), "limit "+name+" is") {
			t.Errorf("%+v: %v", l, err)
		}
	}
	if err := (launch.Limits{}).Validate(); err != nil {
		t.Errorf("the defaults: %v", err)
	}
}

func TestABusyExecutableIsWaitedFor(t *testing.T) {
	path := filepath.Join(t.TempDir(), "probe")
	w, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY, 0o755)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(w, open(t, probe)); err != nil {
		t.Fatal(err)
	}
	closed := make(chan struct{})
	go func() {
		defer close(closed)
		time.Sleep(100 * time.Millisecond)
		w.Close()
	}()
	report(t, launch.Spec{Binary: open(t, path)}, nil)
	select {
	case <-closed:
	default:
		t.Error("it ran while it was open for writing")
	}
	<-closed
}
