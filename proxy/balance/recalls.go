package balance

import (
	"sync"
	"time"
)

// recalls are those that are to come.
type recalls struct {
	mu      sync.Mutex
	closed  bool
	pending map[*time.Timer]struct{}
	running sync.WaitGroup
}

// after calls f in a goroutine of its own, unless it is closed before.
func (r *recalls) after(d time.Duration, f func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return
	}
	if r.pending == nil {
		r.pending = map[*time.Timer]struct{}{}
	}
	var timer *time.Timer
	r.running.Add(1)
	timer = time.AfterFunc(d, func() {
		defer r.running.Done()
		r.mu.Lock() // not before timer is set
		delete(r.pending, timer)
		r.mu.Unlock()
		f()
	})
	r.pending[timer] = struct{}{}
}

// close keeps what is pending from running, and waits for what runs.
func (r *recalls) close() {
	r.mu.Lock()
	r.closed = true
	for timer := range r.pending {
		if timer.Stop() {
			r.running.Done()
		}
	}
	clear(r.pending)
	r.mu.Unlock()
	r.running.Wait()
}
