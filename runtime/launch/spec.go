package launch

import (
	"os"
	"os/exec"
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
	// Confine is what holds it in beside the limits.
	Confine Confinement
}

// Command is the launcher for spec, not started. Start it through a Spawner:
// otherwise the process dies with the thread that happened to start it.
func Command(spec Spec) *exec.Cmd {
	limits := spec.Limits.WithDefaults()
	dir := spec.Dir
	if dir == "" {
		dir = "/"
	}
	args := []string{
		entry.Argv0,
		number(entry.KeyParent, uint64(os.Getpid())),
		number(entry.KeyExec, uint64(3+len(spec.Files))),
		entry.KeyDir + "=" + dir,
		number(entry.KeyCore, 0),
		number(entry.KeyNoFile, limits.NoFile),
		number(entry.KeyData, limits.Data),
		number(entry.KeyFSize, limits.FSize),
		number(entry.KeyNProc, limits.NProc),
	}
	if spec.ListenerName != "" {
		args = append(args, entry.KeyListener+"="+spec.ListenerName)
	}
	args = append(append(args, "--"), spec.Args...)
	cmd := &exec.Cmd{
		Path:       "/proc/self/exe",
		Args:       args,
		Env:        spec.Env,
		ExtraFiles: append(append([]*os.File(nil), spec.Files...), spec.Binary),
		SysProcAttr: &syscall.SysProcAttr{
			Setsid:    true,
			Pdeathsig: syscall.SIGKILL,
		},
	}
	if cmd.Env == nil {
		cmd.Env = []string{} // nil would inherit the host's
	}
	// A nil *os.File in the interface would not be a nil writer.
	if spec.Stdout != nil {
		cmd.Stdout = spec.Stdout
	}
	if spec.Stderr != nil {
		cmd.Stderr = spec.Stderr
	}
	return cmd
}

func number(key string, n uint64) string { return key + "=" + strconv.FormatUint(n, 10) }
