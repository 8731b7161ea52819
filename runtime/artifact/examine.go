package artifact

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
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

// examine checks that f is an executable for this machine whose bytes were passed over,
// and reads its manifest.
func examine(f *os.File, p passed, sidecar []byte) (content, error) {
	var c content
	err := c.describe(f)
	if err == nil {
		err = c.executable.Check()
	}
	if err == nil {
		err = p.err
	}
	if err != nil {
		return c, err
	}
	err = c.declare(p.scanner, sidecar)
	c.digest = combine(p.sum, c.sidecar)
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

// passed is what one pass over a file has found.
type passed struct {
	sum     [sha256.Size]byte
	scanner *manifest.Scanner
	err     error
}

// digest hashes f in one pass and looks for a manifest in it, up to the last of the
// rising sizes; it waits for each and ends when they do, so that it can follow a writer.
// Hashing is the slow part: a second goroutine reads and scans ahead of it.
func digest(ctx context.Context, f *os.File, sizes <-chan int64) passed {
	p := passed{scanner: new(manifest.Scanner)}
	free, full := make(chan []byte, readAhead), make(chan []byte, readAhead)
	for range readAhead {
		free <- make([]byte, readSize)
	}
	var failed error // of the reader; read after full is closed
	go func() {
		defer close(full)
		at := int64(0)
		for size := range sizes {
			for at < size {
				if ctx.Err() != nil {
					failed = context.Cause(ctx)
					return
				}
				buf := <-free
				n, err := f.ReadAt(buf[:min(readSize, size-at)], at)
				if err != nil {
					failed = err
					return
				}
				_, _ = p.scanner.Write(buf[:n]) // never fails
				full <- buf[:n]
				at += int64(n)
			}
		}
	}()
	h := sha256.New()
	for buf := range full {
		h.Write(buf)
		free <- buf[:readSize]
	}
	if failed != nil {
		p.err = fmt.Errorf("hash file: %w", failed)
	}
	p.sum = [sha256.Size]byte(h.Sum(nil))
	return p
}

// digestAll is digest for a file that nobody writes to.
func digestAll(ctx context.Context, f *os.File) passed {
	info, err := f.Stat()
	if err != nil {
		return passed{err: fmt.Errorf("hash file: %w", err)}
	}
	sizes := make(chan int64, 1)
	sizes <- info.Size()
	close(sizes)
	return digest(ctx, f, sizes)
}
