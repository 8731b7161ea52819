package artifact

import (
	"io"
	"os"
)

// Faults are put between a store and the operating system; nil ones fall through.
type Faults struct {
	Copy   func(dst *os.File, src io.Reader, limit int64) (int64, error)
	Sync   func(*os.File) error
	Rename func(from, to string) error
}

// Inject puts the faults in; before the store is used.
func (s *Store) Inject(f Faults) {
	if f.Copy != nil {
		s.sys.copy = f.Copy
	}
	if f.Sync != nil {
		s.sys.sync = f.Sync
	}
	if f.Rename != nil {
		s.sys.rename = f.Rename
	}
}
