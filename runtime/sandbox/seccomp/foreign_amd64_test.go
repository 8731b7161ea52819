package seccomp_test

import (
	"errors"
	"os"
	"os/exec"
	"strconv"
	"syscall"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"
)

func init() { scenarios["foreign"] = foreign }

// foreignCalls ask for the process's number by other ABIs of the same machine.
var foreignCalls = []func() error{
	func() error {
		_, _, errno := unix.RawSyscall(0x40000000|unix.SYS_GETPID, 0, 0, 0)
		return errno
	},
	func() error {
		code, err := unix.Mmap(-1, 0, os.Getpagesize(), unix.PROT_READ|unix.PROT_WRITE|unix.PROT_EXEC,
			unix.MAP_PRIVATE|unix.MAP_ANONYMOUS)
		if err != nil {
			return err
		}
		copy(code, []byte{0xb8, 20, 0, 0, 0, 0xcd, 0x80, 0xc3}) // mov eax, 20; int 0x80; ret
		entry := unsafe.Pointer(&code[0])
		closure := unsafe.Pointer(&entry)
		(*(*func())(unsafe.Pointer(&closure)))()
		return nil
	},
}

func foreign() error {
	n, err := strconv.Atoi(os.Getenv("SECCOMP_FOREIGN"))
	if err != nil {
		return err
	}
	if _, err := confine(unix.SECCOMP_FILTER_FLAG_TSYNC); err != nil {
		return err
	}
	return foreignCalls[n]()
}

func TestACallByAnotherABIEndsTheProcess(t *testing.T) {
	for n := range foreignCalls {
		scene(t, "foreign", strict, func(t *testing.T, cmd *exec.Cmd) {
			cmd.Env = append(cmd.Env, "SECCOMP_FOREIGN="+strconv.Itoa(n))
			cmd.Stderr = nil
			err := cmd.Run()
			ended, ok := errors.AsType[*exec.ExitError](err)
			if !ok || ended.Sys().(syscall.WaitStatus).Signal() != unix.SIGSYS {
				t.Errorf("call %d: %v", n, err)
			}
		})
	}
}
