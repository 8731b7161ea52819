package instance

import (
	"context"
	"sync"
)

// watched is what looks after a process for as long as it lives. The zero value is ready
// for use.
type watched struct {
	mu    sync.Mutex
	ended bool
	end   context.CancelFunc // of what was begun; nil for nothing

	running sync.WaitGroup
}

// begin runs run in a goroutine of its own, until stop. After stop it does nothing: a
// process may be gone before anything looks after it. It is called at most once.
func (w *watched) begin(run func(context.Context)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.ended {
		return
	}
	ctx, cancel := context.WithCancel(context.Background())
	w.end = cancel
	w.running.Go(func() { run(ctx) })
}

// stop ends what was begun, and does not wait for it.
func (w *watched) stop() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.ended = true
	if w.end != nil {
		w.end()
	}
}

// wait waits until what was begun has ended, after stop.
func (w *watched) wait() { w.running.Wait() }
