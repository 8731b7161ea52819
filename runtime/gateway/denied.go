package gateway

import (
	"strconv"
	"strings"
	"unicode"

	"golang.org/x/sys/unix"

	"github.com/segue-run/segue/runtime/module"
	"github.com/segue-run/segue/runtime/sandbox/seccomp"
)

// maxTold bounds what a denial tells of a call's argument, in bytes.
const maxTold = 128

// paths are the calls that are told with a path, and which of their arguments it is.
var paths = map[string]int{
	"execve": 0, "execveat": 1, "chmod": 0, "fchmodat": 1, "fchmodat2": 1, "chown": 0, "lchown": 0,
	"fchownat": 1, "truncate": 0, "mknod": 0, "mknodat": 1, "mount": 1, "umount2": 0, "chroot": 0,
	"setxattr": 0, "removexattr": 0,
}

// refused are the calls that say EACCES where they are not permitted, as the kernel does
// for the network.
var refused = map[string]bool{"socket": true, "connect": true, "bind": true, "sendto": true, "sendmsg": true, "sendmmsg": true}

// deny answers a call that no permission is for.
func (s *supervisor) deny(t tracee, call notification) outcome {
	name := seccomp.Name(int(call.nr))
	what, hint := name, ""
	if at, ok := paths[name]; ok {
		what += " " + printable(t.text(call.args[at], maxTold))
	}
	switch name {
	case "kill", "tkill", "tgkill", "rt_sigqueueinfo", "pidfd_open":
		what += " " + strconv.Itoa(int(int32(call.args[0])))
	case "execve", "execveat":
		hint = s.process.spawning()
	case "clone", "fork", "vfork":
		what = "start a process (" + name + ")"
		if name == "clone" && call.args[0]&namespaces != 0 {
			what = "make a namespace (clone)"
			break
		}
		hint = s.process.spawning()
	}
	s.process.denied(module.BySeccomp, what, hint)
	if refused[name] {
		return failed(unix.EACCES)
	}
	return failed(unix.EPERM)
}

// namespaces are the flags of clone by which a process makes itself a machine of its own,
// which no permission is for.
const namespaces = unix.CLONE_NEWNS | unix.CLONE_NEWUTS | unix.CLONE_NEWIPC | unix.CLONE_NEWUSER | unix.CLONE_NEWPID | unix.CLONE_NEWNET | unix.CLONE_NEWCGROUP

// spawning says what would let the module start programs.
func (p *process) spawning() string {
	if len(p.req.Withheld.Exec) > 0 {
		return p.withheld()
	}
	return "programs have to be asked for in permissions.exec, and granted"
}

// printable is s for people: in one line, of at most maxTold bytes.
func printable(s string) string {
	s = strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return '?'
		}
		return r
	}, strings.ToValidUTF8(s[:min(len(s), maxTold)], "?"))
	return strings.TrimRight(s, " ")
}
