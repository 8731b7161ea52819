package h1

import (
	"time"

	"golang.org/x/sys/unix"
)

// watchAfter is how long a module may take before its client is watched: most have
// answered by then.
const watchAfter = 100 * time.Millisecond

// watch looks whether a client is still there while its module is waited for, on a
// goroutine of its own.
type watch struct{ done chan struct{} }

// mayWatch says that nobody reads from the client any more.
func (t *transit) mayWatch() {
	t.mu.Lock()
	t.watches = t.c.watched != nil
	t.mu.Unlock()
	t.watchDue.set(t.e.now() + int64(watchAfter))
}

// startWatch is for the sweeper.
func (t *transit) startWatch() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.over || !t.watches || t.watch != nil {
		return
	}
	t.watch = &watch{done: make(chan struct{})}
	go func() {
		defer close(t.watch.done)
		defer t.e.caught(t.panicked)
		if !t.c.stays() {
			t.left()
		}
	}()
}

// stopWatch ends the watching, for good, and waits for that.
func (t *transit) stopWatch() {
	t.mu.Lock()
	w := t.watch
	t.watches = false
	if w != nil {
		_ = t.c.SetReadDeadline(past)
	}
	t.mu.Unlock()
	if w == nil {
		return
	}
	<-w.done
	t.mu.Lock()
	_ = t.c.SetReadDeadline(t.cutting)
	t.mu.Unlock()
}

// stays waits until the client leaves, and says false then; true where it has said
// something, or where nobody wants to know any more. Over TLS what it says may be its
// farewell: then only its leaving counts.
func (c *conn) stays() bool {
	stays := true
	_ = c.watched.Read(func(fd uintptr) bool {
		if c.raw == nil {
			stays = !hungUp(int(fd))
			return !stays
		}
		var one [1]byte
		n, _, err := unix.Recvfrom(int(fd), one[:], unix.MSG_PEEK|unix.MSG_DONTWAIT)
		if err == unix.EAGAIN || err == unix.EINTR {
			return false
		}
		stays = err == nil && n > 0
		return true
	})
	return stays
}

// hungUp reports whether the other end has ended its side.
func hungUp(fd int) bool {
	fds := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLRDHUP}}
	n, err := unix.Poll(fds, 0)
	return err == nil && n > 0 && fds[0].Revents&(unix.POLLRDHUP|unix.POLLHUP|unix.POLLERR) != 0
}
