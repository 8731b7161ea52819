package state

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"github.com/nats-io/nats.go/jetstream"
	"golang.org/x/sys/unix"

	"github.com/segue-run/segue/runtime/module"
)

// What a caller may test for. Those that an operator will read come wrapped in a
// module.Error with the directory and the remedy.
var (
	// ErrNotFound says that a key has no value.
	ErrNotFound = errors.New("no such key")
	// ErrConflict says that somebody else wrote first; nothing was written.
	ErrConflict = errors.New("changed in the meantime")
	// ErrFull says that the disk has no room; nothing was written where the store saw
	// it coming, and the outcome is unknown where the server ran into it.
	ErrFull = errors.New("no space left for state")
	// ErrDamaged says that acknowledged records are gone or cannot be read.
	ErrDamaged = errors.New("state is damaged")
	// ErrClosed says that the store was closed.
	ErrClosed = errors.New("state is closed")
)

// pathError says what is wrong with a path that the store needs, and what to do.
func pathError(path string, err error) error {
	e := &module.Error{Kind: module.Internal, Field: "state", Value: path, Err: trimPath(err)}
	switch {
	case errors.Is(err, unix.ENOTDIR), errors.Is(err, unix.EEXIST), errors.Is(err, unix.EISDIR), errors.Is(err, unix.ELOOP):
		e.Kind, e.Hint = module.Invalid, "name a directory that segue may create or use"
	case errors.Is(err, unix.EROFS):
		e.Kind, e.Hint = module.Denied, "the file system is mounted read-only; name a directory on another"
	case errors.Is(err, fs.ErrPermission):
		e.Kind = module.Denied
		e.Hint = fmt.Sprintf("segue runs as uid %d, which needs to read and write it: chown -R %[1]d it, or name another directory with --state", os.Geteuid())
	case isFull(err):
		return fullError(path)
	}
	return e
}

// trimPath takes the path off an *fs.PathError, since ours names it already.
func trimPath(err error) error {
	var pe *fs.PathError
	if errors.As(err, &pe) {
		return fmt.Errorf("%s: %w", pe.Op, pe.Err)
	}
	return err
}

func isFull(err error) bool {
	return errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.EDQUOT) ||
		err != nil && strings.Contains(err.Error(), "no space left on device")
}

func fullError(dir string) error {
	return &module.Error{Kind: module.Unavailable, Field: "state", Value: dir, Err: ErrFull,
		Hint: "free some space on its file system; segue goes on by itself"}
}

// translate makes what an operation came back with one of ours.
func (s *Store) translate(err error) error {
	var api *jetstream.APIError
	var ours *module.Error
	switch {
	case err == nil, errors.As(err, &ours), errors.Is(err, ErrConflict), errors.Is(err, ErrNotFound):
		return err
	case errors.As(err, &api) && (api.ErrorCode == jetstream.JSErrCodeStreamWrongLastSequence ||
		api.ErrorCode == jetstream.JSErrCodeStreamWrongLastSequenceConstant):
		return ErrConflict
	case isFull(err) || s.full():
		return fullError(s.dir)
	case errors.Is(err, context.Canceled):
		return err
	case errors.Is(err, context.DeadlineExceeded):
		return &module.Error{Kind: module.Timeout, Field: "state", Value: s.dir, Msg: "the disk did not answer", Err: err,
			Hint: "see whether the disk is busy or failing"}
	}
	return &module.Error{Kind: module.Unavailable, Field: "state", Value: s.dir, Err: err}
}
