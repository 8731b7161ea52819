package main

import (
	"os"
	"runtime"
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// spawn makes a process by clone with these flags. The child leads a session of its own
// where that is wanted, makes a child in turn where that is, sleeps and ends; it runs no
// more of Go than that.
//
//go:norace
func spawn(flags uintptr, sleep time.Duration, apart bool) (int, error) {
	rest := unix.NsecToTimespec(int64(sleep))
	syscall.ForkLock.Lock()
	defer syscall.ForkLock.Unlock()
	pid, _, errno := syscall.RawSyscall6(unix.SYS_CLONE, flags|uintptr(unix.SIGCHLD), 0, 0, 0, 0, 0)
	if errno != 0 {
		return 0, errno
	}
	if pid != 0 {
		return int(pid), nil
	}
	if apart {
		_, _, _ = syscall.RawSyscall(unix.SYS_SETSID, 0, 0, 0)
		if pid, _, _ := syscall.RawSyscall6(unix.SYS_CLONE, uintptr(unix.SIGCHLD), 0, 0, 0, 0, 0); pid != 0 {
			_, _, _ = syscall.RawSyscall(unix.SYS_EXIT_GROUP, 0, 0, 0)
		}
	}
	_, _, _ = syscall.RawSyscall(unix.SYS_NANOSLEEP, uintptr(unsafe.Pointer(&rest)), 0, 0)
	for {
		_, _, _ = syscall.RawSyscall(unix.SYS_EXIT_GROUP, 0, 0, 0)
	}
}

// reap ends children and waits for them.
func reap(pids ...int) {
	for _, pid := range pids {
		_ = unix.Kill(pid, unix.SIGKILL)
	}
	for _, pid := range pids {
		_, _ = unix.Wait4(pid, nil, 0, nil)
	}
}

func tryFork(target) verdict {
	return each(
		step{"clone", func() error {
			pid, err := spawn(0, time.Second, false)
			if err == nil {
				reap(pid)
			}
			return err
		}},
		step{"clone3", func() error {
			// Without a body to call it would be a second copy of this thread; a size
			// that no kernel takes is refused after the filter has spoken.
			_, _, errno := syscall.RawSyscall(unix.SYS_CLONE3, 0, 0, 0)
			if errno == unix.EINVAL {
				return nil // the kernel itself has looked at it
			}
			return errno
		}},
	)
}

func forkBomb(target) verdict {
	const most = 2000
	var pids []int
	defer func() { reap(pids...) }()
	for end := time.Now().Add(10 * time.Second); len(pids) < most && time.Now().Before(end); {
		pid, err := spawn(0, 5*time.Second, false)
		switch {
		case err != nil && len(pids) == 0:
			return stopped("clone: %v", err)
		case err != nil:
			return contained("%d processes, then %v", len(pids), err)
		}
		pids = append(pids, pid)
	}
	return escaped("%d processes", len(pids))
}

func doubleFork(t target) verdict {
	pid, err := spawn(0, 30*time.Second, true)
	if err != nil {
		return stopped("clone: %v", err)
	}
	_, _ = unix.Wait4(pid, nil, 0, nil)
	if os.Getppid() <= 1 {
		return contained("a grandchild, in this process's own namespace")
	}
	return escaped("a grandchild in a session of its own, for 30 s")
}

func threadBomb(target) verdict {
	const most = 2000
	var begun atomic.Int64
	over := make(chan struct{})
	for range most {
		go func() {
			runtime.LockOSThread()
			defer runtime.UnlockOSThread()
			begun.Add(1)
			rest := unix.NsecToTimespec(int64(3 * time.Second))
			_ = unix.Nanosleep(&rest, nil)
			over <- struct{}{}
		}()
	}
	for range most {
		<-over
	}
	return escaped("%d threads", begun.Load())
}

func leaveSession(target) verdict {
	return each(
		step{"setsid", func() error { _, err := unix.Setsid(); return err }},
		step{"setpgid", func() error { return unix.Setpgid(0, 1) }},
	)
}

func clearDeathSignal(target) verdict {
	return failed("prctl PR_SET_PDEATHSIG 0", unix.Prctl(unix.PR_SET_PDEATHSIG, 0, 0, 0, 0))
}

// spin takes what it can get and counts: a share well above the quota of half a processor
// is an escape.
func spin(target) verdict {
	const wall = 3 * time.Second
	before := processorTime()
	end := time.Now().Add(wall)
	over := make(chan struct{})
	for range 4 {
		go func() {
			runtime.LockOSThread()
			defer runtime.UnlockOSThread()
			for n := 0; time.Now().Before(end); n++ {
			}
			over <- struct{}{}
		}()
	}
	for range 4 {
		<-over
	}
	took := processorTime() - before
	if share := took.Seconds() / wall.Seconds(); share > 0.9 {
		return escaped("%.2f processors", share)
	}
	return contained("%.0f%% of one processor", 100*took.Seconds()/wall.Seconds())
}

func processorTime() time.Duration {
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// dumpCore dies as a process dies that the kernel writes to a file.
func dumpCore(target) verdict {
	var limit unix.Rlimit
	_ = unix.Prlimit(0, unix.RLIMIT_CORE, nil, &limit)
	if limit.Max > 0 {
		return escaped("a dump of %d bytes is allowed", limit.Max)
	}
	// A fault ends the first process of a namespace as well, which signals do not. A Go
	// program would print its stacks; one that has the default back dies.
	type action struct{ handler, flags, restorer, mask uintptr }
	_, _, errno := syscall.RawSyscall6(unix.SYS_RT_SIGACTION, uintptr(unix.SIGSEGV), uintptr(unsafe.Pointer(&action{})), 0, 8, 0, 0)
	var nowhere *int
	*nowhere = 1
	return stopped("rt_sigaction: %v; it lives", errno)
}

func resetAffinity(target) verdict {
	var all unix.CPUSet
	for n := range 64 {
		all.Set(n)
	}
	return failed("sched_setaffinity", unix.SchedSetaffinity(0, &all))
}

func realTime(target) verdict {
	return each(
		step{"sched_setscheduler SCHED_FIFO", func() error {
			attr := unix.SchedAttr{Size: unix.SizeofSchedAttr, Policy: 1, Priority: 1}
			return unix.SchedSetAttr(0, &attr, 0)
		}},
		step{"setpriority -20", func() error { return unix.Setpriority(unix.PRIO_PROCESS, 0, -20) }},
	)
}
