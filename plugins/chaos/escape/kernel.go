package main

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"time"

	"golang.org/x/sys/unix"

	"github.com/segue-run/segue/plugins/chaos/escape/attack"
)

// allowed takes an error that a call gives to those alone who may make it for none.
func allowed(err error, than ...error) error {
	for _, e := range than {
		if errors.Is(err, e) {
			return nil
		}
	}
	return err
}

// descriptor closes what a call gave.
func descriptor(fd int, err error) error {
	if err == nil {
		_ = unix.Close(fd)
	}
	return err
}

func useIOUring(target) verdict {
	var params [120]byte
	return each(
		step{"io_uring_setup", func() error { return descriptor(rawResult(unix.SYS_IO_URING_SETUP, 8, pointer(&params))) }},
		step{"io_uring_register", func() error {
			return allowed(raw(unix.SYS_IO_URING_REGISTER, ^uintptr(0), 0, 0, 0), unix.EBADF, unix.EINVAL)
		}},
	)
}

// unshareUser makes a process in a new user namespace: a thread alone cannot go there.
func unshareUser(target) verdict {
	return each(
		step{"clone CLONE_NEWUSER", func() error {
			pid, err := spawn(unix.CLONE_NEWUSER, time.Second, false)
			if err == nil {
				reap(pid)
			}
			return err
		}},
		// A process of several threads is refused by the kernel itself, with EINVAL.
		step{"unshare CLONE_NEWUSER", func() error { return unix.Unshare(unix.CLONE_NEWUSER) }},
	)
}

// onThread does it on a thread that is thrown away.
func onThread(do func() error) error {
	result := make(chan error)
	go func() {
		runtime.LockOSThread() // and never unlocks
		result <- do()
	}()
	return <-result
}

func unshareNet(target) verdict {
	return failed("unshare CLONE_NEWNET", onThread(func() error { return unix.Unshare(unix.CLONE_NEWNET) }))
}

func unshareMount(target) verdict {
	return failed("unshare CLONE_NEWNS", onThread(func() error { return unix.Unshare(unix.CLONE_NEWNS) }))
}

func enterNamespaces(t target) verdict {
	var steps []step
	for _, name := range []string{"net", "mnt", "pid", "ipc"} {
		steps = append(steps, step{"setns " + name, func() error {
			return onThread(func() error {
				fd, err := unix.Open(t.proc(attack.HostPID, "ns/"+name), unix.O_RDONLY|unix.O_CLOEXEC, 0)
				if err != nil {
					return err
				}
				defer unix.Close(fd)
				return unix.Setns(fd, 0)
			})
		}})
	}
	steps = append(steps, step{"setns by pidfd", func() error {
		return onThread(func() error {
			fd, err := unix.PidfdOpen(t.pid(attack.HostPID), 0)
			if err != nil {
				return err
			}
			defer unix.Close(fd)
			return unix.Setns(fd, unix.CLONE_NEWNET)
		})
	}})
	return each(steps...)
}

func mountHere(target) verdict {
	dir := scratch("mounted")
	_ = os.Mkdir(dir, 0o700)
	return each(
		step{"mount tmpfs", func() error {
			err := unix.Mount("escape", dir, "tmpfs", 0, "size=4k")
			if err == nil {
				_ = unix.Unmount(dir, unix.MNT_DETACH)
			}
			return err
		}},
		step{"bind mount", func() error {
			err := unix.Mount("/etc", dir, "", unix.MS_BIND, "")
			if err == nil {
				_ = unix.Unmount(dir, unix.MNT_DETACH)
			}
			return err
		}},
		step{"fsopen", func() error { return descriptor(unix.Fsopen("tmpfs", unix.FSOPEN_CLOEXEC)) }},
		step{"open_tree", func() error {
			return descriptor(unix.OpenTree(unix.AT_FDCWD, "/etc", unix.OPEN_TREE_CLONE))
		}},
		step{"umount2", func() error { return allowed(unix.Unmount(dir, unix.MNT_DETACH), unix.EINVAL) }},
	)
}

// changeRoot ends with a process that has no other root than before, or an empty one.
func changeRoot(target) verdict {
	dir := scratch("root")
	_ = os.Mkdir(dir, 0o700)
	return each(
		step{"pivot_root", func() error { return allowed(unix.PivotRoot(dir, dir), unix.EINVAL, unix.EBUSY) }},
		step{"chroot", func() error { return unix.Chroot(dir) }},
	)
}

func useBPF(target) verdict {
	attr := [32]uint32{2, 4, 4, 1} // an array of one
	return failed("bpf", descriptor(rawResult(unix.SYS_BPF, 0, pointer(&attr), 128)))
}

func useKeyring(target) verdict {
	return each(
		step{"add_key", func() error {
			id, err := unix.AddKey("user", "escape", []byte("x"), unix.KEY_SPEC_PROCESS_KEYRING)
			if err == nil {
				_, _ = unix.KeyctlInt(unix.KEYCTL_REVOKE, id, 0, 0, 0)
			}
			return err
		}},
		step{"keyctl", func() error { _, err := unix.KeyctlGetKeyringID(unix.KEY_SPEC_SESSION_KEYRING, false); return err }},
		step{"request_key", func() error {
			_, err := unix.RequestKey("user", "escape", "", 0)
			return allowed(err, unix.ENOKEY)
		}},
	)
}

