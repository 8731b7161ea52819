package launch

import "os"

// Confinement is what holds a process in from before its first instruction. The zero
// value holds it in by nothing but its limits. The files stay the caller's; they must be
// open until the process is started.
type Confinement struct {
	// User is who it runs as; nil is the runtime's own user. Only root can set it.
	User *User
	// Namespaces are made for it; User is needed for the others unless this is root.
	Namespaces Namespaces
	// Cgroups are cgroup.procs files, open for writing, whose groups it joins.
	Cgroups []*os.File
	// Processors are those that it may run on; empty is all.
	Processors []int
	// CPUSeconds of its whole life, at which the kernel ends it; 0 is no limit.
	CPUSeconds uint64
	// Ruleset is a Landlock ruleset that it is restricted by, with RulesetFlags.
	Ruleset      *os.File
	RulesetFlags uint32
	// Filter is a seccomp filter: instructions as struct sock_filter lies in memory.
	// It is the last layer and must let execveat pass.
	Filter []byte
	// Notify makes the launcher send the filter's listener as the first message (one
	// byte, NotifyByte, with the descriptor) over NotifyFD, which is one of Files by the
	// number that it has in the process.
	Notify   bool
	NotifyFD int
	// ExecFD is the number under which the executable is opened for the last exec; it
	// must be at or above the limit of open files, so that the process can never have
	// it again. 0 leaves it where it is.
	ExecFD int
}

// NotifyByte is the message that comes with the filter's listener.
const NotifyByte = 'N'

// User is who a process runs as. It has no supplementary groups.
type User struct{ UID, GID uint32 }

// Namespaces are those that a process gets of its own.
type Namespaces struct{ User, PID, IPC, Network bool }
