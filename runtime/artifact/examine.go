package artifact

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/segue-run/segue/runtime/executable"
	"github.com/segue-run/segue/runtime/module"
	"github.com/segue-run/segue/sdk/manifest"
)

// content is what a file and its sidecar turned out to be.
type content struct {
	digest     module.Digest
	size       int64
	executable executable.Info
	manifest   *manifest.Manifest
	text       []byte // of the manifest
	sidecar    []byte // nil where it does not count
}

// examine checks that f is an executable for this machine, hashes it and reads its
// manifest.
func examine(ctx context.Context, f *os.File, sidecar []byte) (content, error) {
	var c content
	err := c.describe(f)
	if err == nil {
		err = c.executable.Check()
	}
	if err != nil {
		return c, err
	}
	sum, scanner, err := digest(ctx, f)
	if err != nil {
		return c, err
	}
	err = c.declare(scanner, sidecar)
	c.digest = combine(sum, c.sidecar)
	return c, err
}

// describe reads the size and the executable's headers.
func (c *content) describe(f *os.File) error {
	info, err := f.Stat()
	if err != nil {
		return fmt.Errorf("inspect file: %w", err)
	}
	c.size = info.Size()
	c.executable, err = executable.Inspect(f, c.size)
	return err
}

// combine is the digest of an artifact whose executable has the given sum.
func combine(sum [sha256.Size]byte, sidecar []byte) module.Digest {
	if sidecar != nil {
		beside := sha256.Sum256(sidecar)
		sum = sha256.Sum256(append(sum[:], beside[:]...))
	}
	return module.Digest(hex.EncodeToString(sum[:]))
}

// The pass over a file: so many pieces of this size are read ahead.
const (
	readSize  = 256 << 10
	readAhead = 4
)

// digest hashes all of f in one pass and looks for a manifest in it. Hashing is the
// slow part: a second goroutine reads and scans ahead of it.
func digest(ctx context.Context, f *os.File) (sum [sha256.Size]byte, scanner *manifest.Scanner, err error) {
	scanner = new(manifest.Scanner)
	free, full := make(chan []byte, readAhead), make(chan []byte, readAhead)
	for range readAhead {
		free <- make([]byte, readSize)
	}
	var failed error // of the reader; read after full is closed
	go func() {
		defer close(full)
		for at := int64(0); ; at += readSize {
			if ctx.Err() != nil {
				failed = context.Cause(ctx)
				return
			}
			buf := <-free
			n, err := f.ReadAt(buf[:readSize], at)
			_, _ = scanner.Write(buf[:n]) // never fails
			full <- buf[:n]
			if err != nil {
				if !errors.Is(err, io.EOF) {
					failed = err
				}
				return
			}
		}
	}()
	h := sha256.New()
	for buf := range full {
		h.Write(buf)
		free <- buf
	}
	if failed != nil {
		return sum, nil, fmt.Errorf("hash file: %w", failed)
	}
	return [sha256.Size]byte(h.Sum(nil)), scanner, nil
}
