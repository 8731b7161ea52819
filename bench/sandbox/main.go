package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"github.com/segue-run/segue/bench/internal/harness"
)

// ordinary is the user whom root measures for as well.
const ordinary = 65534

func main() {
	root := flag.String("root", ".", "the repository, with bin/segue and build/modules built")
	runs := flag.Int("n", 50, "starts of each kind")
	bombs := flag.Duration("t", 3*time.Second, "how long requests are counted before each bomb and during it; 0 leaves them out")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, *root, max(*runs, 1), *bombs); err != nil {
		fmt.Fprintln(os.Stderr, "sandbox:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, root string, runs int, bombs time.Duration) error {
	program, err := harness.Built("empty")
	if err != nil {
		return err
	}
	launcher, err := filepath.Abs(filepath.Join(root, "bin", "segue"))
	if err != nil {
		return err
	}
	if err := starts(ctx, program, launcher, runs); err != nil {
		return err
	}
	if os.Geteuid() == 0 {
		if err := asOrdinary(ctx, program, launcher, runs); err != nil {
			return fmt.Errorf("measure for an ordinary user: %w", err)
		}
	}
	if bombs == 0 || os.Geteuid() == ordinary {
		return nil
	}
	attacker, err := harness.Built("escape")
	if err != nil {
		return err
	}
	return neighbours(ctx, root, attacker, bombs)
}

// asOrdinary has a copy of this program measure starts as somebody without privileges, in
// a folder that he can reach.
func asOrdinary(ctx context.Context, program, launcher string, runs int) (err error) {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "segue-bs")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	if err := os.Mkdir(filepath.Join(dir, "bin"), 0o755); err != nil {
		return err
	}
	for name, from := range map[string]string{"sandbox": self, "empty": program, "bin/segue": launcher} {
		data, err := os.ReadFile(from)
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, name), data, 0o755)
		}
		if err != nil {
			return err
		}
	}
	temporary := filepath.Join(dir, "t")
	if err := errors.Join(os.Mkdir(temporary, 0o700), os.Chown(temporary, ordinary, ordinary), os.Chmod(dir, 0o755)); err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, filepath.Join(dir, "sandbox"), "-root", dir, "-n", fmt.Sprint(runs), "-t", "0")
	cmd.Env = []string{"TMPDIR=" + temporary}
	cmd.Dir = dir
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: ordinary, Gid: ordinary}}
	return cmd.Run()
}
