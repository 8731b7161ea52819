package attack

var held = []Outcome{Stopped, Contained, Killed}

var processes = []Attack{
	{Name: "fork", Tries: "make a process, by clone and by clone3", By: []string{Seccomp}, Denial: "clone"},
	{Name: "fork-bomb", Tries: "make up to 2,000 processes at once", By: []string{Seccomp, CgroupPIDs}, Ordinary: []string{UserNamespace}, Ends: held, Spoils: true},
	{Name: "double-fork", Tries: "leave a grandchild behind in a session of its own", By: []string{Seccomp, PIDNamespace}, Ends: []Outcome{Stopped, Contained}, Spoils: true},
	{Name: "thread-bomb", Tries: "start up to 2,000 threads at once", By: []string{CgroupPIDs}, Ordinary: []string{UserNamespace}, Ends: held, Spoils: true},
	{Name: "exec-shell", Tries: "start /bin/sh", By: []string{Seccomp, Landlock}, Denial: "clone"},
	{Name: "exec-setuid", Tries: "start a set-uid program and become its owner", By: []string{Seccomp, Landlock, NoNewPrivs}, Denial: "clone"},
	{Name: "exec-again", Tries: "execute its own file once more, in its own place", By: []string{Seccomp}, Denial: "execve", Spoils: true},
	{Name: "exec-slot", Tries: "put a file where the launcher had the executable, and execute that", By: []string{Seccomp, Rlimits}, Spoils: true},
	{Name: "exec-absolute", Tries: "execute /bin/sh by its path, beside the descriptor that may be executed", By: []string{Landlock}, Spoils: true},
	{Name: "memfd-exec", Tries: "write a program into memory and execute it", By: []string{Seccomp}, Denial: "memfd_create", Spoils: true},
	{Name: "setsid", Tries: "leave its session and process group", By: []string{Seccomp, Session}, Denial: "setsid"},
	{Name: "clear-pdeathsig", Tries: "not to be killed when the host dies", By: []string{Seccomp}, Denial: "prctl"},
	{Name: "cpu-spin", Tries: "take all processors for 3 s, with four threads", By: []string{CgroupCPU, Host}, Ends: []Outcome{Contained, Killed}},
	{Name: "core-dump", Tries: "die with all its memory written to a file", By: []string{Rlimits}, Ends: []Outcome{Killed}, Spoils: true},
	{Name: "affinity-reset", Tries: "run on every processor again", By: []string{Seccomp}},
	{Name: "real-time", Tries: "run before everybody else, by SCHED_FIFO and a negative nice value", By: []string{Seccomp}, Ordinary: []string{Kernel}},
}
