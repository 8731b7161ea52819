package instance

import (
	"errors"
	"os"
	"slices"
	"syscall"

	"github.com/segue-run/segue/runtime/module"
)

// shortages are how the kernel says that the host, or the machine, is short of
// something.
var shortages = []error{syscall.EMFILE, syscall.ENFILE, syscall.ENOBUFS, syscall.ENOMEM}

// lacking is err, or a module.Error of kind Quota around it where the host lacked what
// it takes: no module has a part in that. EAGAIN says so only of a socket that could not
// be made; of a connection it says that the module does not accept it.
func lacking(err error) error {
	call, ok := errors.AsType[*os.SyscallError](err)
	unmade := ok && call.Syscall == "socket"
	if !unmade && !slices.ContainsFunc(shortages, func(s error) bool { return errors.Is(err, s) }) {
		return err
	}
	return &module.Error{
		Kind: module.Quota, Msg: "the runtime itself is short of descriptors or memory", Err: err,
		Hint: "raise its limit on open files, or run fewer modules",
	}
}
