package instance_test

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/segue-run/segue/runtime/module"
)

// leave makes this process unable to open more than so many files, until the function
// that it gives is called.
func leave(t *testing.T, free int) (restore func()) {
	t.Helper()
	var was syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &was); err != nil {
		t.Fatal(err)
	}
	limit := was
	limit.Cur = min(was.Cur, 512)
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	var held []int
	for {
		fd, err := syscall.Open("/dev/null", syscall.O_CLOEXEC, 0)
		if err != nil {
			break
		}
		held = append(held, fd)
	}
	for _, fd := range held[:free] {
		_ = syscall.Close(fd)
	}
	return func() {
		for _, fd := range held[free:] {
			_ = syscall.Close(fd)
		}
		if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &was); err != nil {
			t.Fatal(err)
		}
	}
}

func TestADialWithoutADescriptorIsNotTheModulesFault(t *testing.T) {
	b := newBench(t, nil)
	i := b.start("")
	restore := leave(t, 0)
	_, err := i.Dial(t.Context())
	probe := i.Probe(t.Context())
	restore()
	for what, err := range map[string]error{"dial": err, "probe": probe} {
		if module.KindOf(err) != module.Quota {
			t.Errorf("%s: %v (%s)", what, err, module.KindOf(err))
		}
	}
	if err := i.Probe(t.Context()); err != nil {
		t.Errorf("once there are some again: %v", err)
	}
}

func TestAStartWithoutADescriptorIsNotTheModulesFault(t *testing.T) {
	for name, free := range map[string]int{"for the socket's place": 0, "for the socket": 1} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, nil)
			gate := filepath.Join(t.TempDir(), "gate")
			if err := os.WriteFile(gate, nil, 0o600); err != nil {
				t.Fatal(err)
			}
			failed := make(chan error, 1)
			go func() {
				_, err := b.starter.Start(t.Context(), b.spec("gated", "GATE="+gate))
				failed <- err
			}()
			b.logged("at the gate")
			waitFor(t, "the launch record", func() bool {
				found, _ := filepath.Glob(filepath.Join(b.dir, "*", "launch"))
				return len(found) == 1
			})
			restore := leave(t, free)
			if err := syscall.Unlink(gate); err != nil {
				t.Error(err)
			}
			err := <-failed
			restore()
			if module.KindOf(err) != module.Quota {
				t.Errorf("%v (%s)", err, module.KindOf(err))
			}
		})
	}
}
