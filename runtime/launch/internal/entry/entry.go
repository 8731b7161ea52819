package entry

import (
	"os"
	"syscall"
	"unsafe"
)

const (
	// Argv0 is the argv[0] by which a process knows that it is the launcher.
	Argv0 = "segue-launch"
	// Failure is the exit code of a launcher that could not become the module.
	Failure = 120
)

func init() {
	if len(os.Args) == 0 || os.Args[0] != Argv0 {
		return
	}
	o, err := parse(os.Args[1:])
	if err == nil {
		err = o.become(syscall.Environ())
	}
	fail(err)
}

// failure is what went wrong, in one line.
type failure string

func (f failure) Error() string { return string(f) }

func failed(doing string, err error) error {
	if err == nil {
		return nil
	}
	return failure(doing + ": " + err.Error())
}

// fail says why and ends the process. It does not use os.Exit: nothing of the
// host's may run any more. Its calls are bare, for the filter may be on.
func fail(err error) {
	line := []byte(Argv0 + ": " + err.Error() + "\n")
	_, _, _ = syscall.RawSyscall(syscall.SYS_WRITE, 2, uintptr(unsafe.Pointer(&line[0])), uintptr(len(line)))
	end(Failure)
}

func end(code uintptr) {
	for {
		_, _, _ = syscall.RawSyscall(syscall.SYS_EXIT_GROUP, code, 0, 0)
	}
}
