package artifact

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"go.uber.org/zap"

	"github.com/segue-run/segue/runtime/module"
	"github.com/segue-run/segue/sdk/manifest"
)

// Stage copies the executable that src reads, from where it stands to its end, into the
// store, and gives the verified artifact. A regular *os.File is copied by the kernel,
// sharing blocks where the file system can. sidecar is the manifest that stands beside
// the executable, nil where there is none; the artifact keeps it.
//
// It blocks as long as src does; ctx is looked at between pieces. A *module.Error says
// what is wrong with the file (Invalid, Conflict), that it is too big (Quota) or that
// the disk is full (Unavailable, Quota), or that the machine lacks something else for a
// moment, such as descriptors (Unavailable): staging the same again later may succeed.
// After an error the store is as it was.
func (s *Store) Stage(ctx context.Context, src io.Reader, sidecar []byte) (*Artifact, error) {
	temp, p, err := s.copyIn(ctx, src)
	if err != nil {
		return nil, err
	}
	defer temp.discard()
	c, err := examine(temp.file, p, sidecar)
	if err != nil {
		return nil, lacking(err)
	}
	s.hold(c.digest)
	a, err := s.settle(ctx, temp, c)
	if err != nil {
		s.release(c.digest)
		return nil, err
	}
	return a, nil
}

// staged is a copy under a temporary name, open for reading.
type staged struct {
	path string
	file *os.File // nil once somebody else owns it
}

// discard removes the copy, unless it was placed.
func (t *staged) discard() {
	if t.file == nil {
		return
	}
	t.remove()
}

func (t *staged) remove() {
	t.file.Close() // nil where it was never opened
	os.Remove(t.path)
}

// discardLater does not let the caller wait while the file system frees the blocks.
func (s *Store) discardLater(t *staged) {
	unwanted := *t
	t.file = nil
	s.removals.Go(unwanted.discard)
}

// copyIn makes the copy, and hashes it through the descriptor that is handed out: close
// behind the writer, which is the only one there is and never goes back.
func (s *Store) copyIn(ctx context.Context, src io.Reader) (_ *staged, p passed, err error) {
	size, err := s.announced(src)
	if err != nil {
		return nil, p, err
	}
	w, err := os.CreateTemp(s.dir, stagingPrefix)
	if err != nil {
		return nil, p, s.storing(err, size)
	}
	temp := &staged{path: w.Name()}
	defer func() {
		if err != nil {
			w.Close()
			temp.remove()
		}
	}()
	if temp.file, err = os.Open(temp.path); err != nil {
		return nil, p, s.storing(err, size)
	}
	there := make(chan int64, s.maxSize/piece+2) // room for all: the writer never waits
	hashed := make(chan passed, 1)
	go func() { hashed <- digest(ctx, temp.file, there) }()
	n, err := s.fill(ctx, w, src, there)
	close(there)
	p = <-hashed
	if err == nil {
		err = errors.Join(w.Chmod(0o555), w.Close())
	}
	if err != nil {
		return nil, p, s.storing(err, max(size, n))
	}
	return temp, p, nil
}

// settle gives the copy its name, or finds that the store has it already. The digest is
// held.
func (s *Store) settle(ctx context.Context, t *staged, c content) (*Artifact, error) {
	if f, sealed, err := s.intact(ctx, c); err == nil {
		s.discardLater(t)
		return s.artifact(c, f, sealed), nil
	} else if module.KindOf(err) != module.NotFound {
		if ctx.Err() != nil || module.KindOf(err) == module.Unavailable {
			return nil, err
		}
		s.log.Warn("a stored artifact was damaged and is replaced", zap.String("release", c.manifest.Name+"@"+c.manifest.Version), zap.Error(err))
	}
	if err := s.place(t, c); err != nil {
		return nil, s.storing(err, c.size)
	}
	sealed, err := sealOf(t.file) // the name has moved the time of the inode's change
	if err != nil {
		return nil, lacking(err)
	}
	a := s.artifact(c, t.file, sealed)
	t.file = nil
	return a, nil
}

// place renames the copy, behind its sidecar.
func (s *Store) place(t *staged, c content) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	path := s.path(c.digest)
	_, err := os.Lstat(path)
	fresh := errors.Is(err, fs.ErrNotExist)
	if err := s.placeSidecar(path+manifest.SidecarSuffix, c.sidecar); err != nil {
		return err
	}
	if err := s.sys.rename(t.path, path); err != nil {
		if fresh && c.sidecar != nil {
			os.Remove(path + manifest.SidecarSuffix)
		}
		return err
	}
	delete(s.seals, c.digest)
	return nil
}

// placeSidecar puts the sidecar beside where the executable will be; where there is
// none, none stays.
func (s *Store) placeSidecar(path string, text []byte) error {
	if text == nil {
		if err := os.Remove(path); !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		return nil
	}
	f, err := os.CreateTemp(s.dir, stagingPrefix)
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	err = errors.Join(err, f.Chmod(0o400), f.Close())
	if err == nil {
		err = s.sys.rename(f.Name(), path)
	}
	if err != nil {
		os.Remove(f.Name())
	}
	return err
}

// sidecarPaths are the files besides the executable that are to be flushed.
func (s *Store) sidecarPaths(c content) []string {
	if c.sidecar == nil {
		return nil
	}
	return []string{s.path(c.digest) + manifest.SidecarSuffix}
}

func (s *Store) artifact(c content, f *os.File, sealed seal) *Artifact {
	return &Artifact{
		Digest: c.digest, Size: c.size, Manifest: c.manifest, ManifestText: c.text, Executable: c.executable,
		file: f, seal: sealed, flush: s.flusher(c), release: func() { s.release(c.digest) },
	}
}

// announced is how many bytes src will give, 0 where that is not known. More than the
// store takes is refused before a byte is copied.
func (s *Store) announced(src io.Reader) (int64, error) {
	f, ok := src.(*os.File)
	if !ok {
		return 0, nil
	}
	info, err := f.Stat()
	if err != nil {
		return 0, fmt.Errorf("stage %s: %w", filepath.Base(f.Name()), err)
	}
	if !info.Mode().IsRegular() {
		return 0, nil
	}
	if info.Size() > s.maxSize {
		return 0, s.tooBig(info.Size())
	}
	return info.Size(), nil
}
