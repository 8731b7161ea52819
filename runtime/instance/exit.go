package instance

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/segue-run/segue/runtime/launch"
	"github.com/segue-run/segue/runtime/module"
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
	// Cause sorts it. It means nothing where the end was requested.
	Cause module.DeathCause
	// DataLimit is how much private writable memory it could have, in bytes.
	DataLimit uint64
	// Tail is the end of what the module wrote, oldest line first: at most 21
	// lines of at most 500 bytes.
	Tail []string
}

// ending is the instance's exit, once its process has ended and its words are read.
func (i *Instance) ending() Exit {
	e := Exit{
		Code: -1, Requested: i.requested.Load(), Cause: module.DiedOfCrash,
		DataLimit: i.launch.Limits.Data, Tail: i.words.lastLines(),
	}
	state := i.proc.state()
	if state == nil {
		return e
	}
	e.Code = state.ExitCode()
	if status, ok := state.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		e.Signal = unix.SignalName(status.Signal())
	}
	switch {
	case e.Signal == "SIGSYS", e.saysItself(func(line string) bool { return strings.HasPrefix(line, "SIGSYS: ") }):
		e.Cause = module.DiedOfSandbox
	case e.saysItself(lacksMemory):
		e.Cause = module.DiedOfMemory
	case e.Signal == "SIGKILL" && !i.proc.wasKilled() && i.starter.kills.now() > i.kills.Load():
		// Somebody was killed for lack of memory, and this one was killed by none of us.
		e.Cause = module.DiedOfMemory
	}
	return e
}

// saysItself reports whether the module's Go runtime ended it with such a line. Others
// may write what they like, but not end so.
func (e Exit) saysItself(such func(line string) bool) bool {
	const fatal = 2 // the exit code
	return e.Code == fatal && slices.ContainsFunc(e.Tail, func(line string) bool { return isPanic(line) && such(line) })
}

// lacksMemory reports whether a last line is for want of memory.
func lacksMemory(line string) bool {
	return strings.Contains(line, "out of memory") || strings.Contains(line, "cannot allocate memory")
}

// String says it in a few words: "exited with code 1", "killed by SIGSEGV",
// "exited with code 2: panic: …", "ran out of memory (its data limit is 1 GiB): …".
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
	case e.Cause == module.DiedOfMemory && e.Signal != "":
		return "killed by the kernel, which was short of memory", ""
	case e.Cause == module.DiedOfMemory && e.DataLimit != launch.Unlimited:
		return fmt.Sprintf("ran out of memory (its data limit is %s)", size(e.DataLimit)), why
	case e.Cause == module.DiedOfMemory:
		return "ran out of memory", why
	case e.Cause == module.DiedOfSandbox:
		return "broke a rule of its sandbox (SIGSYS, for a system call that it may not make)", why
	case e.Signal != "":
		return "killed by " + e.Signal, why
	case e.Code < 0:
		return "never started", ""
	}
	return fmt.Sprintf("exited with code %d", e.Code), why
}

// size is so many bytes in words.
func size(n uint64) string {
	switch {
	case n >= 1<<30 && n%(1<<30) == 0:
		return strconv.FormatUint(n>>30, 10) + " GiB"
	case n >= 1<<20:
		return strconv.FormatUint(n>>20, 10) + " MiB"
	}
	return strconv.FormatUint(n, 10) + " bytes"
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
