package artifact

import (
	"fmt"
	"os"
	"sync"

	"github.com/segue-run/segue/runtime/executable"
)

// flusher gives a function that brings the artifact of c to the disk: the executable,
// its sidecar, and the directory that names them. It does so once; later calls give
// the same answer, also that of a failed sync, after which the kernel forgets what it
// could not write. Only where the machine could not open a file it is tried again.
func (s *Store) flusher(c content) func() error {
	var mu sync.Mutex
	var done bool
	var answer error
	return func() error {
		mu.Lock()
		defer mu.Unlock()
		if !done {
			done, answer = s.flush(c)
		}
		return answer
	}
}

// flush reports whether the answer is the last one.
func (s *Store) flush(c content) (final bool, err error) {
	for _, path := range append([]string{s.path(c.digest)}, append(s.sidecarPaths(c), s.dir)...) {
		f, err := os.Open(path)
		if err != nil {
			return !executable.Passing(err), s.storing(fmt.Errorf("flush: %w", err), 0)
		}
		err = s.sys.sync(f)
		f.Close()
		if err != nil {
			return true, s.storing(fmt.Errorf("flush: %w", err), 0)
		}
	}
	return true, nil
}
