package launch_test

import (
	"bufio"
	"errors"
	"os"
	"syscall"
	"testing"

	"github.com/segue-run/segue/runtime/launch"
)

func TestClosingTheSpawnerEndsItsChildren(t *testing.T) {
	// Often enough that the spawner's goroutine begins on the main thread, too,
	// which never ends.
	for range 20 {
		r, w, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		s := launch.NewSpawner()
		cmd := launch.Command(launch.Spec{Binary: open(t, probe), Args: []string{"probe", "wait"}, Stdout: w})
		if err := s.Start(cmd); err != nil {
			t.Fatal(err)
		}
		w.Close()
		if line, err := bufio.NewReader(r).ReadString('\n'); line != "waiting\n" {
			t.Fatalf("said %q, %v", line, err)
		}
		s.Close()
		_ = cmd.Wait()
		r.Close()
		if status := cmd.ProcessState.Sys().(syscall.WaitStatus); !status.Signaled() || status.Signal() != syscall.SIGKILL {
			t.Errorf("ended with %v", cmd.ProcessState)
		}
		err = s.Start(launch.Command(launch.Spec{Binary: open(t, probe), Args: []string{"probe"}}))
		if !errors.Is(err, launch.ErrSpawnerClosed) {
			t.Errorf("start after close: %v", err)
		}
	}
}
