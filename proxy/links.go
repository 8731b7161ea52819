package proxy

import (
	"fmt"
	"sync/atomic"
	"syscall"
)

// linkReserve is how many descriptors are left out of what connections to modules may have.
const linkReserve = 64

// errLinks is one connection to a module too many. It is the host that lacks it.
var errLinks = fmt.Errorf("as many connections to modules as there may be: %w", syscall.EMFILE)

// Links bounds how many connections to modules are open at once, so that descriptors are
// left to accept clients with. All engines of a process share one. It is used from many
// goroutines at once, and does not block.
type Links struct {
	most int64 // 0 or less for any number
	open atomic.Int64
}

// NewLinks allows that many; negative for any number. 0 is half of the descriptors that the
// process may have, but for a few.
func NewLinks(most int) *Links {
	l := &Links{most: int64(most)}
	var limit syscall.Rlimit
	if most == 0 && syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit) == nil {
		l.most = max(int64(min(limit.Cur, 1<<32)/2)-linkReserve, 1)
	}
	return l
}

// Take counts one more; an error, of which HostLacks is true, where there are as many as
// there may be. Give is to follow once for each that was counted.
func (l *Links) Take() error {
	if open := l.open.Add(1); l.most > 0 && open > l.most {
		l.open.Add(-1)
		return errLinks
	}
	return nil
}

// Give takes back one Take.
func (l *Links) Give() { l.open.Add(-1) }

// Scarce reports whether more than half is taken: then none is to be kept idle, lest some
// modules' idle ones leave nothing to others.
func (l *Links) Scarce() bool { return l.most > 0 && 2*l.open.Load() > l.most }
