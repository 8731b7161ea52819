package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/segue-run/segue/runtime/api"
	"github.com/segue-run/segue/runtime/api/apitest"
)

// terminal gives both ends of a terminal: what is written to the second is read
// from the first.
func terminal(t *testing.T) (screen, tty *os.File) {
	t.Helper()
	screen, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = screen.Close() })
	number, err := unix.IoctlGetInt(int(screen.Fd()), unix.TIOCGPTN)
	err = errors.Join(err, unix.IoctlSetPointerInt(int(screen.Fd()), unix.TIOCSPTLCK, 0))
	if err != nil {
		t.Fatal(err)
	}
	tty, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = tty.Close() })
	return screen, tty
}

func TestWhatIsWatchedOnATerminalIsDrawnAgain(t *testing.T) {
	rt := new(apitest.Runtime)
	ofNoon(rt)
	state, err := os.MkdirTemp("", "sg") // a socket's path must be short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(state) })
	srv, err := apitest.Serve(rt, filepath.Join(state, "run", "admin.sock"), api.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer srv.Stop()
	screen, tty := terminal(t)
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	root := newRoot()
	root.SetArgs([]string{"show", "hello", "--watch", "--state", state})
	root.SetOut(tty)
	done := make(chan error, 1)
	go func() {
		err := root.ExecuteContext(ctx)
		_ = tty.Close() // which ends the reading
		done <- err
	}()
	drawn := 0
	for lines := bufio.NewScanner(screen); lines.Scan(); {
		if strings.HasPrefix(lines.Text(), clearScreen+"hello  ") {
			if drawn++; drawn == 2 {
				cancel()
			}
		}
	}
	if err := <-done; err != nil || drawn < 2 {
		t.Errorf("drawn %d times, %v", drawn, err)
	}
}
