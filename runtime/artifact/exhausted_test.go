package artifact_test

import (
	"bytes"
	"errors"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/segue-run/segue/runtime/artifact"
	"github.com/segue-run/segue/runtime/module"
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

// exhaust takes every descriptor that the process may have but spare.
func exhaust(t *testing.T, spare int) (giveBack func()) {
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
	giveBack = func() {
		for _, fd := range held {
			_ = unix.Close(fd)
		}
		held = nil
	}
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
	for _, fd := range held[len(held)-spare:] {
		_ = unix.Close(fd)
	}
	held = held[:len(held)-spare]
	return giveBack
}

func TestWithoutDescriptorsNothingIsRefusedForGoodOrTakenForDamaged(t *testing.T) {
	if alone(t) {
		return
	}
	s, dir := openIn(t)
	before := stage(t, s, executable("before"), nil)
	for spare := range 3 { // 0: no copy; 1: none to read it by; 2: none for what is stored
		giveBack := exhaust(t, spare)
		want := executable("after")
		if spare == 2 {
			want = executable("before")
		}
		_, err := s.Stage(t.Context(), bytes.NewReader(want), nil)
		wantLack(t, err)
		if spare == 0 {
			_, err = s.Load(t.Context(), before.Digest)
			wantLack(t, err)
			if err := before.Flush(); err == nil {
				t.Error("it was flushed without a descriptor")
			}
			if err := before.Verify(); err != nil {
				t.Error(err)
			}
		}
		giveBack()
	}
	if err := before.Flush(); err != nil {
		t.Errorf("the flush stays failed: %v", err)
	}
	if got := names(t, dir); !slices.Equal(got, []string{string(before.Digest)}) {
		t.Errorf("the directory holds %q", got)
	}
	stage(t, s, executable("after"), nil)
	a, err := s.Load(t.Context(), before.Digest)
	if err != nil {
		t.Fatal(err)
	}
	a.Close()
}

func TestWhatTheMachineLacksIsNoFaultOfTheFile(t *testing.T) {
	for _, lack := range []error{unix.ENOMEM, unix.ENFILE, unix.EIO, unix.ENOBUFS} {
		for name, faults := range map[string]artifact.Faults{
			"copy":   {Copy: func(*os.File, io.Reader, int64) (int64, error) { return 0, lack }},
			"rename": {Rename: func(string, string) error { return &os.LinkError{Op: "rename", Old: "a", New: "b", Err: lack} }},
		} {
			t.Run(name+" "+lack.Error(), func(t *testing.T) {
				s, dir := openIn(t)
				s.Inject(faults)
				_, err := s.Stage(t.Context(), bytes.NewReader(executable("")), nil)
				wantLack(t, err)
				if got := names(t, dir); len(got) != 0 {
					t.Errorf("left behind: %q", got)
				}
			})
		}
	}
}

func wantLack(t *testing.T, err error) {
	t.Helper()
	var refusal *module.Error
	if !errors.As(err, &refusal) || refusal.Kind != module.Unavailable || !strings.Contains(refusal.Hint, "try again") {
		t.Errorf("got %v", err)
	}
}
