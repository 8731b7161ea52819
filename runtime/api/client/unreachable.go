package client

import (
	"errors"
	"os"
	"syscall"
)

// unreachable keeps ErrUnreachable and the cause findable; the message around it
// says both already.
type unreachable struct{ cause error }

func (u unreachable) Error() string { return "" }

func (u unreachable) Unwrap() []error { return []error{ErrUnreachable, u.cause} }

// dialError marks an error that came before there was a connection.
type dialError struct{ error }

func (e *dialError) Unwrap() error { return e.error }

func isDialError(err error) bool {
	_, ok := errors.AsType[*dialError](err)
	return ok
}

// rootCause is the system's word for why a connection failed, without the address
// that the message names already.
func rootCause(err error) string {
	if errors.Is(err, syscall.ENOENT) {
		return "no socket there"
	}
	if sys, ok := errors.AsType[*os.SyscallError](err); ok {
		return sys.Err.Error()
	}
	if dialed, ok := errors.AsType[*dialError](err); ok {
		return dialed.error.Error()
	}
	return err.Error()
}
