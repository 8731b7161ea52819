// Package nethttp is a proxy engine that stands on net/http: it carries HTTP/2 in
// production, and is the reference for HTTP/1.1. It reads requests with http.Server, asks
// a proxy.Director for a target, forwards over connections of net/http's and reports the
// outcome. It knows no policy.
//
// What always holds:
//   - A target gets the path that decided, less the prefix that its route strips, the host
//     as the client sent it, what package guard tells of the client, and no hop-by-hop or
//     internal header. What HTTP/2 allows and HTTP/1.1 would read in another way comes to
//     no module.
//   - Bodies are streamed both ways in constant memory, and flushed as they come.
//   - An answer that breaks off at the module breaks off at the client; of HTTP/2 its own
//     stream alone.
//   - A request goes out once. The engine tries it again by itself only where nothing of it
//     was written: there was no connection, or a kept one was dead. What a module's process
//     may have read when it ended is not sent to another one. Beyond that it does what the
//     exchange says: a failure of which the client has got nothing, but for informational
//     answers, can be replayed once, with a body that was kept. The failed answer is thrown
//     away unread, with its connection. So can what the exchange takes back before its
//     answer.
//   - What is kept of bodies is bounded for all requests together, taken as it is needed
//     and given back when no replay can come any more. A body that finds no memory passes
//     all the same, but is not replayed. (A few reads more than the bound may be kept of a
//     body that is being read at the moment of a replay.)
//   - A module that takes nothing of a body, gives no answer, or stands still in the midst
//     of one is timed out. A client that sends or takes too little is shut out; where the
//     answer is long, only when nothing moves at all. What the client does counts for no
//     module.
//   - A module neither sees nor sets what is the runtime's own: headers and cookies that
//     begin with Segue-.
//   - Every exchange gets its Done when the last byte from the module has been passed
//     on, before the client sees the end of its answer; the target's connections are
//     closed when the target retires.
//
// HTTP/2: a connection comes decrypted, and begins with the preface whether there is TLS
// outside or not. A client's connection may have 128 streams, and 1 MiB that was received
// and not passed on, of which a stream may have a quarter. Floods of resets, of
// CONTINUATION and of control frames are bounded by net/http. The 431 of a header that is
// larger than Limits.HeadBytes is net/http's own: it is neither counted nor logged. A ping
// every HeadTimeout finds connections that are dead, or silent in the midst of a header.
// A request that expects a 100 gets it as soon as its body is read for the module. No other
// informational answer is passed on, as RFC 9110, 15.2 allows: net/http cannot write one
// safely to a stream that may be reset.
// WebSockets over HTTP/2 (RFC 8441) are not offered, so clients use HTTP/1.1 for them: the
// server of net/http has them only where an environment variable of the process says so. A
// CONNECT is refused with 501.
//
// gRPC over HTTP/2 goes to the module over HTTP/2 with prior knowledge; all calls of a
// target share connections. A failure is told in gRPC's words: in one frame of trailers
// where no answer has begun, else in the trailers at its end. Its own status is what a
// module is judged by: unknown, internal, unavailable and data loss are failures, and so is
// none at all; all others may be what the client has asked for, a deadline too.
//
// A long answer that is asked to go away ends between two whole messages: events with the
// end of their stream, gRPC with the status unavailable, a WebSocket with a close frame,
// after which the client's own comes to the module. Its outcome is ClassDrained.
//
// Goroutines: http.Server owns one for each connection and each stream, and two are
// net/http's for each connection to a module; an upgraded connection has up to two more,
// joined by its handler. Shutdown joins all handlers. Engine holds no lock.
// transit.informing is held while an informational answer is written, which takes no longer
// than its deadline; transit.mu comes after it and is held for setting deadlines only, so
// that a request can be cut off at any time without waiting. keeper.client is held while a
// client's body is read, keeper.mu comes after it and is held for copying only, so that
// what is kept can be read while the client is waited for. The lock of carry.Tap is held while a tap
// is called. attempt.mu is held while an attempt is taken back, which does not block;
// keeper.mu comes after it. links.mu, alarm.mu and away.mu are held for a moment, with no
// other inside.
package nethttp
