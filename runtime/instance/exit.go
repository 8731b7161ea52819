package instance

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/segue-run/segue/runtime/launch"
	"github.com/segue-run/segue/runtime/module"
	"github.com/segue-run/segue/runtime/sandbox/watchdog"
	"github.com/segue-run/segue/sdk/manifest"
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
	// Quota is the one that it died of, as a manifest calls it: "memory", "cpu_time",
	// "processes" or "storage"; empty where it did not.
	Quota string
	// Quotas are what it was held to.
	Quotas manifest.Quotas
	// Denied is what the sandbox denied it last, of a process that broke a rule of it.
	Denied string
	// Tail is the end of what the module wrote, oldest line first: at most 21
	// lines of at most 500 bytes.
	Tail []string
}

// cpuTime is the quota that the kernel alone holds a process to.
const cpuTime = "cpu_time"

// ending is the instance's exit, once its process has ended and its words are read.
func (i *Instance) ending() Exit {
	e := Exit{
		Code: -1, Requested: i.requested.Load(), Cause: module.DiedOfCrash,
		Quotas: i.sandbox.Quotas, Tail: i.words.lastLines(),
	}
	state := i.proc.state()
	if state == nil {
		return e
	}
	e.Code = state.ExitCode()
	if status, ok := state.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		e.Signal = unix.SignalName(status.Signal())
	}
	if e.Quota = i.quotaOf(e, state.UserTime()+state.SystemTime()); e.Quota != "" {
		i.endedFor(e.Quota)
		e.Cause = module.DiedOfQuota
		if e.Quota == watchdog.Memory {
			e.Cause = module.DiedOfMemory
		}
		return e
	}
	switch {
	case e.Signal == "SIGSYS", e.saysItself(func(line string) bool { return strings.HasPrefix(line, "SIGSYS: ") }):
		e.Cause, e.Denied = module.DiedOfSandbox, i.denials.last(module.BySeccomp)
	case e.Signal == "SIGKILL" && !i.proc.wasKilled() && i.starter.kills.now() > i.kills.Load():
		// Somebody was killed for lack of memory, and this one was killed by none of us.
		e.Cause = module.DiedOfMemory
	}
	return e
}

// quotaOf is the quota that the process died of, having taken so much processor time;
// "" where it died of none.
func (i *Instance) quotaOf(e Exit, cpu time.Duration) string {
	if quota := i.proc.killedFor(); quota != "" && e.Signal == "SIGKILL" {
		return quota
	}
	killed := e.Signal == "SIGKILL" && !i.proc.wasKilled()
	// The kernel counts the time against the limit by ticks, and so by fits and starts; what
	// it tells at the end is the true time, which can be a good deal less.
	spent := e.Signal == "SIGXCPU" || killed && e.Quotas.CPUTime > 0 && cpu >= e.Quotas.CPUTime.Std()/4*3
	switch {
	case e.saysItself(lacksMemory), killed && i.hits().Memory > 0:
		return watchdog.Memory
	case spent:
		return cpuTime
	case e.saysItself(lacksProcesses):
		return watchdog.Processes
	}
	return ""
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

// lacksProcesses reports whether a last line is for want of a thread.
func lacksProcesses(line string) bool {
	return strings.HasPrefix(line, "fatal error: newosproc") || strings.HasPrefix(line, "runtime/cgo: pthread_create failed")
}

// String says it in a few words: "exited with code 1", "killed by SIGSEGV",
// "exited with code 2: panic: …", "memory quota of 256 MiB reached: …".
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
	case e.Quota != "":
		return e.quotaWords(), why
	case e.Cause == module.DiedOfMemory:
		return "killed by the kernel, which was short of memory", ""
	case e.Cause == module.DiedOfSandbox && e.Denied != "":
		return "broke a rule of its sandbox (SIGSYS); what that denied last: " + e.Denied, why
	case e.Cause == module.DiedOfSandbox:
		return "broke a rule of its sandbox (SIGSYS, for a system call that it may not make)", why
	case e.Signal != "":
		return "killed by " + e.Signal, why
	case e.Code < 0:
		return "never started", ""
	}
	return fmt.Sprintf("exited with code %d", e.Code), why
}

// quotaWords is "memory quota of 256 MiB reached". Where the module has no such quota it
// is the machine's own limit that was.
func (e Exit) quotaWords() string {
	name, most := e.Quota, ""
	switch e.Quota {
	case watchdog.Memory:
		most = size(uint64(e.Quotas.Memory))
	case watchdog.Storage:
		most = size(uint64(e.Quotas.Storage))
	case watchdog.Processes:
		if e.Quotas.Processes > 0 {
			most = strconv.Itoa(e.Quotas.Processes)
		}
	case cpuTime:
		name = "CPU time"
		if e.Quotas.CPUTime > 0 {
			most = e.Quotas.CPUTime.String()
		}
	}
	if most == "" {
		return name + " limit reached"
	}
	return name + " quota of " + most + " reached"
}

// size is so many bytes in words; none is "".
func size(n uint64) string {
	switch {
	case n == 0:
		return ""
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
