package instance_test

import (
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/segue-run/segue/runtime/instance"
)

// nest makes so many directories in dir, one within the other, and a file in the last.
func nest(t *testing.T, dir string, depth int) {
	t.Helper()
	fd, err := unix.Open(dir, unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	for range depth {
		if err = errors.Join(err, unix.Mkdirat(fd, "d", 0o700)); err != nil {
			t.Fatal(err)
		}
		var next int
		next, err = unix.Openat(fd, "d", unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
		_ = unix.Close(fd)
		fd = next
	}
	file, err := unix.Openat(fd, "file", unix.O_CREAT|unix.O_WRONLY|unix.O_CLOEXEC, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	_ = unix.Close(file)
	_ = unix.Close(fd)
}

// hostile puts into dir what a module that does not want to be removed would.
func hostile(t *testing.T, dir, keep string) {
	t.Helper()
	nest(t, dir, 2000)
	sub := filepath.Join(dir, "locked")
	inner := filepath.Join(sub, "inner", "innermost")
	err := errors.Join(
		os.MkdirAll(inner, 0o700),
		os.WriteFile(filepath.Join(inner, "file"), nil, 0o400),
		os.Symlink(keep, filepath.Join(inner, "link")),
		os.Symlink(keep, filepath.Join(dir, "link")),
		unix.Mkfifo(filepath.Join(dir, "pipe"), 0),
		os.MkdirAll(filepath.Join(dir, ".1", "taken"), 0o700), // the names that the host gives
		os.Mkdir(filepath.Join(dir, ".2"), 0o700),
		os.Chmod(inner, 0), os.Chmod(filepath.Dir(inner), 0o500), os.Chmod(sub, 0),
	)
	if err != nil {
		t.Fatal(err)
	}
	for n := range 1000 {
		if err := os.WriteFile(filepath.Join(dir, "f"+strconv.Itoa(n)), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// kept is a directory that no removal may touch.
func kept(t *testing.T) (dir string, check func()) {
	t.Helper()
	dir = t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "file"), []byte("kept"), 0o640); err != nil {
		t.Fatal(err)
	}
	return dir, func() {
		t.Helper()
		if b, err := os.ReadFile(filepath.Join(dir, "file")); err != nil || string(b) != "kept" {
			t.Errorf("a link was followed: %q, %v", b, err)
		}
	}
}

// fewDescriptors runs f while the process may have few descriptors more than it has.
func fewDescriptors(t *testing.T, f func()) {
	t.Helper()
	open, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	var was unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &was); err != nil {
		t.Fatal(err)
	}
	few := was
	few.Cur = uint64(len(open) + 64)
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &few); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &was); err != nil {
			t.Error(err)
		}
	}()
	f()
}

func TestAnInstancesDirectoryIsRemovedWhateverTheModulePutThere(t *testing.T) {
	b := newBench(t, nil)
	keep, check := kept(t)
	i := b.start("")
	hostile(t, filepath.Join(b.dirOf(i), "control"), keep)
	fewDescriptors(t, func() {
		i.Stop(t.Context(), 0)
		waitFor(t, "the end of the directory", func() bool {
			left, err := os.ReadDir(b.dir)
			return err == nil && len(left) == 0
		})
	})
	check()
}

func TestTheSweepRemovesWhateverModulesLeft(t *testing.T) {
	dir := t.TempDir()
	keep, check := kept(t)
	sub := filepath.Join(dir, "i1")
	if err := errors.Join(os.Mkdir(sub, 0o700), os.Symlink(keep, filepath.Join(dir, "link")), os.WriteFile(filepath.Join(dir, "file"), nil, 0o600)); err != nil {
		t.Fatal(err)
	}
	hostile(t, sub, keep)
	fewDescriptors(t, func() {
		if _, err := instance.SweepOrphans(dir); err != nil {
			t.Error(err)
		}
	})
	if left, err := os.ReadDir(dir); err != nil || len(left) != 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
	check()
}

func TestWhatIsLeftOfAnInstanceKeepsNoneWithItsIDFromStarting(t *testing.T) {
	b := newBench(t, nil)
	spec := b.spec("")
	if err := os.MkdirAll(filepath.Join(b.dir, spec.ID, "left"), 0o700); err != nil {
		t.Fatal(err)
	}
	i, err := b.starter.Start(t.Context(), spec)
	if err != nil {
		t.Fatal(err)
	}
	if got := filepath.Base(b.dirOf(i)); !strings.HasPrefix(got, spec.ID+"-") {
		t.Errorf("its directory is %s", got)
	}
	i.Stop(t.Context(), 0)
}

func TestASweepStopsAtSomePointAndTheNextGoesOn(t *testing.T) {
	dir := t.TempDir()
	sub := filepath.Join(dir, "i1", "control")
	if err := os.MkdirAll(sub, 0o700); err != nil {
		t.Fatal(err)
	}
	first := filepath.Join(sub, "file")
	err := os.WriteFile(first, nil, 0o600)
	for n := range 20000 {
		err = errors.Join(err, os.Link(first, filepath.Join(sub, strconv.Itoa(n))))
	}
	if err != nil {
		t.Fatal(err)
	}
	if _, err := instance.SweepOrphans(dir); err == nil || !strings.Contains(err.Error(), "too much") {
		t.Errorf("the first sweep: %v", err)
	}
	if left, err := os.ReadDir(sub); err != nil || len(left) < 1000 {
		t.Errorf("it left %d, %v", len(left), err)
	}
	if _, err := instance.SweepOrphans(dir); err != nil {
		t.Error(err)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}
