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
//
// # Crews
//
// A release may run as several processes. For a rollout they are one instance, the crew;
// for the data plane each is a target of its release, which gets requests for as long as
// it serves. Until its release has stood its trial a crew is as strong as its weakest
// member: one process that ends is the end of the crew, so that a candidate is judged as
// if it were one process. From then on (Settle) a member that ends, or fails as many
// probes in a row as its release allows, leaves the traffic at once, and another process
// takes its place, with longer and longer pauses where it keeps falling. The crew itself
// ends when none of its processes serves. The last one that serves is kept in the traffic
// though it is unwell, and the rollout sees to another crew.
//
// What is always so: a process that a crew has started is stopped by it, at the latest in
// Stop; a member has one process that serves at most; no two processes ever have one id.
// The quotas hold for each process; the user id and the data folder are all the release's.
//
// # Goroutines and locks
//
// Run starts every goroutine here and joins it before it returns. A crew joins its own in
// Stop. Lock order: crew.mu, or doors.change and then doors.mu, then the data plane's;
// traffic.mu is never held when a crew is called.
package host
