package instance_test

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/segue-run/segue/runtime/instance"
	"github.com/segue-run/segue/runtime/module"
)

// kills is a kernel's count of processes killed for lack of memory.
type kills string

func newKills(t *testing.T, b *bench) kills {
	t.Helper()
	k := kills(filepath.Join(t.TempDir(), "vmstat"))
	k.set(t, 3)
	b.starter.CountKillsIn(string(k))
	return k
}

func (k kills) set(t *testing.T, n int) {
	t.Helper()
	text := "nr_free_pages 4711\noom_kill " + strconv.Itoa(n) + "\nnuma_hit 1\n"
	if err := os.WriteFile(string(k), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// ended waits for the end and checks its cause and its words.
func ended(t *testing.T, i *instance.Instance, cause module.DeathCause, words string) {
	t.Helper()
	if got := i.Cause(); got != cause {
		t.Errorf("it died of %s, want %s", got, cause)
	}
	if got := i.Exit().String(); !strings.HasPrefix(got, words) {
		t.Errorf("its end is %q, want %q", got, words)
	}
}

func TestTheCauseOfADeathIsTold(t *testing.T) {
	for name, c := range map[string]struct {
		mode  string
		ask   string // a request that it does not survive
		sig   syscall.Signal
		cause module.DeathCause
		words string
	}{
		"an exit":                       {mode: "crashes-later", ask: "/", cause: module.DiedOfCrash, words: "exited with code 7"},
		"a panic":                       {ask: "/panic", cause: module.DiedOfCrash, words: "exited with code 2: panic: no more"},
		"a signal":                      {sig: syscall.SIGKILL, cause: module.DiedOfCrash, words: "killed by SIGKILL"},
		"a call that it may not make":   {ask: "/trapped", cause: module.DiedOfSandbox, words: "broke a rule of its sandbox"},
		"one that kills at once":        {ask: "/killed", cause: module.DiedOfSandbox, words: "broke a rule of its sandbox"},
		"words that tell of no memory":  {ask: "/lies", cause: module.DiedOfCrash, words: "exited with code 1"},
		"a panic that repeats an errno": {ask: "/enomem", cause: module.DiedOfMemory, words: "memory limit reached: panic: "},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, nil)
			newKills(t, b)
			i := b.start(c.mode)
			if c.sig != 0 {
				if err := syscall.Kill(i.PID(), c.sig); err != nil {
					t.Fatal(err)
				}
			} else if resp, err := client(i).Get("http://module" + c.ask); err == nil {
				resp.Body.Close()
				t.Fatal("it survived")
			}
			ended(t, i, c.cause, c.words)
		})
	}
}

func TestAModuleThatTakesMoreThanItsMemoryQuotaDiesOfIt(t *testing.T) {
	b := newBench(t, nil)
	spec := plugin(t, "chaos/hog")
	spec.Quotas.Memory = 160 << 20
	i, err := b.starter.Start(t.Context(), spec)
	if err != nil {
		t.Fatal(err)
	}
	if resp, err := client(i).Get("http://module/hello/grow"); err == nil {
		resp.Body.Close()
		t.Error("it survived")
	}
	ended(t, i, module.DiedOfMemory, "memory quota of 160 MiB reached")
}

func TestAModuleThatTheKernelKilledForLackOfMemoryDiedOfIt(t *testing.T) {
	for name, c := range map[string]struct {
		before, after int // counts at a look at its usage, and at its end
		cause         module.DeathCause
		words         string
	}{
		"the count rose":       {3, 4, module.DiedOfMemory, "killed by the kernel, which was short of memory"},
		"the count rests":      {3, 3, module.DiedOfCrash, "killed by SIGKILL"},
		"the count rose early": {4, 4, module.DiedOfCrash, "killed by SIGKILL"},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, nil)
			count := newKills(t, b)
			i := b.start("")
			count.set(t, c.before)
			// A look at the usage takes the count anew once it is a second old.
			waitFor(t, "the new count", func() bool {
				if _, err := i.Usage(); err != nil {
					t.Fatal(err)
				}
				return i.Kills() == uint64(c.before)
			})
			count.set(t, c.after)
			if err := syscall.Kill(i.PID(), syscall.SIGKILL); err != nil {
				t.Fatal(err)
			}
			ended(t, i, c.cause, c.words)
		})
	}
}

func TestAModuleThatTheHostKilledDidNotDieOfMemory(t *testing.T) {
	b := newBench(t, nil)
	count := newKills(t, b)
	i := b.start("ignores-stop")
	count.set(t, 4)
	i.Stop(t.Context(), 1)
	ended(t, i, module.DiedOfCrash, "killed by SIGKILL")
}
