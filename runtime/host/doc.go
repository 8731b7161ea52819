// Package host is the composition root of the runtime: it builds the parts, connects
// their small interfaces, and owns the order of start and shutdown.
//
// Start: state (and with it the lock on the state directory), listeners, orphans of
// a former host swept away, artifacts, instances, rollouts, then the watched
// directory, and last the traffic. Shutdown: no new offers, requests in flight end,
// instances stop, the admin API closes, events are flushed, state closes.
//
// What operators have closed (doors) is closed before the first request comes, also after
// a restart. Closing takes effect before it is kept, opening after it is audited and kept.
// Lock order: doors.change, then doors.mu, then traffic.mu.
//
// Run starts every goroutine here and joins it before it returns.
package host