func useUserfault(target) verdict {
	return each(
		step{"userfaultfd", func() error { return descriptor(rawResult(unix.SYS_USERFAULTFD, unix.O_CLOEXEC)) }},
		step{"userfaultfd for user mode", func() error { return descriptor(rawResult(unix.SYS_USERFAULTFD, unix.O_CLOEXEC|1)) }},
	)
}

func usePerf(target) verdict {
	attr := unix.PerfEventAttr{Type: unix.PERF_TYPE_SOFTWARE, Size: unix.PERF_ATTR_SIZE_VER0, Config: unix.PERF_COUNT_SW_CPU_CLOCK, Bits: unix.PerfBitDisabled | unix.PerfBitExcludeKernel}
	return failed("perf_event_open", descriptor(unix.PerfEventOpen(&attr, 0, -1, -1, 0)))
}

// loadModule offers the kernel no module at all, which it only says to who may.
func loadModule(target) verdict {
	nothing := []byte{0}
	return each(
		step{"init_module", func() error { return allowed(unix.InitModule(nothing, ""), unix.ENOEXEC) }},
		step{"delete_module", func() error { return allowed(unix.DeleteModule("escape_no_such_module", unix.O_NONBLOCK), unix.ENOENT) }},
		step{"kexec_load", func() error {
			// More segments than there may be is refused after permission was given.
			return allowed(raw(unix.SYS_KEXEC_LOAD, 0, 1<<20, 0, 0), unix.EINVAL)
		}},
	)
}

// askReboot asks with numbers that no kernel takes.
func askReboot(target) verdict {
	return failed("reboot", allowed(raw(unix.SYS_REBOOT, 0, 0, 0, 0), unix.EINVAL))
}

func readKernelLog(target) verdict {
	return each(
		step{"syslog READ_ALL", func() error { _, err := unix.Klogctl(3, make([]byte, 256)); return err }},
		step{"syslog SIZE_BUFFER", func() error { _, err := unix.Klogctl(10, nil); return err }},
	)
}

// setClock sets the time that it is.
func setClock(target) verdict {
	return each(
		step{"clock_settime", func() error {
			now := unix.NsecToTimespec(time.Now().UnixNano())
			return raw(unix.SYS_CLOCK_SETTIME, unix.CLOCK_REALTIME, pointer(&now))
		}},
		step{"settimeofday", func() error {
			now := unix.NsecToTimeval(time.Now().UnixNano())
			return unix.Settimeofday(&now)
		}},
		step{"adjtimex", func() error { _, err := unix.Adjtimex(&unix.Timex{Modes: unix.ADJ_TICK, Tick: 10_000}); return err }},
	)
}

// setHostname sets the names that there are.
func setHostname(target) verdict {
	var name unix.Utsname
	if err := unix.Uname(&name); err != nil {
		return stopped("uname: %v", err)
	}
	return each(
		step{"sethostname", func() error { return unix.Sethostname([]byte(unix.ByteSliceToString(name.Nodename[:]))) }},
		step{"setdomainname", func() error { return unix.Setdomainname([]byte(unix.ByteSliceToString(name.Domainname[:]))) }},
	)
}

func useQuotas(target) verdict {
	const sync = 0x800001 << 8 // QCMD(Q_SYNC, USRQUOTA)
	return failed("quotactl", allowed(raw(unix.SYS_QUOTACTL, sync, 0, 0, 0), unix.ESRCH))
}

// swapAndAccount names files of its own, which are no swap space, and a file that is not
// there.
func swapAndAccount(target) verdict {
	path := own("swap")
	if err := os.WriteFile(path, make([]byte, 8192), 0o600); err != nil {
		return stopped("create: %v", err)
	}
	defer os.Remove(path)
	return each(
		step{"swapon", func() error { return allowed(raw(unix.SYS_SWAPON, text(path), 0), unix.EINVAL) }},
		step{"acct", func() error { return allowed(unix.Acct(own("no-such-file")), unix.ENOENT) }},
	)
}

func useFanotify(target) verdict {
	return each(
		step{"fanotify_init", func() error {
			return descriptor(unix.FanotifyInit(unix.FAN_CLASS_NOTIF|unix.FAN_CLOEXEC, unix.O_RDONLY))
		}},
		step{"fanotify_init by handles", func() error {
			return descriptor(unix.FanotifyInit(unix.FAN_CLASS_NOTIF|unix.FAN_REPORT_FID|unix.FAN_CLOEXEC, unix.O_RDONLY))
		}},
	)
}

func enterForeign(target) verdict {
	way, err := foreign()
	if err != nil {
		return stopped("%v", err)
	}
	return escaped("%s", fmt.Sprint(way))
}
