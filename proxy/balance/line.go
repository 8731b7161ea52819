package balance

import (
	"container/list"
	"sync"
	"sync/atomic"
)

// line is where requests wait one behind the other. Its zero value is empty.
type line struct {
	mu      sync.Mutex
	waiters list.List    // of *waiter
	n       atomic.Int64 // how many there are; written under mu
	ever    atomic.Uint64
}

// waiter is a request in a line.
type waiter struct {
	lease *Lease        // what it waits to put in flight; nil where it waits for a door
	turn  chan struct{} // closed when it has been let go, by anybody but itself
	place *list.Element // under line.mu; nil when it does not stand there any more
}

// addLocked puts a request at the end, unless as many as most wait: then it is nil.
func (q *line) addLocked(l *Lease, most int) *waiter {
	if q.waiters.Len() >= most {
		return nil
	}
	w := &waiter{lease: l, turn: make(chan struct{})}
	w.place = q.waiters.PushBack(w)
	q.n.Add(1)
	q.ever.Add(1)
	return w
}

// goLocked lets one go whose turn it is.
func (q *line) goLocked(w *waiter) {
	q.removeLocked(w)
	close(w.turn)
}

func (q *line) removeLocked(w *waiter) {
	q.waiters.Remove(w.place)
	w.place = nil
	q.n.Add(-1)
}

// quit takes out one that does not want to wait any longer; false where it was let go
// before.
func (q *line) quit(w *waiter) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if w.place == nil {
		return false
	}
	q.removeLocked(w)
	return true
}

// empty lets all go, in their order.
func (q *line) empty() {
	q.mu.Lock()
	defer q.mu.Unlock()
	for e := q.waiters.Front(); e != nil; e = q.waiters.Front() {
		q.goLocked(e.Value.(*waiter))
	}
}
