package main

import (
	"os"

	"golang.org/x/sys/unix"
)

// unconfined says what is missing that an attack may be tried: this process cannot gain
// privileges, has a filter of system calls, and cannot read what every process can. It is
// empty where all of that holds.
func unconfined() string {
	// The kernel itself never fails these two; where they fail a filter has done it.
	if on, err := unix.PrctlRetInt(unix.PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0); err == nil && on != 1 {
		return "no_new_privs is not set"
	}
	if mode, err := unix.PrctlRetInt(unix.PR_GET_SECCOMP, 0, 0, 0, 0); err == nil && mode != unix.SECCOMP_MODE_FILTER {
		return "it has no seccomp filter"
	}
	for _, file := range []string{"/etc/passwd", "/proc/1/cmdline"} {
		if f, err := os.Open(file); err == nil {
			_ = f.Close()
			return "it can read " + file
		}
	}
	return ""
}
