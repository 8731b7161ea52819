package cgroup_test

import (
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/segue-run/segue/runtime/sandbox/cgroup"
)

// The test binary is also the processes in the groups, by what this says.
const act = "CGROUP_TEST_ACT"

func TestMain(m *testing.M) {
	if does := os.Getenv(act); does != "" {
		if err := acts[does](os.Args[1:]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	goleak.VerifyTestMain(m)
}

var acts = map[string]func([]string) error{
	"hog": func([]string) error {
		var held [][]byte
		for range 64 {
			block := make([]byte, 8<<20)
			for i := range block {
				block[i] = byte(i)
			}
			held = append(held, block)
		}
		return fmt.Errorf("held %d blocks", len(held))
	},
	"spin": func([]string) error {
		for end := time.Now().Add(time.Minute); time.Now().Before(end); {
		}
		return nil
	},
	"become": func(args []string) error { return syscall.Exec(args[0], args, os.Environ()) },
	// leave is a runtime that dies with a process in a group.
	"leave": func(args []string) error {
		tree, err := cgroup.Open(cgroup.Config{Name: args[0]})
		if err != nil {
			return err
		}
		g, err := tree.Make("left", cgroup.Limits{})
		if err != nil {
			return err
		}
		files, err := g.Procs()
		if err != nil {
			return err
		}
		sleeper := exec.Command("/bin/sleep", "60")
		if err := sleeper.Start(); err != nil {
			return err
		}
		for _, f := range files {
			if _, err := f.WriteString(strconv.Itoa(sleeper.Process.Pid)); err != nil {
				return err
			}
		}
		fmt.Println(sleeper.Process.Pid)
		return nil
	},
}

// joins makes a child that joins a group before it does anything else; the launcher does
// it so, too.
func joins(t *testing.T, g *cgroup.Group, does string, args ...string) *exec.Cmd {
	t.Helper()
	files, err := g.Procs()
	if err != nil {
		t.Fatal(err)
	}
	script := `for fd in "$@"; do [ "$fd" = -- ] && break; echo 0 >&"$fd" || exit 9; shift; done; shift; exec "$@"`
	argv := []string{"-c", script, "sh"}
	for i := range files {
		argv = append(argv, strconv.Itoa(3+i))
	}
	cmd := exec.Command("/bin/sh", append(append(argv, "--", "/proc/self/exe"), args...)...)
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Args[len(argv)+2] = self
	cmd.Env = append(os.Environ(), act+"="+does)
	cmd.ExtraFiles = files
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		f.Close()
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	return cmd
}

// until waits for a condition.
func until(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); !holds(); {
		if time.Now().After(end) {
			t.Fatalf("%s did not come", what)
		}
		time.Sleep(5 * time.Millisecond)
	}
}
