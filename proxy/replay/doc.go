// Package replay asks a candidate what stable was asked and compares the answers,
// before a user depends on them. A Ring keeps a bounded, redacted choice of stable's
// recent GETs, Rehearse sends them to a candidate again, and a Mirror copies live
// requests to it; what the candidate answers is compared and thrown away.
//
// What always holds:
//   - A user's request never waits for any of it and never fails by it. A tap hashes
//     and copies what it is shown, up to a cap; what does not fit into the budgets for
//     memory, or into the queue, is let go, and a mirror counts it.
//   - No slice that a tap is given, and no part of the request's own memory, is kept.
//   - A request with credentials is not recorded, unless the operator names the header
//     that carries them. Nor is one with credentials in its query, one that is
//     conditional or partial, or one whose answer says "no-store". Of an answer's
//     header, cookies are never kept. What is the runtime's own, headers and cookies, is
//     neither recorded nor sent. A mirror sends on what the engine would have
//     sent, credentials too, and keeps it no longer than it takes. What a module is told of
//     the client is as in any request (see guard.Client), with an id of the copy's own.
//   - What is shown of a difference is clipped and printable, and has neither queries
//     nor the values of members whose names speak of secrets.
//   - A module's answer is hostile: its head, length, time, decoded size and depth are
//     bounded, and a number is compared without being computed.
//
// Goroutines: a Mirror owns its workers and Close joins them; Rehearse joins those that
// it starts. net/http's Transport has two for each connection to a candidate, which
// end when the connections are closed: at the end of Send and Rehearse, and by Close.
//
// Ring.mu and Mirror.mu are never held together, and nothing of the caller's is called
// under either.
package replay
