package artifact

import (
	"fmt"
	"os"
)

// flush is a file on its way to the disk.
type flush struct {
	placed chan []string // what else is to be flushed, once the file has its name
	done   chan struct{}
	err    error // after done
}

// beginFlush flushes the file at path in a goroutine of the store, and then what place
// says and the directory. Each flush is ended by place or abandon, once.
func (s *Store) beginFlush(path string) (*flush, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	fl := &flush{placed: make(chan []string, 1), done: make(chan struct{})}
	s.syncs.Go(func() {
		defer close(fl.done)
		err := s.syncAndClose(f)
		others, placed := <-fl.placed
		if !placed {
			return
		}
		for _, other := range append(others, s.dir) {
			if err == nil {
				err = s.syncPath(other)
			}
		}
		if err != nil {
			fl.err = s.storing(fmt.Errorf("flush: %w", err), 0)
		}
	})
	return fl, nil
}

// place says that the file has got its name, and what must be flushed besides.
func (f *flush) place(others ...string) {
	f.placed <- others
	close(f.placed)
}

// abandon says that the file is gone.
func (f *flush) abandon() { close(f.placed) }

func (s *Store) syncPath(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	return s.syncAndClose(f)
}

func (s *Store) syncAndClose(f *os.File) error {
	defer f.Close()
	return s.sys.sync(f)
}
