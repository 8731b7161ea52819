package seccomp

import "golang.org/x/sys/unix"

// newNamespaces are the flags of clone that make a namespace.
const newNamespaces = unix.CLONE_NEWNS | unix.CLONE_NEWCGROUP | unix.CLONE_NEWUTS |
	unix.CLONE_NEWIPC | unix.CLONE_NEWUSER | unix.CLONE_NEWPID | unix.CLONE_NEWNET

// readsPersonality is the argument that only reads.
const readsPersonality = 0xffffffff

// processes are the rules for processes, signals, and what a process says of itself.
func processes(p Policy) []rule {
	fork, exec, pidfd := deny, []when{
		on(allow, is(0, uint32(p.ExecFD)), is(4, unix.AT_EMPTY_PATH)),
	}, refuse
	// One process; which one, Landlock's scope and the pid namespace say.
	one, thread := within(0, 1, 1<<31-1), allow
	tgkill := []when{on(allow)}
	if p.PID != 0 && !p.Spawn {
		one, thread = is(0, p.PID), refuse // a thread of anybody's: it has tgkill
		tgkill = []when{on(allow, one)}
	}
	if p.Spawn {
		fork, exec, pidfd = allow, []when{on(allow)}, allow
	}
	return []rule{
		{calls: "fork vfork execve", answer: fork},
		{calls: "execveat", answer: deny, cases: exec},
		{calls: "clone", answer: fork, cases: []when{
			on(deny, has(0, newNamespaces)),
			on(allow, has(0, unix.CLONE_THREAD)),
			// A sibling would be the host's child, to be waited for by nobody.
			on(deny, has(0, unix.CLONE_PARENT|unix.CLONE_PTRACE)),
		}},
		{calls: "pidfd_open pidfd_send_signal", answer: pidfd},
		{calls: "kill", answer: deny, cases: []when{on(allow, one)}},
		{calls: "tgkill", answer: deny, cases: tgkill},
		{calls: "tkill", answer: thread},
		{calls: "prlimit64", answer: refuse, cases: []when{on(allow, null(2))}},
		{calls: "personality", answer: refuse, cases: []when{on(allow, is(0, readsPersonality))}},
		{calls: "prctl", answer: refuse, cases: []when{
			on(allow, is(0, harmlessOptions...)),
			on(deny, is(0, unix.PR_SET_PDEATHSIG, unix.PR_SET_PTRACER, unix.PR_SET_MM,
				unix.PR_SET_SECCOMP, unix.PR_CAP_AMBIENT, unix.PR_SET_SECUREBITS,
				unix.PR_SET_CHILD_SUBREAPER)),
		}},
	}
}

// harmlessOptions of prctl read, or change what concerns the process alone. It stays
// dumpable, for else the host could not take a descriptor of it.
var harmlessOptions = []uint32{
	unix.PR_GET_PDEATHSIG, unix.PR_GET_DUMPABLE, unix.PR_GET_KEEPCAPS, unix.PR_GET_TIMING,
	unix.PR_SET_NAME, unix.PR_GET_NAME, unix.PR_GET_SECCOMP, unix.PR_CAPBSET_READ,
	unix.PR_GET_TSC, unix.PR_GET_SECUREBITS, unix.PR_SET_TIMERSLACK, unix.PR_GET_TIMERSLACK,
	unix.PR_GET_CHILD_SUBREAPER, unix.PR_SET_NO_NEW_PRIVS, unix.PR_GET_NO_NEW_PRIVS,
	unix.PR_GET_TID_ADDRESS, unix.PR_SET_THP_DISABLE, unix.PR_GET_THP_DISABLE,
	unix.PR_SVE_GET_VL, unix.PR_SME_GET_VL, unix.PR_GET_SPECULATION_CTRL,
	unix.PR_PAC_RESET_KEYS, unix.PR_GET_TAGGED_ADDR_CTRL, unix.PR_SET_MDWE, unix.PR_GET_MDWE,
	unix.PR_SET_VMA, unix.PR_GET_AUXV,
}
