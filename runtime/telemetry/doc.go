// Package telemetry is how the runtime is watched: its log, its events, its access log and its
// metrics.
//
// # What always holds
//
//   - Emit never blocks and never fails. What does not fit the queue is counted, and an
//     event of type events.lost says so later.
//   - An event's texts have at most 1 KiB each. Offers that change nothing are told one
//     by one as long as they are few, else by their number: they take neither the queue
//     nor the history from what happened.
//   - A line of the log is one line, and a terminal that shows it obeys nothing in it.
//   - Events are stored, logged and handed on in the order in which they were emitted,
//     by one goroutine. A follower gets an event after it was stored, with its
//     sequence: first the history, then what comes, without a gap or a duplicate.
//   - When events cannot be stored, for a full disk, they still reach the log and the
//     followers, with sequence 0, and an event of type events.lost says so in the
//     history when it can be written again.
//   - A slow follower delays nobody. When his buffer overflows he goes on from the
//     history by sequence.
//   - A request is not held up by the line that the access log has for it: what cannot be
//     written at once is lost and counted. Its lines are JSON, and like the log's in that
//     each is one line that no terminal obeys.
//   - Metrics of requests are read when they are asked for; counting them costs the
//     traffic nothing here.
//
// # Goroutines and locks
//
// Events has one goroutine, which OpenEvents starts and Close joins, and at times a
// timer, which Close stops. Follow runs on its caller's. AccessLog has one goroutine, which
// OpenAccessLog starts and Close joins, unless its write is stuck, and which alone has the
// file. Lock order:
// Events.emit, then Events.mu; under neither is anything waited for.
package telemetry
