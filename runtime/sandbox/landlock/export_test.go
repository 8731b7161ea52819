package landlock

// Watch takes records as WatchDenials does, without a kernel.
type Watch struct{ w *watch }

// NewWatch makes one that tells emit.
func NewWatch(emit func(AuditDenial)) Watch {
	return Watch{&watch{emit: emit, domains: map[string]owner{}}}
}

// Take takes one record as the kernel sends it.
func (w Watch) Take(message []byte) { w.w.take(message) }

// Flush is what happens when no record comes for a while.
func (w Watch) Flush() { w.w.flush() }

// Pending is how many denials wait, and Domains how many restrictions are remembered.
func (w Watch) Pending() int { return len(w.w.pending) }
func (w Watch) Domains() int { return len(w.w.domains) }
