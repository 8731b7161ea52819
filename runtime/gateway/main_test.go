package gateway_test

import (
	"encoding/json"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"unsafe"

	"go.uber.org/goleak"
	"golang.org/x/sys/unix"

	"github.com/segue-run/segue/runtime/launch"
	"github.com/segue-run/segue/runtime/sandbox/seccomp"
	"github.com/segue-run/segue/sdk/wire"
)

// The test binary is also the launcher and the module. roleEnv says which of them a
// process is; a launcher becomes the module whose deeds are behind its name.
const (
	roleEnv  = "GATEWAY_TEST_ROLE"
	launcher = "launcher"
	child    = "module"
)

func TestMain(m *testing.M) {
	switch os.Getenv(roleEnv) {
	case "":
		goleak.VerifyTestMain(m)
	case launcher:
		confine()
	case child:
		act()
	}
}

// executable is the number of the descriptor that the filter lets a launcher execute.
const executable = 500

// confine does what the runtime's launcher does: it puts the filter on, sends the
// listener, and becomes the module.
func confine() {
	runtime.LockOSThread()
	self, err := unix.Open("/proc/self/exe", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	must(err)
	must(unix.Dup3(self, executable, unix.O_CLOEXEC))
	must(os.Setenv(roleEnv, child))
	argv, err := syscall.SlicePtrFromStrings(os.Args)
	must(err)
	env, err := syscall.SlicePtrFromStrings(os.Environ())
	must(err)
	program, err := seccomp.Program(seccomp.Policy{Network: true, Notify: true, ExecFD: executable})
	must(err)
	must(unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
	filter := unix.SockFprog{Len: uint16(len(program) / unix.SizeofSockFilter), Filter: (*unix.SockFilter)(unsafe.Pointer(&program[0]))}
	const flags = unix.SECCOMP_FILTER_FLAG_NEW_LISTENER | unix.SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV
	listener, _, errno := unix.RawSyscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, flags, uintptr(unsafe.Pointer(&filter)))
	if errno != 0 {
		panic(errno)
	}
	must(unix.Sendmsg(wire.LinkFD, []byte{launch.NotifyByte}, unix.UnixRights(int(listener)), nil, 0))
	unix.CloseOnExec(int(listener))
	empty := [1]byte{}
	_, _, errno = unix.RawSyscall6(unix.SYS_EXECVEAT, executable, uintptr(unsafe.Pointer(&empty)),
		uintptr(unsafe.Pointer(&argv[0])), uintptr(unsafe.Pointer(&env[0])), unix.AT_EMPTY_PATH, 0)
	panic(errno)
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}

// act does what the arguments behind "--" say, one after another, and prints the
// outcome of each as a line of JSON.
func act() {
	at := slices.Index(os.Args, "--")
	out := json.NewEncoder(os.Stdout)
	for _, deed := range os.Args[at+1:] {
		words := strings.Fields(deed)
		do, ok := deeds[words[0]]
		if !ok {
			panic("no such deed: " + deed)
		}
		result, err := do(words[1:]...)
		must(out.Encode(outcome{Deed: deed, Result: result, Error: text(err), Errno: errnoOf(err), Denied: denied(err)}))
	}
}

// outcome is what came of a deed.
type outcome struct {
	Deed, Result, Error string
	Errno               int
	Denied              bool
}

func (o outcome) String() string { return fmt.Sprintf("%s: %q, error %q", o.Deed, o.Result, o.Error) }
