package executable

import (
	"errors"
	"slices"

	"golang.org/x/sys/unix"
)

// passing are errors that the machine gives for its own sake.
var passing = []error{
	unix.EMFILE, unix.ENFILE, unix.ENOMEM, unix.ENOBUFS, unix.EAGAIN, unix.EINTR, unix.EIO, unix.ESTALE, unix.ETIMEDOUT,
}

// Passing reports whether an error of opening or reading a file says nothing about the
// file: the process or the machine has run out of descriptors or memory, or the disk
// did not answer. Trying again later may help.
func Passing(err error) bool {
	return slices.ContainsFunc(passing, func(one error) bool { return errors.Is(err, one) })
}
