package seccomp

import (
	"slices"

	"golang.org/x/sys/unix"
)

// rules are what p makes of every call: each call that the tables of names know is in
// exactly one.
func rules(p Policy) []rule {
	return slices.Concat(harmless, denied, refused, processes(p), files(p), network(p))
}

// harmless are the calls that act on what the process has, or read what it may know.
var harmless = []rule{
	{calls: ` read write pread64 pwrite64 readv writev preadv pwritev preadv2 pwritev2 lseek
		close close_range dup dup2 dup3 pipe pipe2 flock fsync fdatasync sync_file_range
		ftruncate fadvise64 readahead sendfile splice tee vmsplice copy_file_range
		stat lstat fstat newfstatat statx statfs fstatfs access faccessat faccessat2
		getdents getdents64 getcwd chdir fchdir readlink readlinkat umask cachestat
		getxattr lgetxattr fgetxattr getxattrat listxattr llistxattr flistxattr listxattrat
		file_getattr`}, // open files, and looking at others: Landlock says which
	// Space that does not make the file longer is not held by the limit of its size.
	{calls: ` fallocate`, answer: refuse, cases: []when{
		on(allow, is(1, 0)), on(allow, is(1, unix.FALLOC_FL_PUNCH_HOLE|unix.FALLOC_FL_KEEP_SIZE))}},
	{calls: ` rename renameat renameat2 mkdir mkdirat rmdir unlink unlinkat link linkat
		symlink symlinkat`}, // names: Landlock says where
	{calls: ` poll ppoll select pselect6 epoll_create epoll_create1 epoll_ctl epoll_wait
		epoll_pwait epoll_pwait2 eventfd eventfd2 signalfd signalfd4 timerfd_create
		timerfd_settime timerfd_gettime`}, // waiting
	{calls: ` munmap mprotect mremap brk madvise mincore msync mlock mlock2 munlock mlockall
		munlockall mbind set_mempolicy get_mempolicy set_mempolicy_home_node pkey_mprotect
		pkey_alloc pkey_free mseal map_shadow_stack`}, // its memory
	{calls: ` exit exit_group wait4 waitid futex futex_waitv futex_wake futex_wait
		futex_requeue set_robust_list set_tid_address restart_syscall sched_yield
		membarrier rseq rseq_slice_yield arch_prctl`}, // its threads
	{calls: ` rt_sigaction rt_sigprocmask rt_sigreturn rt_sigpending rt_sigtimedwait
		rt_sigsuspend sigaltstack pause alarm getitimer setitimer timer_create timer_settime
		timer_gettime timer_getoverrun timer_delete nanosleep clock_nanosleep`}, // signals, timers
	{calls: ` getpid gettid getppid getpgid getpgrp getsid getuid geteuid getgid getegid
		getresuid getresgid getgroups capget getpriority ioprio_get getrlimit getrusage
		sched_getaffinity sched_getattr sched_getparam sched_getscheduler
		sched_get_priority_max sched_get_priority_min sched_rr_get_interval getcpu times
		uname sysinfo time gettimeofday clock_gettime clock_getres getrandom
		lsm_get_self_attr lsm_list_modules`}, // asking
	{calls: ` landlock_create_ruleset landlock_add_rule landlock_restrict_self`}, // holding itself in further
	{calls: ` socketpair`, answer: denyAccess, cases: []when{
		on(allow, is(0, unix.AF_UNIX), masked(1, sockType, unix.SOCK_STREAM, unix.SOCK_SEQPACKET))}},
	{calls: ` accept accept4 shutdown getsockname getpeername getsockopt recvfrom recvmsg
		recvmmsg`}, // a socket that it has
}

// denied are the calls by which a process gets at others or at the machine: nothing
// allows them, and the listener is told.
var denied = []rule{
	{answer: deny, calls: ` ptrace process_vm_readv process_vm_writev process_madvise
		process_mrelease pidfd_getfd kcmp`}, // other processes
	{answer: deny, calls: ` mount umount2 pivot_root chroot open_tree open_tree_attr move_mount
		fsopen fsconfig fsmount fspick mount_setattr open_by_handle_at fanotify_init
		fanotify_mark`}, // file systems
	{answer: deny, calls: ` unshare setns`}, // namespaces
	{answer: deny, calls: ` bpf perf_event_open userfaultfd io_uring_setup io_uring_enter
		io_uring_register seccomp lsm_set_self_attr`}, // around the filter
	{answer: deny, calls: ` keyctl add_key request_key`}, // keyrings
	{answer: deny, calls: ` init_module finit_module delete_module kexec_load kexec_file_load
		reboot swapon swapoff quotactl quotactl_fd acct settimeofday clock_settime sethostname
		setdomainname iopl ioperm modify_ldt vhangup syslog`}, // the machine
	{answer: deny, calls: ` setuid setgid setreuid setregid setresuid setresgid setfsuid setfsgid
		setgroups capset`}, // being somebody else
	{answer: deny, calls: ` setsid setpgid`},            // getting out of its session
	{answer: deny, calls: ` memfd_create memfd_secret`}, // memory that no limit counts, and that could be executed
	{answer: deny, calls: ` shmget shmat shmctl shmdt msgget msgsnd msgrcv msgctl semget semop
		semctl semtimedop mq_open mq_unlink mq_timedsend mq_timedreceive mq_notify
		mq_getsetattr`}, // what lives on without a process
}

// refused are calls that ordinary programs try without needing them: an error, and
// nobody is told.
var refused = []rule{
	// As root these reach files that were opened, or named, only to be read. SQLite
	// gives its journal the owner and mode of the database, and takes an error for that
	// lightly.
	{answer: refuse, calls: ` chmod fchmod fchmodat fchmodat2 chown fchown lchown fchownat setxattr
		lsetxattr fsetxattr setxattrat removexattr lremovexattr fremovexattr removexattrat
		file_setattr utime utimes futimesat`},
	// Times of an open file are its own affair.
	{calls: `utimensat`, answer: refuse, cases: []when{on(allow, null(1))}},
	// Its share of the machine is the operator's to say.
	{answer: refuse, calls: ` sched_setaffinity sched_setattr sched_setparam sched_setscheduler
		setpriority ioprio_set setrlimit migrate_pages move_pages sync syncfs adjtimex
		clock_adjtime`},
	// Names of mounts and of processes' memory.
	{answer: refuse, calls: ` name_to_handle_at statmount listmount listns get_robust_list`},
	{answer: refuse, calls: ` rt_sigqueueinfo rt_tgsigqueueinfo`},
	// They tell the names of files below folders that it may not list, and the kernel has
	// few of them for each user: a module would take the runtime's.
	{answer: absent, calls: ` inotify_init inotify_init1 inotify_add_watch inotify_rm_watch`},
	// What has a successor, what kernels have no more, and what programs do without.
	{answer: absent, calls: ` clone3 io_setup io_destroy io_submit io_cancel io_getevents
		io_pgetevents remap_file_pages uselib ustat sysfs _sysctl lookup_dcookie nfsservctl
		create_module get_kernel_syms query_module getpmsg putpmsg afs_syscall tuxcall security
		vserver epoll_ctl_old epoll_wait_old set_thread_area get_thread_area uretprobe uprobe`},
}
