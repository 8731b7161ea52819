package state_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"go.uber.org/zap"
	"golang.org/x/sys/unix"

	"github.com/segue-run/segue/runtime/module"
	"github.com/segue-run/segue/runtime/state"
)

// TestAWriteThatTheDiskRefusesFailsAloneAndTheNextGoesOn lets the embedded server
// itself meet the end: of a file system, and of what a file may grow to.
func TestAWriteThatTheDiskRefusesFailsAloneAndTheNextGoesOn(t *testing.T) {
	for _, how := range []string{"file system", "file size"} {
		t.Run(how, func(t *testing.T) {
			cmd := exec.Command(os.Args[0])
			cmd.Dir = t.TempDir()
			cmd.Env = append(os.Environ(), fullEnv+"="+how)
			cmd.SysProcAttr = &syscall.SysProcAttr{}
			if how == "file system" {
				cmd.SysProcAttr.Cloneflags = syscall.CLONE_NEWNS
				if uid := os.Geteuid(); uid != 0 {
					cmd.SysProcAttr.Cloneflags |= syscall.CLONE_NEWUSER
					cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{HostID: uid, Size: 1}}
					cmd.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{HostID: os.Getegid(), Size: 1}}
				}
			}
			out, err := cmd.CombinedOutput()
			if how == "file system" && (errors.Is(err, unix.EPERM) || bytes.Contains(out, []byte(cannotMount))) {
				t.Log("this user may mount no file system; the limit on a file's size stands for it")
				return
			}
			if err != nil {
				t.Errorf("%v\n%s", err, out)
			}
		})
	}
}

const cannotMount = "cannot mount"

// writeUntilFull runs in a process of its own, since what it changes is the process's.
func writeUntilFull(how string) int {
	dir, err := os.Getwd()
	if err != nil {
		fmt.Println(err)
		return 1
	}
	full, free := limitFiles, freeFiles
	if how == "file system" {
		if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size=8m,mode=0700"); err != nil {
			fmt.Println(cannotMount, err)
			return 1
		}
		ballast := filepath.Join(dir, "ballast")
		full = func() error { return fillUp(dir, ballast) }
		free = func() error { return os.Remove(ballast) }
	}
	if err := throughFull(filepath.Join(dir, "state"), full, free); err != nil {
		fmt.Println(err)
		return 1
	}
	return 0
}

func limitFiles() error {
	signal.Ignore(unix.SIGXFSZ)
	return unix.Setrlimit(unix.RLIMIT_FSIZE, &unix.Rlimit{Cur: 4096, Max: unix.RLIM_INFINITY})
}

func freeFiles() error {
	return unix.Setrlimit(unix.RLIMIT_FSIZE, &unix.Rlimit{Cur: unix.RLIM_INFINITY, Max: unix.RLIM_INFINITY})
}

// fillUp leaves a few pages, so that the store's own look at the free space lets a
// write pass that does not fit.
func fillUp(dir, ballast string) error {
	var fs unix.Statfs_t
	if err := unix.Statfs(dir, &fs); err != nil {
		return err
	}
	return os.WriteFile(ballast, make([]byte, (int64(fs.Bavail)-4)*fs.Bsize), 0o600)
}

// throughFull writes, meets the end, goes on when there is room, and finds everything.
func throughFull(dir string, full, free func() error) error {
	ctx := context.Background()
	s, err := state.Open(state.Config{Dir: dir, Reserve: 1, Logger: zap.NewNop()})
	if err != nil {
		return err
	}
	defer s.Close()
	b, err := s.Bucket(ctx, "modules", state.BucketConfig{})
	if err != nil {
		return err
	}
	st, err := s.Stream(ctx, "audit", state.StreamConfig{})
	if err != nil {
		return err
	}
	put := func(i, size int) error {
		value := strconv.Itoa(i) + strings.Repeat(" ", size)
		_, err := b.Put(ctx, "counter", []byte(value))
		if err == nil {
			_, err = st.Append(ctx, "x", []byte(value))
		}
		return err
	}
	for i := range 5 {
		if err := put(i, 100); err != nil {
			return err
		}
	}
	if err := full(); err != nil {
		return err
	}
	for i := range 3 {
		err := put(100+i, 100_000)
		if module.KindOf(err) != module.Unavailable {
			return fmt.Errorf("a write that does not fit: %w", err)
		}
		if v, _, err := b.Get(ctx, "counter"); err != nil || !strings.HasPrefix(string(v), "4 ") {
			return fmt.Errorf("reading meanwhile gave %.10q, %w", v, err)
		}
	}
	if err := free(); err != nil {
		return err
	}
	for i := 5; i < 10; i++ {
		if err := put(i, 100_000); err != nil {
			return fmt.Errorf("a write after there is room: %w", err)
		}
	}
	entries, err := st.Read(ctx, "", 1, 0)
	if err != nil || len(entries) != 10 {
		return fmt.Errorf("%d records, %w", len(entries), err)
	}
	for i, e := range entries {
		if !strings.HasPrefix(string(e.Data), strconv.Itoa(i)+" ") {
			return fmt.Errorf("record %d is %.10q", i, e.Data)
		}
	}
	return s.Close()
}
