package gateway

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"sync"

	"golang.org/x/sys/unix"
)

// maxListeners are the addresses that one process may listen on at a time.
const maxListeners = 256

// listeners are the bound sockets that a process has. One address is bound once: each
// more, sharing it, would take connections from the other releases there.
//
// They are watched by an epoll instance, whose list has a socket for exactly as long as
// somebody has it open, wherever it went. Nobody waits for its events.
type listeners struct {
	mu    sync.Mutex // held through bind, so that two of one address are not bound at once
	watch *os.File   // nil until the first
	bound map[uint32]boundSocket
	next  uint32
}

// boundSocket is one of them.
type boundSocket struct {
	at   netip.AddrPort
	held <-chan struct{} // closed when this process has passed it on; may be nil
}

// bind binds a socket to at, by calling f, and remembers it for as long as it is open.
// f gives the socket's descriptor, which stays its own; held is closed when it has closed
// that, and nil where it does so before it answers the process. EADDRINUSE: the process
// has another there. EMFILE: it has too many.
func (l *listeners) bind(ctx context.Context, at netip.AddrPort, held <-chan struct{}, f func() (fd int, err error)) error {
	for waited := (<-chan struct{})(nil); ; {
		other, err := l.tryBind(at, held, f)
		if err != unix.EADDRINUSE || other == nil || other == waited {
			return err
		}
		// The process may have closed it already, and this one not yet.
		select {
		case <-other:
			waited = other
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// tryBind is bind, and tells of what is in its way when that is passed on.
func (l *listeners) tryBind(at netip.AddrPort, held <-chan struct{}, f func() (fd int, err error)) (other <-chan struct{}, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.refreshLocked(); err != nil {
		return nil, err
	}
	for _, s := range l.bound {
		if s.at == at {
			return s.held, unix.EADDRINUSE
		}
	}
	if len(l.bound) >= maxListeners {
		return nil, unix.EMFILE
	}
	fd, err := f()
	if err != nil {
		return nil, err
	}
	l.next++
	event := unix.EpollEvent{Fd: int32(l.next)}
	if err := unix.EpollCtl(int(l.watch.Fd()), unix.EPOLL_CTL_ADD, fd, &event); err != nil {
		return nil, fmt.Errorf("watch a listener: %w", err)
	}
	l.bound[l.next] = boundSocket{at, held}
	return nil, nil
}

// refreshLocked forgets the sockets that are closed.
func (l *listeners) refreshLocked() error {
	if l.watch == nil {
		fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
		if err != nil {
			return fmt.Errorf("watch listeners: %w", err)
		}
		l.watch, l.bound = os.NewFile(uintptr(fd), "listeners"), map[uint32]boundSocket{}
	}
	text, err := os.ReadFile("/proc/self/fdinfo/" + strconv.Itoa(int(l.watch.Fd())))
	if err != nil {
		return fmt.Errorf("list listeners: %w", err)
	}
	open := map[uint32]boundSocket{}
	for lines := bufio.NewScanner(bytes.NewReader(text)); lines.Scan(); {
		_, rest, ok := strings.Cut(lines.Text(), " data:")
		if fields := strings.Fields(rest); ok && len(fields) > 0 {
			number, err := strconv.ParseUint(fields[0], 16, 64)
			if err != nil {
				return fmt.Errorf("list listeners: %w", err)
			}
			if s, ok := l.bound[uint32(number)]; ok {
				open[uint32(number)] = s
			}
		}
	}
	l.bound = open
	return nil
}

// close ends the watch; no bind may follow.
func (l *listeners) close() {
	if l.watch != nil {
		_ = l.watch.Close()
	}
}
