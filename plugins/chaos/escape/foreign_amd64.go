package main

import (
	"errors"
	"fmt"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// getpid32 asks for the process id by the call of a 32-bit program, interrupt 0x80.
func getpid32() int32

// foreign enters by the calls of x32 and of i386, and tells by which it came in.
func foreign() (string, error) {
	const x32 = 0x40000000
	if pid, _, errno := syscall.RawSyscall(x32|unix.SYS_GETPID, 0, 0, 0); errno == 0 {
		return fmt.Sprintf("x32 says that this is process %d", pid), nil
	}
	if pid := getpid32(); pid == int32(os.Getpid()) {
		return fmt.Sprintf("i386 says that this is process %d", pid), nil
	}
	return "", errors.New("neither x32 nor i386 answers")
}
