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

// notified are the calls that the filter of the tests passes on.
var notified = []uint32{
	unix.SYS_CONNECT, unix.SYS_BIND, unix.SYS_LISTEN, unix.SYS_EXECVEAT, unix.SYS_UNSHARE,
}

// confine does what the runtime's launcher does: it puts the filter on, sends the
// listener, and becomes the module.
func confine() {
	runtime.LockOSThread()
	must(unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
	program := filter()
	const flags = unix.SECCOMP_FILTER_FLAG_NEW_LISTENER | unix.SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV
	listener, _, errno := unix.RawSyscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, flags,
		uintptr(unsafe.Pointer(&unix.SockFprog{Len: uint16(len(program)), Filter: &program[0]})))
	if errno != 0 {
		panic(errno)
	}
	must(unix.Sendmsg(wire.LinkFD, []byte{launch.NotifyByte}, unix.UnixRights(int(listener)), nil, 0))
	unix.CloseOnExec(int(listener))
	must(os.Setenv(roleEnv, child))
	must(syscall.Exec("/proc/self/exe", os.Args, os.Environ()))
}

// filter passes on the notified calls, socket for the internet families, and setsockopt
// for the options that the C library must have.
func filter() []unix.SockFilter {
	const number, first, third = 0, 16, 32 // offsets in struct seccomp_data
	load := func(offset uint32) unix.SockFilter {
		return unix.SockFilter{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: offset}
	}
	// unless skips so many instructions where the value is not k.
	unless := func(k uint32, skip uint8) unix.SockFilter {
		return unix.SockFilter{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: k, Jf: skip}
	}
	end := func(action uint32) unix.SockFilter {
		return unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: action}
	}
	program := []unix.SockFilter{load(number)}
	for _, nr := range notified {
		program = append(program, unless(nr, 1), end(unix.SECCOMP_RET_USER_NOTIF))
	}
	for _, c := range []struct {
		nr, argument uint32
		values       [2]uint32
	}{
		{unix.SYS_SOCKET, first, [2]uint32{unix.AF_INET, unix.AF_INET6}},
		{unix.SYS_SETSOCKOPT, third, [2]uint32{unix.IP_RECVERR, unix.IPV6_RECVERR}},
	} {
		program = append(program, unless(c.nr, 6), load(c.argument),
			unless(c.values[0], 1), end(unix.SECCOMP_RET_USER_NOTIF),
			unless(c.values[1], 1), end(unix.SECCOMP_RET_USER_NOTIF),
			end(unix.SECCOMP_RET_ALLOW))
	}
	return append(program, end(unix.SECCOMP_RET_ALLOW))
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
