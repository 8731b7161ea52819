package artifact

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"golang.org/x/sys/unix"

	"github.com/segue-run/segue/runtime/executable"
	"github.com/segue-run/segue/runtime/module"
)

// piece is how much is copied between two looks at the context.
const piece = 1 << 20

// fill copies src into w, tells each time how much is there, and gives the number of
// bytes.
func (s *Store) fill(ctx context.Context, w *os.File, src io.Reader, there chan<- int64) (int64, error) {
	var total int64
	for {
		if ctx.Err() != nil {
			return total, context.Cause(ctx)
		}
		n, err := s.sys.copy(w, src, min(piece, s.maxSize+1-total))
		total += n
		switch {
		case err != nil:
			return total, err
		case total > s.maxSize:
			return total, s.tooBig(total)
		}
		there <- total
		if n < piece {
			return total, nil
		}
	}
}

// copyBytes copies up to limit bytes; fewer mean that src is at its end. Between files
// the kernel copies.
func copyBytes(dst *os.File, src io.Reader, limit int64) (int64, error) {
	return io.Copy(dst, io.LimitReader(src, limit))
}

func (s *Store) tooBig(size int64) error {
	return &module.Error{
		Kind: module.Quota, Field: "file", Msg: fmt.Sprintf("it has %d bytes or more, and the limit is %d", size, s.maxSize),
		Hint: "build it without symbols: go build -ldflags='-s -w'",
	}
}

// lacking makes err one of kind Unavailable where it is the machine's own, as is running
// out of descriptors, and says nothing of the file.
func lacking(err error) error {
	if _, ok := errors.AsType[*module.Error](err); ok || !executable.Passing(err) {
		return err
	}
	hint := "try again; the machine is short of memory, or its disk does not answer"
	if errors.Is(err, unix.EMFILE) || errors.Is(err, unix.ENFILE) {
		hint = "try again; where it happens often, let the runtime have more open files (ulimit -n, LimitNOFILE)"
	}
	return &module.Error{Kind: module.Unavailable, Field: "artifacts", Err: err, Hint: hint}
}

// storing explains an error of the store's directory, into which size bytes were to go.
func (s *Store) storing(err error, size int64) error {
	if _, ok := errors.AsType[*module.Error](err); ok {
		return err
	}
	kind := module.Unavailable
	switch {
	case errors.Is(err, unix.EDQUOT):
		kind = module.Quota
	case errors.Is(err, unix.ENOSPC):
	case errors.Is(err, unix.EROFS), errors.Is(err, unix.EACCES), errors.Is(err, unix.EPERM):
		return &module.Error{
			Kind: kind, Field: "artifacts", Value: s.dir, Err: err,
			Hint: fmt.Sprintf("make the directory writable for user id %d", os.Geteuid()),
		}
	default:
		return lacking(fmt.Errorf("store artifact in %s: %w", s.dir, err))
	}
	var fs unix.Statfs_t
	free := "unknown"
	if unix.Statfs(s.dir, &fs) == nil {
		free = fmt.Sprint(int64(fs.Bavail) * fs.Bsize)
	}
	return &module.Error{
		Kind: kind, Field: "artifacts", Value: s.dir, Err: err,
		Msg:  fmt.Sprintf("no room for an artifact of %d bytes, %s bytes are free", size, free),
		Hint: "free space there, or put the state directory elsewhere with --state",
	}
}
