// Package carry holds what the proxy's engines do alike, whatever bytes they carry a
// request in: bodies that are kept for a replay, what a tap is shown, and how often the log
// complains.
//
// What always holds: what is kept of all bodies together is bounded by their Memory, but
// for what must be kept. The package starts no goroutine. Tap's lock is held while the tap
// is called; nothing else is locked.
package carry
