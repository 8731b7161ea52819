package watch_test

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/segue-run/segue/runtime/watch"
)

// alone runs the calling test again in a process of its own, which it may spoil, and
// reports whether it did.
func alone(t *testing.T) bool {
	t.Helper()
	const inside = "SEGUE_TEST_ALONE"
	if os.Getenv(inside) != "" {
		return false
	}
	cmd := exec.Command("/proc/self/exe", "-test.run=^"+t.Name()+"$", "-test.v")
	cmd.Env = append(os.Environ(), inside+"=1")
	out, err := cmd.CombinedOutput()
	if err != nil || !bytes.Contains(out, []byte("--- PASS: "+t.Name())) {
		t.Fatalf("%v\n%s", err, out)
	}
	return true
}

// exhaust takes every descriptor that the process may have.
func exhaust(t *testing.T) (giveBack func()) {
	t.Helper()
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	limit.Cur = 64
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	var held []int
	for {
		fd, err := unix.Open("/dev/null", unix.O_RDONLY|unix.O_CLOEXEC, 0)
		if errors.Is(err, unix.EMFILE) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		held = append(held, fd)
	}
	return func() {
		for _, fd := range held {
			_ = unix.Close(fd)
		}
	}
}

func TestWithoutDescriptorsFilesAreWaitedForAndNotRefused(t *testing.T) {
	if alone(t) {
		return
	}
	r := newRig(t, func(c *watch.Config) { c.WaitAfter = 1500 * time.Millisecond }).running()
	src, behind := r.file("plain", 0), r.file("linked", 0)
	want := read(t, src)
	r.mv("taken", r.file("taken", 0))
	r.want("offer taken")
	giveBack := exhaust(t)
	r.mv("hello", src)
	if err := os.Symlink(behind, r.path("link")); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(r.path("taken")); err != nil {
		t.Fatal(err)
	}
	r.overflow() // the directory itself cannot be read either
	for seen := map[string]bool{}; len(seen) < 3; {
		select {
		case got := <-r.told:
			seen[got.line] = true
			n, waiting := got.notice.(*watch.Waiting)
			if !waiting && got.line != "removed taken" {
				t.Fatalf("told %q: %v", got.line, got.err)
			}
			if waiting && !strings.Contains(n.Why, "too many open files") {
				t.Errorf("waits since %q", n.Why)
			}
		case <-time.After(deadline):
			t.Fatalf("only told %v", seen)
		}
	}
	giveBack()
	offered := map[string][]byte{}
	for len(offered) < 2 {
		select {
		case got := <-r.told:
			if strings.HasPrefix(got.line, "offer ") {
				offered[got.line] = got.bytes
			} else if !strings.HasPrefix(got.line, "waiting ") {
				t.Fatalf("told %q: %v", got.line, got.err)
			}
		case <-time.After(deadline):
			t.Fatalf("only offered %d", len(offered))
		}
	}
	if !bytes.Equal(offered["offer hello"], want) || !bytes.Equal(offered["offer link"], read(t, behind)) {
		t.Error("what is offered is not what was dropped")
	}
	r.wantNothing()
}
