package artifact

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"syscall"
	"time"

	"github.com/segue-run/segue/runtime/module"
)

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

// Verify reports whether the file is still as it was when its bytes were verified: the
// kernel is asked for its size and the time of its last change, nothing is read, so it
// is quick enough for every start. Whoever may write to the store's directory could
// have rewritten it in place. A *module.Error of kind Internal says that it changed;
// then Load reads the bytes again and finds what is damaged. A link to the file made
// or removed, or a chmod, counts as a change too.
func (a *Artifact) Verify() error {
	now, err := sealOf(a.file)
	if err == nil && now == a.seal {
		return nil
	}
	return &module.Error{
		Kind: module.Internal, Field: "artifact", Value: string(a.Digest), Err: err,
		Msg: "the stored file was changed after it was verified", Hint: "see who else writes to the state directory",
	}
}

// intact opens the stored file of c's digest and makes sure that it is c.
func (s *Store) intact(ctx context.Context, c content) (*os.File, seal, error) {
	f, sidecar, err := s.stored(c.digest)
	if err != nil {
		return nil, seal{}, err
	}
	sealed, err := s.compare(ctx, f, sidecar, c)
	if err != nil {
		f.Close()
		return nil, seal{}, s.unread(c.digest, err)
	}
	return f, sealed, nil
}

// compare reads f unless its seal is unbroken, and seals it.
func (s *Store) compare(ctx context.Context, f *os.File, sidecar []byte, c content) (seal, error) {
	if !bytes.Equal(sidecar, c.sidecar) {
		return seal{}, errDigest
	}
	asked := time.Now()
	now, err := sealOf(f)
	if err != nil || s.sealed(c.digest, now) {
		return now, err
	}
	p := digestAll(ctx, f)
	if p.err != nil {
		return now, p.err
	}
	if combine(p.sum, sidecar) != c.digest {
		return now, errDigest
	}
	if now.changed.Before(asked.Add(-tick)) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.seals[c.digest] = now
	}
	return now, nil
}

func (s *Store) sealed(d module.Digest, now seal) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.seals[d] == now
}

func sealOf(f *os.File) (seal, error) {
	info, err := f.Stat()
	if err != nil {
		return seal{}, fmt.Errorf("look at the stored file: %w", err)
	}
	st := info.Sys().(*syscall.Stat_t)
	return seal{int64(st.Dev), int64(st.Ino), st.Size, time.Unix(st.Ctim.Unix())}, nil
}
