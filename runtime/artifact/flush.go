package artifact

import (
	"fmt"
	"os"
	"sync"
)

// flusher gives a function that brings the artifact of c to the disk: the executable,
// its sidecar, and the directory that names them. It does so once; later calls give
// the same answer.
func (s *Store) flusher(c content) func() error {
	return sync.OnceValue(func() error {
		for _, path := range append([]string{s.path(c.digest)}, append(s.sidecarPaths(c), s.dir)...) {
			if err := s.syncPath(path); err != nil {
				return s.storing(fmt.Errorf("flush: %w", err), 0)
			}
		}
		return nil
	})
}

func (s *Store) syncPath(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	return s.sys.sync(f)
}
