package artifact

import (
	"os"
	"sync"

	"github.com/segue-run/segue/runtime/executable"
	"github.com/segue-run/segue/runtime/module"
	"github.com/segue-run/segue/sdk/manifest"
)

// Artifact is an executable in the store, verified, with its manifest. The fields are
// not to be changed. Who got it from Stage or Load owns one reference and must Close it
// when no instance of it will be started from this value any more; a process that was
// started from File goes on without it.
type Artifact struct {
	Digest     module.Digest
	Size       int64 // bytes of the executable
	Manifest   *manifest.Manifest
	Executable executable.Info
	// ManifestText is the document as the author wrote it: the sidecar, or the embedded
	// one from its marker to its closing line.
	ManifestText []byte

	file    *os.File
	seal    seal // of file
	flush   func() error
	release func()
	close   sync.Once
}

// File is the descriptor whose bytes were hashed, open read-only. It belongs to the
// Artifact and is good until Close; do not close it, and use ReadAt, not Read.
func (a *Artifact) File() *os.File { return a.file }

// Release names what the artifact is a release of.
func (a *Artifact) Release() module.Release {
	return module.Release{Module: a.Manifest.Name, Version: a.Manifest.Version, Digest: a.Digest}
}

// Flush brings the artifact to the disk, where it survives the machine losing power.
// It blocks as long as the disk does, tens of milliseconds for a big executable. It may
// be called often, also after Close; it works once.
func (a *Artifact) Flush() error { return a.flush() }

// Close gives the reference back. It may be called more than once; all calls but the
// first do nothing.
func (a *Artifact) Close() error {
	var err error
	a.close.Do(func() {
		err = a.file.Close()
		a.release()
	})
	return err
}
