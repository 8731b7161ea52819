// Package nethttp is a proxy engine that stands on net/http: it reads requests with
// http.Server, asks a proxy.Director for a target, forwards with an http.Transport
// per target and reports the outcome. It knows no policy.
//
// What always holds:
//   - A target gets the path that decided, the host as the client sent it, forwarded
//     headers that only the engine sets, and no hop-by-hop or internal header.
//   - Bodies are streamed both ways in constant memory, and flushed as they come.
//   - An answer that breaks off at the module breaks off at the client.
//   - The engine tries a request again by itself only where nothing of it was sent, once.
//     (Below it net/http's transport sends an idempotent request without a body anew when
//     a kept connection turns out to be dead.) Beyond that it does what the exchange says:
//     a failure of which the client has got nothing, but for informational answers, can
//     be replayed once, with a body that was kept. The failed answer is thrown away
//     unread, with its connection. So can what the exchange takes back before its answer.
//   - What is kept of bodies is bounded for all requests together, taken as it is needed
//     and given back when no replay can come any more. A body that finds no memory passes
//     all the same, but is not replayed. (A few reads more than the bound may be kept of a
//     body that is being read at the moment of a replay.)
//   - A module that takes nothing of a body, or gives no answer, is timed out.
//   - A module neither sees nor sets what is the runtime's own: headers and cookies that
//     begin with Segue-.
//   - Every exchange gets its Done when the last byte from the module has been passed
//     on, before the client sees the end of its answer; the target's connections are
//     closed when the target retires.
//
// Goroutines: http.Server owns one for each connection and http.Transport two for
// each connection to a module; an upgraded connection has two more, joined by its
// handler. Shutdown joins all handlers. Engine holds no lock. transit.informing is
// held while an informational answer is written, which takes no longer than its
// deadline; transit.mu comes after it and is held for setting deadlines only, so that
// a request can be cut off at any time without waiting. keeper.client is held while a
// client's body is read, keeper.mu comes after it and is held for copying only, so that
// what is kept can be read while the client is waited for. tapped.mu is held while a tap
// is called, paced.mu for a moment. attempt.mu is held while an attempt is taken back, which
// does not block; keeper.mu comes after it.
package nethttp
