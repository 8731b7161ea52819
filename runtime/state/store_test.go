package state_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap/zaptest"

	"github.com/segue-run/segue/runtime/module"
	"github.com/segue-run/segue/runtime/state"
)

func open(t testing.TB, dir string) *state.Store {
	t.Helper()
	s, err := state.Open(state.Config{Dir: dir, Logger: zaptest.NewLogger(t)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func bucket(t testing.TB, s *state.Store, name string) *state.Bucket {
	t.Helper()
	b, err := s.Bucket(t.Context(), name, state.BucketConfig{})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func stream(t testing.TB, s *state.Store, name string, cfg state.StreamConfig) *state.Stream {
	t.Helper()
	st, err := s.Stream(t.Context(), name, cfg)
	if err != nil {
		t.Fatal(err)
	}
	return st
}

func closeNow(t testing.TB, s *state.Store) {
	t.Helper()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestASecondRuntimeOnTheDirectoryIsRefusedByPID(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	_, err := state.Open(state.Config{Dir: dir})
	if module.KindOf(err) != module.Conflict || !strings.Contains(err.Error(), fmt.Sprintf("pid %d", os.Getpid())) {
		t.Fatalf("got %v, want a conflict that names pid %d", err, os.Getpid())
	}
	closeNow(t, s)
	closeNow(t, open(t, dir))
}

func TestNoPortIsOpened(t *testing.T) {
	before := listening(t)
	s := open(t, t.TempDir())
	bucket(t, s, "modules")
	if after := listening(t); after != before {
		t.Errorf("listening sockets went from %d to %d", before, after)
	}
}

// listening counts this process's sockets that listen, TCP and UNIX.
func listening(t *testing.T) int {
	t.Helper()
	mine := map[string]bool{}
	fds, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	for _, fd := range fds {
		if link, err := os.Readlink("/proc/self/fd/" + fd.Name()); err == nil {
			if ino, ok := strings.CutPrefix(link, "socket:["); ok {
				mine[strings.TrimSuffix(ino, "]")] = true
			}
		}
	}
	n := 0
	for _, table := range []struct {
		file       string
		state, ino int
		listen     string
	}{{"tcp", 3, 9, "0A"}, {"tcp6", 3, 9, "0A"}, {"unix", 3, 6, "00010000"}} {
		data, err := os.ReadFile("/proc/self/net/" + table.file)
		if err != nil {
			continue // a machine without IPv6 has no tcp6
		}
		for line := range strings.Lines(string(data)) {
			if f := strings.Fields(line); len(f) > table.ino && f[table.state] == table.listen && mine[f[table.ino]] {
				n++
			}
		}
	}
	return n
}

func TestADirectoryThatCannotBeUsedIsNamed(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		dir  string
		kind module.Kind
	}{
		"none":           {"", module.Invalid},
		"a file":         {file, module.Invalid},
		"below a file":   {filepath.Join(file, "state"), module.Invalid},
		"not for anyone": {unwritable(t), module.Denied},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := state.Open(state.Config{Dir: c.dir})
			if err == nil {
				t.Fatal("it opened")
			}
			if got := module.KindOf(err); got != c.kind {
				t.Errorf("kind %s, want %s: %v", got, c.kind, err)
			}
			if !strings.Contains(err.Error(), c.dir) || !strings.Contains(err.Error(), "; ") {
				t.Errorf("%v names no directory or no remedy", err)
			}
		})
	}
}

func TestAFileOfAnotherUsersBelowIsNamed(t *testing.T) {
	dir := written(t)
	file := files(t, dir, "audit", "meta.inf")[0]
	if err := os.Chmod(file, 0); err != nil {
		t.Fatal(err)
	}
	s, err := state.Open(state.Config{Dir: dir})
	if os.Geteuid() == 0 { // modes do not hold root back
		if err != nil {
			t.Fatal(err)
		}
		closeNow(t, s)
		return
	}
	var e *module.Error
	if !errors.As(err, &e) || e.Kind != module.Denied || e.Value != file || !strings.Contains(e.Hint, "chown") {
		t.Errorf("got %v, want a denial that names %s", err, file)
	}
}

func TestNothingIsWrittenBelowTheReserveAndItSaysWhatToDo(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	b := bucket(t, s, "modules")
	if _, err := b.Create(t.Context(), "hello", []byte("1")); err != nil {
		t.Fatal(err)
	}
	closeNow(t, s)

	full, err := state.Open(state.Config{Dir: dir, Reserve: math.MaxUint64})
	if err != nil {
		t.Fatal(err)
	}
	defer full.Close()
	b = bucket(t, full, "modules")
	_, err = b.Create(t.Context(), "other", nil)
	if !errors.Is(err, state.ErrFull) || module.KindOf(err) != module.Unavailable || !strings.Contains(err.Error(), dir) {
		t.Errorf("got %v, want ErrFull that names %s", err, dir)
	}
	if v, _, err := b.Get(t.Context(), "hello"); err != nil || string(v) != "1" {
		t.Errorf("reading on a full disk gave %q, %v", v, err)
	}
}

func TestAfterCloseEverythingIsRefused(t *testing.T) {
	s := open(t, t.TempDir())
	b := bucket(t, s, "modules")
	st := stream(t, s, "audit", state.StreamConfig{})
	closeNow(t, s)
	closeNow(t, s)
	for name, do := range map[string]func() error{
		"get":    func() error { _, _, err := b.Get(t.Context(), "x"); return err },
		"put":    func() error { _, err := b.Put(t.Context(), "x", nil); return err },
		"append": func() error { _, err := st.Append(t.Context(), "x", nil); return err },
		"bucket": func() error { _, err := s.Bucket(t.Context(), "new", state.BucketConfig{}); return err },
	} {
		if err := do(); !errors.Is(err, state.ErrClosed) {
			t.Errorf("%s after close: %v, want ErrClosed", name, err)
		}
	}
}

func TestEveryAcknowledgedWriteSurvivesKill(t *testing.T) {
	dir := t.TempDir()
	for round := range 3 {
		acked := killAWriter(t, dir)
		s := open(t, dir)
		v, _, err := bucket(t, s, "modules").Get(t.Context(), "counter")
		if err != nil {
			t.Fatal(err)
		}
		if got, _ := strconv.Atoi(string(v)); got < acked {
			t.Errorf("round %d: the bucket has %d, %d was acknowledged", round, got, acked)
		}
		entries, err := stream(t, s, "audit", state.StreamConfig{}).Last(t.Context(), "", 1)
		if err != nil || len(entries) != 1 {
			t.Fatalf("last: %v, %v", entries, err)
		}
		if got, _ := strconv.Atoi(string(entries[0].Data)); got < acked {
			t.Errorf("round %d: the stream has %d, %d was acknowledged", round, got, acked)
		}
		closeNow(t, s)
	}
}

// killAWriter runs a writer until it has acknowledged some writes, kills it between
// two instructions, and gives the last number that it acknowledged.
func killAWriter(t *testing.T, dir string) (acked int) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), writerEnv+"="+dir)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	for n := 0; lines.Scan(); n++ {
		if n == 40 {
			if err := cmd.Process.Kill(); err != nil {
				t.Fatal(err)
			}
		}
		if acked, err = strconv.Atoi(lines.Text()); err != nil {
			t.Fatal(err)
		}
	}
	if err := cmd.Wait(); err == nil || acked == 0 {
		t.Fatalf("the writer ended by itself: %v after %d writes", err, acked)
	}
	return acked
}

