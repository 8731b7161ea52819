package instance_test

import (
	"context"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/segue-run/segue/runtime/instance"
	"github.com/segue-run/segue/runtime/module"
)

// grandchild is the pid that the module wrote.
func (b *bench) grandchild() int {
	b.t.Helper()
	_, text, _ := strings.Cut(b.logged("grandchild ").Message, " ")
	pid, err := strconv.Atoi(text)
	if err != nil {
		b.t.Fatal(err)
	}
	return pid
}

func TestAModuleThatDoesNotStopIsKilledAfterTheGrace(t *testing.T) {
	for name, c := range map[string]struct {
		mode   string
		frozen bool
	}{
		"it ignores stop":           {mode: "ignores-stop"},
		"it is stopped by a signal": {frozen: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, nil)
			i := b.start(c.mode)
			if c.frozen {
				freeze(t, i.PID())
			}
			r := i.Stop(context.Background(), 300*time.Millisecond)
			if !r.Killed || r.Took < 300*time.Millisecond {
				t.Errorf("stopped with %+v", r)
			}
			if e := i.Exit(); e.String() != "killed by SIGKILL" || !e.Requested {
				t.Errorf("exit %+v", e)
			}
			b.empty()
		})
	}
}

func TestTheEndOfTheContextCutsTheGraceShort(t *testing.T) {
	b := newBench(t, nil)
	i := b.start("ignores-stop")
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(50*time.Millisecond, cancel)
	if r := i.Stop(ctx, time.Hour); !r.Killed {
		t.Errorf("stopped with %+v", r)
	}
}

func TestWhatAModuleStartedEndsWithIt(t *testing.T) {
	b := newBench(t, nil)
	i := b.start("grandchild")
	child := b.grandchild()
	if !alive(child) {
		t.Fatal("the grandchild is not there")
	}
	i.Stop(t.Context(), 0)
	waitFor(t, "the grandchild's end", func() bool { return !alive(child) })
}

func TestAnEscapedGrandchildThatHoldsTheOutputDoesNotHoldUpAStop(t *testing.T) {
	b := newBench(t, nil)
	i := b.start("runaway-grandchild")
	child := b.grandchild()
	defer syscall.Kill(child, syscall.SIGKILL)
	if r := i.Stop(t.Context(), 0); r.Killed {
		t.Error("it had to be killed")
	}
	if !alive(child) {
		t.Error("the grandchild should have escaped, or this test shows nothing")
	}
	b.empty()
}

func TestACrashIsToldAtOnceWithItsExitCode(t *testing.T) {
	b := newBench(t, nil)
	i := b.start("crashes-later")
	conn, err := i.Dial(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := conn.Write([]byte("GET / HTTP/1.1\r\nHost: x\r\n\r\n")); err != nil {
		t.Fatal(err)
	}
	select {
	case <-i.Done():
	case <-time.After(patience):
		t.Fatal("the crash was not told")
	}
	if e := i.Exit(); e.Code != 7 || e.Requested || e.String() != "exited with code 7" {
		t.Errorf("exit %+v", e)
	}
	if conn, err := i.Dial(t.Context()); err == nil {
		conn.Close()
		t.Error("it can still be dialled")
	}
	if err := i.Probe(t.Context()); err == nil {
		t.Error("it is still well")
	}
	if err := i.Drain(t.Context()); err == nil {
		t.Error("it can still be drained")
	}
	if r := i.Stop(t.Context(), 0); r.Killed {
		t.Error("it was killed after its end")
	}
	b.empty()
}

func TestAKilledModuleIsToldByItsSignal(t *testing.T) {
	b := newBench(t, nil)
	i := b.start("")
	if err := syscall.Kill(i.PID(), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	if e := i.Exit(); e.Signal != "SIGKILL" || e.Requested || e.Code != -1 {
		t.Errorf("exit %+v", e)
	}
}

func TestAProbeFindsOutWhatIsWrong(t *testing.T) {
	for name, c := range map[string]struct {
		mode, env string
		kind      module.Kind
		want      string
	}{
		"the module says so":   {mode: "unwell", kind: module.Unavailable, want: "probe tested@1.0.0: the module says NOT_SERVING"},
		"the path answers 5xx": {env: "WELL=no", kind: module.Unavailable, want: "GET /well: the module answers 500 Internal Server Error"},
		"the path leads away":  {env: "WELL_AT=http://127.0.0.1:1/", kind: module.Unavailable, want: "GET /well: the module answers 302 Found"},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, nil)
			i := b.start(c.mode, c.env)
			err := i.Probe(t.Context())
			if err == nil || !strings.Contains(err.Error(), c.want) || module.KindOf(err) != c.kind {
				t.Errorf("%v (%s), want %q", err, module.KindOf(err), c.want)
			}
		})
	}
}

func TestAProbeOfAFrozenModuleEndsByItsDeadline(t *testing.T) {
	b := newBench(t, func(c *instance.Config) { c.CallTimeout = 200 * time.Millisecond })
	i := b.start("")
	freeze(t, i.PID())
	for what, err := range map[string]error{"probe": i.Probe(t.Context()), "drain": i.Drain(t.Context())} {
		if module.KindOf(err) != module.Timeout {
			t.Errorf("%s: %v", what, err)
		}
	}
	if err := syscall.Kill(i.PID(), syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	waitFor(t, "a probe that passes again", func() bool { return i.Probe(t.Context()) == nil })
}
