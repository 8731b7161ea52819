package watch

import (
	"time"

	"github.com/segue-run/segue/runtime/module"
)

// Notice is one of *Offer, *Refused, *Removed, *Waiting and *Scanned.
type Notice interface{ notice() }

// Refused says that what stands under a name is no module. It is said once for each
// version of it.
type Refused struct {
	Name    string
	Path    string
	UID     uint32 // the owner
	AtStart bool   // it was there when Run began
	// Err says what it is and what to do. Its Field is "file" or "sidecar", its Value
	// the name.
	Err *module.Error
}

// Removed says that a name which was offered has been absent for the remove grace:
// deleted, or renamed away.
type Removed struct {
	Name string
	Path string
}

// Waiting says that a file has not become whole for long.
type Waiting struct {
	Name  string
	Path  string
	Since time.Time
	Why   string // one line for people
}

// Scanned says that the scan at the start is over: every file that was whole then has
// been offered. It comes once.
type Scanned struct {
	// Unsettled are names that were there at the start and are neither offered nor
	// refused yet: somebody writes to them, or they look like no module and are
	// refused when they have rested, or [Offer.Retry] has them offered again. Do not
	// take them for absent.
	Unsettled []string
}

func (*Offer) notice()   {}
func (*Refused) notice() {}
func (*Removed) notice() {}
func (*Waiting) notice() {}
func (*Scanned) notice() {}
