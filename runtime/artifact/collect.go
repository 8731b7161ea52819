package artifact

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"github.com/segue-run/segue/runtime/module"
	"github.com/segue-run/segue/sdk/manifest"
)

// Collect removes the artifacts that keep does not want, except those that are handed
// out and not closed, and gives how many bytes that freed. keep is called under the
// store's lock, so that it sees every decision about an artifact that was closed: it
// must be quick and call nothing of the store. Errors of single files are joined; the
// others are removed all the same.
func (s *Store) Collect(keep func(module.Digest) bool) (freed int64, err error) {
	entries, err := os.ReadDir(s.dir)
	if err != nil {
		return 0, fmt.Errorf("collect artifacts in %s: %w", s.dir, err)
	}
	seen := make(map[module.Digest]bool)
	for _, e := range entries {
		d, parseErr := module.ParseDigest(strings.TrimSuffix(e.Name(), manifest.SidecarSuffix))
		if parseErr != nil || seen[d] {
			continue // a copy being staged, or nothing of ours; or done
		}
		seen[d] = true
		n, removeErr := s.collect(d, keep)
		freed += n
		err = errors.Join(err, removeErr)
	}
	return freed, err
}

// collect removes one artifact, the executable before its sidecar.
func (s *Store) collect(d module.Digest, keep func(module.Digest) bool) (freed int64, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.out[d] > 0 || keep(d) {
		return 0, nil
	}
	delete(s.seals, d)
	for _, path := range []string{s.path(d), s.path(d) + manifest.SidecarSuffix} {
		info, statErr := os.Lstat(path)
		if errors.Is(statErr, fs.ErrNotExist) {
			continue
		}
		if err := os.Remove(path); err != nil {
			return freed, fmt.Errorf("collect artifact: %w", err)
		}
		if statErr == nil {
			freed += info.Size()
		}
	}
	return freed, nil
}
