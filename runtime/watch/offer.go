package watch

import (
	"os"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"github.com/segue-run/segue/runtime/module"
)

// Offer is one whole version of a file. The consumer owns it and must Close it soon:
// until then whoever opens the file for writing waits.
type Offer struct {
	Name string // in the directory
	Path string // absolute; never to be opened again or executed
	// File reads the version. It belongs to the Offer; Close closes it. Its offset is
	// at the beginning.
	File *os.File
	// Sidecar is the text of NAME.module.yaml, nil where there is none.
	Sidecar []byte
	UID     uint32 // the owner of the file, or of the link to it
	AtStart bool   // it was there when Run began
	ModTime time.Time
	// Changed is when the file last changed in any way: written, renamed or chmodded.
	Changed time.Time

	main    stamp // of File when it was found whole
	edition edition
	leased  bool
	held    atomic.Bool // the lease keeps writers out
	again   func(*Offer)
}

// Retry has the version offered again after a pause, see [Config.Retry]: for a consumer
// who could not take it for a reason that may pass, such as a full disk. What was
// offered later under the name stays as it is, and what is found there by then is what
// is offered, with the same AtStart while it is the same version. It may be called before or
// after Close, waits for no consumer, and does nothing once Run has returned.
func (o *Offer) Retry() { o.again(o) }

// Verify reports whether File is still the version that was offered; called after the
// copy and before Close. The error is a *module.Error of kind Unavailable: the new
// version will be offered when it is whole.
func (o *Offer) Verify() error {
	now, err := stampFile(o.File)
	if err == nil && now.version() == o.main.version() && (!o.leased || leaseHolds(o.File)) {
		return nil
	}
	return &module.Error{
		Kind: module.Unavailable, Field: "file", Value: o.Name, Err: err,
		Msg: "it changed while it was copied", Hint: "it is taken again when it is whole",
	}
}

// Close lets writers in and closes File. It may be called more than once.
func (o *Offer) Close() error {
	if o.leased && o.held.Swap(false) {
		release(o.File)
	}
	return o.File.Close()
}

// contested reports whether a writer waits for the lease.
func (o *Offer) contested() bool { return o.leased && !leaseHolds(o.File) }

// release gives the lease back by itself, not only by closing: a child that is being
// forked may have the descriptor for a moment longer.
func release(f *os.File) { _, _ = fcntl(f, unix.F_SETLEASE, unix.F_UNLCK) }
