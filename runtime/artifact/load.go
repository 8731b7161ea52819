package artifact

import (
	"context"
	"errors"
	"io/fs"
	"os"

	"golang.org/x/sys/unix"

	"github.com/segue-run/segue/runtime/executable"
	"github.com/segue-run/segue/runtime/module"
	"github.com/segue-run/segue/sdk/manifest"
)

var errDigest = errors.New("its bytes have another digest")

// Load opens the artifact of a digest, hashes it again and reads its manifest. The
// error is a *module.Error of kind NotFound where the store has none, Internal where
// what it has is damaged, Invalid where it is intact but not acceptable any more, and
// Unavailable where the machine could not look.
func (s *Store) Load(ctx context.Context, d module.Digest) (*Artifact, error) {
	if _, err := module.ParseDigest(string(d)); err != nil {
		return nil, err // not a name to look for in a directory
	}
	s.hold(d)
	a, err := s.load(ctx, d)
	if err != nil {
		s.release(d)
		return nil, err
	}
	return a, nil
}

func (s *Store) load(ctx context.Context, d module.Digest) (_ *Artifact, err error) {
	f, sidecar, err := s.stored(d)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			f.Close()
		}
	}()
	sealed, err := sealOf(f)
	if err != nil {
		return nil, s.unread(d, err)
	}
	p := digestAll(ctx, f)
	switch {
	case p.err != nil && ctx.Err() != nil:
		return nil, p.err
	case p.err != nil:
		return nil, s.unread(d, p.err)
	}
	if combine(p.sum, sidecar) != d {
		return nil, s.damaged(d, errDigest)
	}
	c := content{digest: d}
	if err := c.describe(f); err != nil {
		return nil, s.unread(d, err)
	}
	if err := c.executable.Check(); err != nil {
		return nil, err
	}
	if err := c.declare(p.scanner, sidecar); err != nil {
		return nil, err
	}
	return s.artifact(c, f, sealed), nil
}

// stored opens the file of a digest and reads its sidecar.
func (s *Store) stored(d module.Digest) (*os.File, []byte, error) {
	f, err := os.OpenFile(s.path(d), os.O_RDONLY|unix.O_NOFOLLOW, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil, &module.Error{Kind: module.NotFound, Field: "digest", Value: string(d), Msg: "no such artifact", Hint: "drop the file again"}
	}
	if err != nil {
		return nil, nil, s.unread(d, err)
	}
	sidecar, err := os.ReadFile(s.path(d) + manifest.SidecarSuffix)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		f.Close()
		return nil, nil, s.unread(d, err)
	}
	return f, sidecar, nil
}

// unread explains an error of reading what is stored. That the disk cannot read its own
// bytes is damage; what else the machine lacks passes.
func (s *Store) unread(d module.Digest, err error) error {
	if executable.Passing(err) && !errors.Is(err, unix.EIO) {
		return lacking(err)
	}
	return s.damaged(d, err)
}

func (s *Store) damaged(d module.Digest, err error) error {
	return &module.Error{
		Kind: module.Internal, Field: "artifact", Value: s.path(d), Msg: "the stored file is damaged", Err: err,
		Hint: "drop the release's file again, and have the disk looked at",
	}
}
