package artifact

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"github.com/segue-run/segue/runtime/module"
)

var errDigest = errors.New("its bytes have another digest")

// Load opens the artifact of a digest, hashes it again and reads its manifest. The
// error is a *module.Error of kind NotFound where the store has none, Internal where
// what it has is damaged, and Invalid where it is intact but not acceptable any more.
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
	p := digestAll(ctx, f)
	if p.err != nil {
		return nil, p.err
	}
	if combine(p.sum, sidecar) != d {
		return nil, s.damaged(d, errDigest)
	}
	c := content{digest: d}
	if err := c.describe(f); err != nil {
		return nil, err
	}
	if err := c.executable.Check(); err != nil {
		return nil, err
	}
	if err := c.declare(p.scanner, sidecar); err != nil {
		return nil, err
	}
	return s.artifact(c, f), nil
}

// stored opens the file of a digest and reads its sidecar.
func (s *Store) stored(d module.Digest) (*os.File, []byte, error) {
	f, err := os.OpenFile(s.path(d), os.O_RDONLY|unix.O_NOFOLLOW, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil, &module.Error{Kind: module.NotFound, Field: "digest", Value: string(d), Msg: "no such artifact", Hint: "drop the file again"}
	}
	if err != nil {
		return nil, nil, s.damaged(d, err)
	}
	sidecar, err := os.ReadFile(s.path(d) + sidecarSuffix)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		f.Close()
		return nil, nil, s.damaged(d, err)
	}
	return f, sidecar, nil
}

func (s *Store) damaged(d module.Digest, err error) error {
	return &module.Error{
		Kind: module.Internal, Field: "artifact", Value: s.path(d), Msg: "the stored file is damaged", Err: err,
		Hint: "drop the release's file again, and have the disk looked at",
	}
}

// seal is a stored file as it was when its bytes were found to be what its name says.
// Nobody can write to the file and set the time of the inode's last change back, so
// bytes need not be read again while the seal is unbroken.
type seal struct {
	dev, ino, size int64
	changed        time.Time
}

// tick is longer than the steps in which file systems count time: a file that changed
// less than that ago may change again without a trace.
const tick = 50 * time.Millisecond

// intact opens the stored file of c's digest and makes sure that it is c.
func (s *Store) intact(ctx context.Context, c content) (*os.File, error) {
	f, sidecar, err := s.stored(c.digest)
	if err != nil {
		return nil, err
	}
	if err = s.compare(ctx, f, sidecar, c); err != nil {
		f.Close()
		return nil, s.damaged(c.digest, err)
	}
	return f, nil
}

// compare reads f unless its seal is unbroken, and seals it.
func (s *Store) compare(ctx context.Context, f *os.File, sidecar []byte, c content) error {
	if !bytes.Equal(sidecar, c.sidecar) {
		return errDigest
	}
	asked := time.Now()
	now, err := sealOf(f)
	if err != nil || s.sealed(c.digest, now) {
		return err
	}
	p := digestAll(ctx, f)
	if p.err != nil {
		return p.err
	}
	if combine(p.sum, sidecar) != c.digest {
		return errDigest
	}
	if now.changed.Before(asked.Add(-tick)) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.seals[c.digest] = now
	}
	return nil
}

func (s *Store) sealed(d module.Digest, now seal) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.seals[d] == now
}

func sealOf(f *os.File) (seal, error) {
	var st unix.Stat_t
	if err := unix.Fstat(int(f.Fd()), &st); err != nil {
		return seal{}, fmt.Errorf("stat %s: %w", f.Name(), err)
	}
	return seal{int64(st.Dev), int64(st.Ino), st.Size, time.Unix(st.Ctim.Unix())}, nil
}
