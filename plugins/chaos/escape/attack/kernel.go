package attack

var kernel = []Attack{
	{Name: "io-uring", Tries: "do its system calls by io_uring", By: []string{Seccomp}, Denial: "io_uring_setup"},
	{Name: "unshare-user", Tries: "become root in a new user namespace", By: []string{Seccomp}, Denial: "clone"},
	{Name: "unshare-net", Tries: "make a new network namespace", By: []string{Seccomp}, Ordinary: []string{Kernel}, Denial: "unshare"},
	{Name: "unshare-mount", Tries: "make a new mount namespace", By: []string{Seccomp}, Ordinary: []string{Kernel}, Denial: "unshare"},
	{Name: "setns", Tries: "enter the host's namespaces", By: []string{Seccomp, Landlock, OwnUser, UserNamespace}, Ordinary: []string{Kernel}, Needs: []string{HostPID}},
	{Name: "mount", Tries: "mount a file system over its temporary folder, by the old calls and the new", By: []string{Seccomp, Landlock, OwnUser, UserNamespace}, Ordinary: []string{Kernel}, Denial: "mount"},
	{Name: "pivot-root", Tries: "have another root folder", By: []string{Seccomp, OwnUser}, Denial: "chroot", Ordinary: []string{Kernel}, Spoils: true},
	{Name: "bpf", Tries: "load a program into the kernel's BPF machine", By: []string{Seccomp}, Denial: "bpf"},
	{Name: "keyctl", Tries: "use the session's keyring", By: []string{Seccomp}, Denial: "add_key"},
	{Name: "userfaultfd", Tries: "hold kernel code up at a page fault", By: []string{Seccomp}, Denial: "userfaultfd"},
	{Name: "perf-event", Tries: "watch the machine by its performance counters", By: []string{Seccomp}, Denial: "perf_event_open"},
	{Name: "foreign-abi", Tries: "enter the kernel by the calls of another architecture", By: []string{Seccomp}, Ends: []Outcome{Stopped, Killed}, Spoils: true},
	{Name: "kernel-module", Tries: "load a kernel module", By: []string{Seccomp, OwnUser, UserNamespace}, Denial: "init_module", Ordinary: []string{Kernel}},
	{Name: "reboot", Tries: "find out whether it may reboot the machine", By: []string{Seccomp, OwnUser, UserNamespace}, Denial: "reboot", Ordinary: []string{Kernel}},
	{Name: "kernel-log", Tries: "read the kernel's log", By: []string{Seccomp}, Denial: "syslog"},
	{Name: "clock", Tries: "set the clock", By: []string{Seccomp, OwnUser, UserNamespace}, Denial: "clock_settime", Ordinary: []string{Kernel}},
	{Name: "hostname", Tries: "set the machine's name", By: []string{Seccomp, OwnUser, UserNamespace}, Denial: "sethostname", Ordinary: []string{Kernel}},
	{Name: "quotactl", Tries: "speak to the file system's quotas", By: []string{Seccomp}, Denial: "quotactl"},
	{Name: "swap-and-accounting", Tries: "swap into a file of its own, and have processes accounted into it", By: []string{Seccomp, OwnUser, UserNamespace}, Denial: "swapon", Ordinary: []string{Kernel}},
	{Name: "fanotify", Tries: "be told of what others do with files", By: []string{Seccomp}, Denial: "fanotify_init"},
}