// writeUntilKilled counts on from what is there, in a bucket and a stream, and prints
// each number that both have acknowledged.
func writeUntilKilled(dir string) int {
	ctx := context.Background()
	fail := func(err error) int { fmt.Fprintln(os.Stderr, err); return 1 }
	s, err := state.Open(state.Config{Dir: dir})
	if err != nil {
		return fail(err)
	}
	b, err := s.Bucket(ctx, "modules", state.BucketConfig{})
	if err != nil {
		return fail(err)
	}
	st, err := s.Stream(ctx, "audit", state.StreamConfig{})
	if err != nil {
		return fail(err)
	}
	n := 0
	if v, _, err := b.Get(ctx, "counter"); err == nil {
		n, _ = strconv.Atoi(string(v))
	} else if !errors.Is(err, state.ErrNotFound) {
		return fail(err)
	}
	for end := time.Now().Add(time.Minute); time.Now().Before(end); {
		n++
		if _, err := b.Put(ctx, "counter", []byte(strconv.Itoa(n))); err != nil {
			return fail(err)
		}
		if _, err := st.Append(ctx, "test", []byte(strconv.Itoa(n))); err != nil {
			return fail(err)
		}
		fmt.Println(n)
	}
	return fail(errors.New("nobody killed the writer"))
}
