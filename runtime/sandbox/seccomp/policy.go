package seccomp

import (
	"fmt"
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Policy says what a process may call.
type Policy struct {
	Network bool // IP sockets may be asked for: socket, connect, bind and listen are notified; needs Notify
	Spawn   bool // it may fork and exec
	Notify  bool // there is a listener: what is denied and worth knowing goes there
	ExecFD  int  // without Spawn: execveat passes for this descriptor alone (AT_EMPTY_PATH), execve never
	// PID is the process's own, as it sees it itself: without Spawn it signals itself and
	// its threads alone. 0 leaves that to other layers. The value stands in the program as
	// the operand of comparisons, so a launcher may put the right one in place of another
	// that occurs nowhere else.
	PID uint32
	// NoTruncate says that Landlock has no say in truncation (before its version 3):
	// then what truncates a file that was not opened for writing is denied here.
	NoTruncate bool
}

// Program is the filter for p, as struct sock_filter instructions for this machine's
// architecture. It refuses a policy that cannot be kept.
func Program(p Policy) ([]byte, error) { return program(p, runtime.GOARCH) }

func program(p Policy, goarch string) ([]byte, error) {
	machine, ok := arches[goarch]
	if !ok {
		return nil, fmt.Errorf("there is no filter of system calls for %s", goarch)
	}
	if p.Network && !p.Notify {
		return nil, fmt.Errorf("a filter that notifies of network calls needs a listener")
	}
	if !p.Spawn && p.ExecFD <= unix.Stderr {
		return nil, fmt.Errorf("a filter without spawning needs the descriptor that is executed, not %d", p.ExecFD)
	}
	return compile(machine, answers(p), rules(p))
}

// Available says what the kernel has: filters that can end a process and answer with an
// error, and such whose answers come from a listener. It asks and changes nothing.
func Available() (filter, notify bool) {
	filter = knows(unix.SECCOMP_RET_KILL_PROCESS) && knows(unix.SECCOMP_RET_ERRNO)
	var sizes struct{ notification, response, data uint16 }
	_, _, errno := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_GET_NOTIF_SIZES, 0,
		uintptr(unsafe.Pointer(&sizes)))
	return filter, filter && errno == 0 && knows(unix.SECCOMP_RET_USER_NOTIF)
}

func knows(action uint32) bool {
	_, _, errno := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_GET_ACTION_AVAIL, 0,
		uintptr(unsafe.Pointer(&action)))
	return errno == 0
}
