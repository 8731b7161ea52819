package watch

import (
	"container/heap"
	"time"
)

// agenda is the entries that are to be looked at later, soonest first.
type agenda []*entry

// set enters e, or moves it.
func (a *agenda) set(e *entry, due time.Time) {
	e.due = due
	if e.slot >= 0 {
		heap.Fix(a, e.slot)
		return
	}
	heap.Push(a, e)
}

// drop takes e out, if it is in.
func (a *agenda) drop(e *entry) {
	if e.slot >= 0 {
		heap.Remove(a, e.slot)
	}
}

// Len, Less, Swap, Push and Pop are for container/heap.
func (a agenda) Len() int           { return len(a) }
func (a agenda) Less(i, j int) bool { return a[i].due.Before(a[j].due) }

func (a agenda) Swap(i, j int) {
	a[i], a[j] = a[j], a[i]
	a[i].slot, a[j].slot = i, j
}

func (a *agenda) Push(x any) {
	e := x.(*entry)
	e.slot = len(*a)
	*a = append(*a, e)
}

func (a *agenda) Pop() any {
	old := *a
	e := old[len(old)-1]
	old[len(old)-1] = nil
	*a = old[:len(old)-1]
	e.slot = -1
	return e
}
