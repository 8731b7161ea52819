// Package h1 is a proxy engine for HTTP/1.1 on both sides, on package wire: one goroutine
// for each client's connection reads a request, asks a proxy.Director for a target, sends
// the request over a connection to it, and passes the answer on. It knows no policy.
//
// What always holds:
//   - A target gets the path that decided, the host as the client sent it, what package
//     guard tells of the client, and no hop-by-hop or internal header.
//   - A body is streamed both ways in constant memory, and each piece goes as it comes. What
//     a client has sent of a body that nobody read is never taken for a request.
//   - An answer that breaks off at the module breaks off at the client: one that knows the
//     end by the connection's end gets a reset.
//   - A request is sent again by the engine itself only where no process can have begun with
//     it: there was no connection; a kept one took nothing; or a unix socket was reset with
//     the head unread. Beyond that it does what the exchange says: a failure of which the
//     client has got nothing, but for informational answers, can be replayed once, with a
//     body that was kept. The failed answer is thrown away unread, with its connection. So
//     can what the exchange takes back before its answer.
//   - What is kept of bodies is bounded for all requests together, taken as it is needed
//     and given back when no replay can come any more. A body that finds no memory passes
//     all the same, but is not replayed. (A read more than the bound may be kept of a body
//     that is being read when a replay is decided.)
//   - All that is waited for has its time: a head, a body, an answer, each piece. Only what a
//     client was waited for counts against it; and of an answer only what its own end has
//     taken counts for it. What is long may stand still for its idle time, on either side;
//     where the module was waited for, its end is nobody's failure.
//   - A connection goes back to its pool only when the answer has ended, all of the request
//     was sent, nothing more has come, and no deadline is left on it; one of the kernel's own
//     on which a module has said something unasked is closed.
//   - No buffer is held while a kernel's socket is waited for, but for what is in it, and for
//     one of each body that is on its way to a module.
//   - Every exchange gets its Done before the client sees the end of its answer; that of a
//     tunnel, when both its directions have ended. What it asks of the request after that
//     does nothing.
//
// Goroutines: a client's connection is served by the caller of Serve. A request whose body
// has not come with its head has one more, which sends the rest up; it ends, and is joined,
// before the exchange is done. A client whose module takes its time is watched by another,
// joined before the request ends; a tunnel has one for each direction. One sweeper for the
// engine looks ten times a second what is late, and ends it by a deadline in the past on
// the socket that is waited for; Shutdown joins it, and all of the others. A panic on a
// connection's goroutine, or on one of its requests', is logged, and ends that request alone.
//
// How an end and a success race: who waits sets a due and meets it, the sweeper expires it,
// and one of the two wins (type due). Request.Cancel, OnRecall's back and the sweeper
// interrupt an attempt by the deadline of its connection (attempt.interruptLocked), which is
// not used again then.
//
// Lock order: transit.informing is held while an informational answer is written, which
// takes no longer than its due; transit.mu comes after it and is held for setting flags and
// deadlines, and for ending a context, only; keeper.mu, lazy.mu and pool.mu are leaves behind
// it. The lock of carry.Tap is held while a tap is called. Engine.mu is a leaf. A due that is being
// expired is as good as a lock, and comes before transit.mu: never meet a due while holding
// that.
package h1
