package launch

import (
	"bytes"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"syscall"

	"github.com/segue-run/segue/runtime/launch/internal/entry"
)

// FailureCode is the exit code of a launcher that could not become the module; its
// one line on standard error, after FailurePrefix, says why.
const (
	FailureCode   = entry.Failure
	FailurePrefix = entry.Argv0 + ": "
)

// Spec is one process to be. The files stay the caller's; they must be open until
// the process is started and may be closed after.
type Spec struct {
	// Binary is the executable, open for reading.
	Binary *os.File
	// Args are the arguments, the program's own name first. At least that.
	Args []string
	// Env is the whole environment, key=value; nothing is inherited.
	Env []string
	// Dir is the working directory; empty means "/".
	Dir string
	// Limits are set as they are, after their defaults: one above the hard limit
	// makes the start fail, see Limits.Clamped.
	Limits Limits
	// Files become the descriptors 3, 4, … Everything else is closed.
	Files []*os.File
	// ListenerName, if set, says that Files[0] is a listening socket; it is
	// announced in LISTEN_PID, LISTEN_FDS and LISTEN_FDNAMES.
	ListenerName string
	// Stdout and Stderr are handed down as they are; nil means /dev/null, as
	// standard input always is.
	Stdout, Stderr *os.File
	// Confine is what holds it in beside the limits and the lack of capabilities.
	Confine Confinement
}

// Command is the launcher for spec, not started. Start it through a Spawner:
// otherwise the process dies with the thread that happened to start it. Standard
// input is the launcher's own; leave it as it is.
func Command(spec Spec) *exec.Cmd {
	cmd := &exec.Cmd{Path: self}
	spec.order(cmd)
	return cmd
}

// self is the launcher's executable: this one, wherever it lies.
const self = "/proc/self/exe"

// order makes cmd the launcher for s.
func (s Spec) order(cmd *exec.Cmd) {
	cmd.Args = append(append(s.orders(), "--"), s.Args...)
	cmd.Env = s.environment()
	cmd.ExtraFiles = append(slices.Clone(s.Files), s.Binary)
	if s.Confine.Ruleset != nil {
		cmd.ExtraFiles = append(cmd.ExtraFiles, s.Confine.Ruleset)
	}
	cmd.ExtraFiles = append(cmd.ExtraFiles, s.Confine.Cgroups...)
	cmd.SysProcAttr = s.Confine.attributes()
	cmd.Stdin = bytes.NewReader(append(slices.Clone(s.Confine.Filter), entry.WordEnd))
	// A nil *os.File in the interface would not be a nil writer.
	if s.Stdout != nil {
		cmd.Stdout = s.Stdout
	}
	if s.Stderr != nil {
		cmd.Stderr = s.Stderr
	}
}

// environment is the module's, marked so that nothing of it speaks to the launcher's own
// Go runtime, and nothing of the launcher's reaches the module. One processor is what
// the launcher needs: its runtime starts sooner with fewer threads, and the exec ends
// them sooner.
func (s Spec) environment() []string {
	env := make([]string, 0, 1+len(s.Env))
	env = append(env, "GOMAXPROCS=1")
	for _, variable := range s.Env {
		env = append(env, entry.EnvMark+variable)
	}
	return env
}

// orders are what the launcher is told by its arguments. The order of descriptors is
// that of the files in order.
func (s Spec) orders() []string {
	limits := s.Limits.WithDefaults()
	dir := s.Dir
	if dir == "" {
		dir = "/"
	}
	own := uint64(3 + len(s.Files)) // the first that is the launcher's own
	args := []string{
		entry.Argv0,
		number(entry.KeyExec, own),
		entry.KeyDir + "=" + dir,
		number(entry.KeyCore, 0),
		number(entry.KeySignal, pendingSignals()),
		number(entry.KeyNoFile, limits.NoFile),
		number(entry.KeyData, limits.Data),
		number(entry.KeyFSize, limits.FSize),
		number(entry.KeyNProc, limits.NProc),
	}
	if s.ListenerName != "" {
		args = append(args, entry.KeyListener+"="+s.ListenerName)
	}
	return append(args, s.Confine.orders(own+1)...)
}

// mostSignals is how many signals and timers of a user may be pending before a module can
// add no more: the kernel counts them by user, who may be the host's, and a program needs
// a few.
const mostSignals = 1024

// pendingSignals is that, as far as this process may give it.
func pendingSignals() uint64 {
	var now syscall.Rlimit
	if err := syscall.Getrlimit(rlimitSigPending, &now); err != nil {
		return mostSignals
	}
	return min(mostSignals, now.Max)
}

func number(key string, n uint64) string { return key + "=" + strconv.FormatUint(n, 10) }
