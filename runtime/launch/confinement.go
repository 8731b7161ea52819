package launch

import (
	"os"
	"strconv"
	"strings"
	"syscall"

	"github.com/segue-run/segue/runtime/launch/internal/entry"
)

// Confinement is what holds a process in from before its first instruction. All that it
// names is put on, or the start fails. The zero value holds it in by nothing but its
// limits, no_new_privs and the lack of capabilities, which every process has. The files
// stay the caller's; they must be open until the process is started.
type Confinement struct {
	// User is who it runs as; nil is the runtime's own user. Only root can set it. He
	// must be allowed to execute the runtime's own executable.
	User *User
	// Namespaces are made for it; User is needed for the others unless this is root.
	// In a user namespace it keeps its user and group ids, and no others are mapped.
	Namespaces Namespaces
	// Cgroups are files, open for writing, whose groups the launcher joins: tasks of
	// version 1 or cgroup.procs. The second moves all of the launcher's threads, for
	// which the kernel waits milliseconds; the first moves the one that becomes the
	// process.
	Cgroups []*os.File
	// Processors are those that it may run on; empty is all.
	Processors []int
	// CPUSeconds of its whole life, at which the kernel ends it; 0 is no limit.
	CPUSeconds uint64
	// Ruleset is a Landlock ruleset that it is restricted by, with RulesetFlags.
	Ruleset      *os.File
	RulesetFlags uint32
	// Filter is a seccomp filter: instructions as struct sock_filter lies in memory.
	// It is the last layer and must let execveat pass. An operand that is SelfPID becomes
	// the process's own pid, as it sees it itself.
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
const NotifyByte = entry.NotifyByte

// SelfPID stands in a filter for the pid that the process will have.
const SelfPID = entry.SelfPID

// User is who a process runs as. It has no supplementary groups.
type User struct{ UID, GID uint32 }

// Namespaces are those that a process gets of its own. In a pid namespace it is pid 1:
// signals that it does not handle do nothing to it, but for SIGKILL from the host, and
// its whole tree ends with it.
type Namespaces struct{ User, PID, IPC, Network bool }

// attributes are what the kernel is asked for when the process is made.
func (c Confinement) attributes() *syscall.SysProcAttr {
	attr := &syscall.SysProcAttr{Setsid: true, Pdeathsig: syscall.SIGKILL}
	uid, gid := os.Geteuid(), os.Getegid()
	if c.User != nil {
		uid, gid = int(c.User.UID), int(c.User.GID)
		attr.Credential = &syscall.Credential{Uid: c.User.UID, Gid: c.User.GID}
	}
	for _, space := range c.Namespaces.each() {
		attr.Cloneflags |= space.flag
	}
	if c.Namespaces.User {
		attr.UidMappings = []syscall.SysProcIDMap{{ContainerID: uid, HostID: uid, Size: 1}}
		attr.GidMappings = []syscall.SysProcIDMap{{ContainerID: gid, HostID: gid, Size: 1}}
		// Root's own groups can be dropped only where setgroups is not forbidden; who is
		// not root may map his group only where it is. After the exec there is no
		// capability left to call it with.
		attr.GidMappingsEnableSetgroups = c.User != nil
	}
	return attr
}

type namespace struct {
	name string
	flag uintptr
}

func (n Namespaces) each() []namespace {
	var spaces []namespace
	for _, space := range []struct {
		wanted bool
		namespace
	}{
		{n.User, namespace{"user", syscall.CLONE_NEWUSER}},
		{n.PID, namespace{"pid", syscall.CLONE_NEWPID}},
		{n.IPC, namespace{"ipc", syscall.CLONE_NEWIPC}},
		{n.Network, namespace{"network", syscall.CLONE_NEWNET}},
	} {
		if space.wanted {
			spaces = append(spaces, space.namespace)
		}
	}
	return spaces
}

// orders tell the launcher what it has to put on. The ruleset and the cgroups are its
// descriptors from fd on.
func (c Confinement) orders(fd uint64) []string {
	var args []string
	give := func(key string, n uint64) {
		if n != 0 {
			args = append(args, number(key, n))
		}
	}
	give(entry.KeyCPU, c.CPUSeconds)
	give(entry.KeyExecFD, uint64(c.ExecFD))
	if c.Ruleset != nil {
		give(entry.KeyRuleset, fd)
		fd++
	}
	give(entry.KeyRulesetFlags, uint64(c.RulesetFlags))
	give(entry.KeyFilter, uint64(len(c.Filter)))
	if c.Notify {
		args = append(args, number(entry.KeyNotify, uint64(c.NotifyFD)))
	}
	cgroups := make([]int, len(c.Cgroups))
	for i := range cgroups {
		cgroups[i] = int(fd) + i
	}
	args = appendList(args, entry.KeyCgroups, cgroups)
	return appendList(args, entry.KeyProcessors, c.Processors)
}

func appendList(args []string, key string, numbers []int) []string {
	if len(numbers) == 0 {
		return args
	}
	words := make([]string, len(numbers))
	for i, n := range numbers {
		words[i] = strconv.Itoa(n)
	}
	return append(args, key+"="+strings.Join(words, ","))
}
