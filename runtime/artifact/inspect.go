package artifact

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"golang.org/x/sys/unix"

	"github.com/segue-run/segue/runtime/executable"
	"github.com/segue-run/segue/runtime/module"
	"github.com/segue-run/segue/sdk/manifest"
)

// Inspection is what a file would be as an artifact.
type Inspection struct {
	Path       string          `json:"path"`
	Digest     module.Digest   `json:"digest,omitempty"` // as the store would know it
	Size       int64           `json:"size"`             // bytes
	Executable executable.Info `json:"executable"`
	// Source is where the manifest is: "embedded", "sidecar" or empty.
	Source       string             `json:"source,omitempty"`
	Manifest     *manifest.Manifest `json:"manifest,omitempty"`
	ManifestText []byte             `json:"-"`
	// Problems are why a store on this machine would refuse the file; empty if it
	// would not.
	Problems []error `json:"-"`
}

// Inspect reads the file at path, with PATH.module.yaml where there is one, and stores
// nothing. The error is one of reading; what is wrong with the file is among the
// Problems.
func Inspect(ctx context.Context, path string) (*Inspection, error) {
	f, err := openRegular(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var c content
	if err := c.describe(f); err != nil {
		return nil, fmt.Errorf("inspect %s: %w", path, err)
	}
	sidecar, err := readSidecar(path + manifest.SidecarSuffix)
	if err != nil {
		return nil, err
	}
	p := digestAll(ctx, f)
	if p.err != nil {
		return nil, fmt.Errorf("inspect %s: %w", path, p.err)
	}
	i := &Inspection{Path: path, Size: c.size, Executable: c.executable}
	for _, err := range []error{c.executable.Check(), c.declare(p.scanner, sidecar)} {
		if err != nil {
			i.Problems = append(i.Problems, err)
		}
	}
	i.Digest, i.Manifest, i.ManifestText = combine(p.sum, c.sidecar), c.manifest, c.text
	switch {
	case c.sidecar != nil:
		i.Source = "sidecar"
	case c.text != nil:
		i.Source = "embedded"
	}
	return i, nil
}

// openRegular opens without waiting for the other end of a pipe.
func openRegular(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		kind := module.Invalid
		if errors.Is(err, fs.ErrNotExist) {
			kind = module.NotFound
		}
		return nil, &module.Error{Kind: kind, Field: "file", Value: path, Err: err}
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = &module.Error{Kind: module.Invalid, Field: "file", Value: path, Msg: "it is not a regular file", Hint: "name an executable"}
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// readSidecar gives nil where there is none. What is too big for a manifest is cut one
// byte behind its limit, and refused by the parser.
func readSidecar(path string) ([]byte, error) {
	f, err := openRegular(path)
	if module.KindOf(err) == module.NotFound || errors.Is(err, unix.ENAMETOOLONG) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, manifest.MaxSize+1))
	if err != nil {
		return nil, fmt.Errorf("inspect %s: %w", path, err)
	}
	return text, nil
}
