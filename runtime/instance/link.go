package instance

import (
	"context"
	"fmt"
	"os"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/segue-run/segue/runtime/module"
)

// Gateway serves the link of one process.
type Gateway interface {
	// Serve answers what comes over link, which it owns and closes, until the other end
	// is closed or ctx ends, and returns soon after. denied is told of each denial and
	// does not block.
	Serve(ctx context.Context, link *os.File, denied func(module.Denial))
}

// link is the host's end of the socket over which a module asks for what it may not do
// by itself.
type link struct {
	end    context.CancelFunc
	served sync.WaitGroup
}

// openLink makes the pair. The module's end is the caller's to hand down and close.
func openLink() (ours, theirs *os.File, err error) {
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, nil, fmt.Errorf("make link: %w", lacking(os.NewSyscallError("socket", err)))
	}
	return os.NewFile(uintptr(pair[0]), "link"), os.NewFile(uintptr(pair[1]), "link"), nil
}

// serve begins to answer what comes over the host's end.
func (l *link) serve(gateway Gateway, ours *os.File, denied func(module.Denial)) {
	ctx, cancel := context.WithCancel(context.Background())
	l.end = cancel
	l.served.Go(func() { gateway.Serve(ctx, ours, denied) })
}

// close ends it and waits until it has.
func (l *link) close() {
	if l.end != nil {
		l.end()
	}
	l.served.Wait()
}
