package main

import (
	"os"

	"golang.org/x/sys/unix"

	"github.com/segue-run/segue/plugins/chaos/escape/attack"
)

// setUser becomes somebody that it is not: root, or where it is root, somebody else.
func setUser(target) verdict {
	other := uintptr(0)
	if os.Getuid() == 0 {
		other = 65534
	}
	// One thread alone changes, and is thrown away.
	return each(
		step{"setuid", func() error { return onThread(func() error { return raw(unix.SYS_SETUID, other) }) }},
		step{"setgid", func() error { return onThread(func() error { return raw(unix.SYS_SETGID, other) }) }},
		step{"setresuid", func() error { return onThread(func() error { return raw(unix.SYS_SETRESUID, other, other, other) }) }},
		step{"setgroups", func() error {
			return onThread(func() error { group := uint32(4); return raw(unix.SYS_SETGROUPS, 1, pointer(&group)) })
		}},
	)
}

// takeCapabilities asks for all of them.
func takeCapabilities(target) verdict {
	return each(
		step{"capset", func() error {
			return onThread(func() error {
				header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
				all := [2]unix.CapUserData{{Effective: ^uint32(0), Permitted: ^uint32(0)}, {Effective: 0x1ff, Permitted: 0x1ff}}
				return unix.Capset(&header, &all[0])
			})
		}},
		step{"ambient CAP_SYS_ADMIN", func() error {
			return onThread(func() error {
				return unix.Prctl(unix.PR_CAP_AMBIENT, unix.PR_CAP_AMBIENT_RAISE, unix.CAP_SYS_ADMIN, 0, 0)
			})
		}},
		step{"securebits", func() error {
			return onThread(func() error { return unix.Prctl(unix.PR_SET_SECUREBITS, 0x2f, 0, 0, 0) })
		}},
	)
}

func raiseLimits(target) verdict {
	var steps []step
	for name, resource := range map[string]int{"NOFILE": unix.RLIMIT_NOFILE, "DATA": unix.RLIMIT_DATA, "FSIZE": unix.RLIMIT_FSIZE, "NPROC": unix.RLIMIT_NPROC, "CORE": unix.RLIMIT_CORE} {
		steps = append(steps, step{name, func() error {
			var now unix.Rlimit
			if err := unix.Prlimit(0, resource, nil, &now); err != nil {
				return err
			}
			if now.Max == unix.RLIM_INFINITY {
				return errNothing
			}
			raised := unix.Rlimit{Cur: now.Cur, Max: now.Max + 1}
			return unix.Prlimit(0, resource, &raised, nil)
		}})
	}
	return each(steps...)
}

// limitHost gives the host the limit that it has.
func limitHost(t target) verdict {
	var now unix.Rlimit
	return each(
		step{"read the host's limit", func() error { return unix.Prlimit(t.pid(attack.HostPID), unix.RLIMIT_CORE, nil, &now) }},
		step{"set the host's limit", func() error { return unix.Prlimit(t.pid(attack.HostPID), unix.RLIMIT_CORE, &now, nil) }},
	)
}

func changePersonality(target) verdict {
	const readImpliesExec, addressesNotRandom = 0x0400000, 0x0040000
	return each(
		step{"READ_IMPLIES_EXEC", func() error { return onThread(func() error { return raw(unix.SYS_PERSONALITY, readImpliesExec) }) }},
		step{"ADDR_NO_RANDOMIZE", func() error { return onThread(func() error { return raw(unix.SYS_PERSONALITY, addressesNotRandom) }) }},
	)
}
