package instance

import (
	"fmt"
	"os"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/segue-run/segue/runtime/launch"
)

// Exit is how a process ended.
type Exit struct {
	// Code is the exit code, -1 where a signal ended the process or it never ran.
	Code int
	// Signal is the signal's name, "SIGSEGV", or empty.
	Signal string
	// Requested says that the host had asked for it: by Stop, or by giving up a
	// start.
	Requested bool
	// Tail is the end of what the module wrote, oldest line first: at most 21
	// lines of at most 500 bytes.
	Tail []string
}

func exitOf(state *os.ProcessState, requested bool, tail []string) Exit {
	e := Exit{Code: -1, Requested: requested, Tail: tail}
	if state == nil {
		return e
	}
	e.Code = state.ExitCode()
	if status, ok := state.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		e.Signal = unix.SignalName(status.Signal())
	}
	return e
}

// String says it in a few words: "exited with code 1", "killed by SIGSEGV",
// "exited with code 2: panic: …".
func (e Exit) String() string {
	what, why := e.words()
	if why != "" {
		return what + ": " + why
	}
	return what
}

// words is how it ended, and the module's own word on why, or "".
func (e Exit) words() (what, why string) {
	why = causeOf(e.Tail)
	switch {
	case e.launchFailure() != "":
		return e.launchFailure(), ""
	case strings.Contains(why, "out of memory") || strings.Contains(why, "cannot allocate memory"):
		return fmt.Sprintf("out of memory (exit code %d)", e.Code), why
	case e.Signal != "":
		return "killed by " + e.Signal, why
	case e.Code < 0:
		return "never started", ""
	}
	return fmt.Sprintf("exited with code %d", e.Code), why
}

// launchFailure is what the launcher said where the module was never reached.
func (e Exit) launchFailure() string {
	if e.Code != launch.FailureCode || len(e.Tail) == 0 {
		return ""
	}
	if last := e.Tail[len(e.Tail)-1]; strings.HasPrefix(last, launch.FailurePrefix) {
		return last
	}
	return ""
}
