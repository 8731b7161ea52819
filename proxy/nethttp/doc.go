// Package nethttp is a proxy engine that stands on net/http: it reads requests with
// http.Server, asks a proxy.Director for a target, forwards with an http.Transport
// per target and reports the outcome. It knows no policy.
//
// What always holds:
//   - A target gets the path that decided, the host as the client sent it, forwarded
//     headers that only the engine sets, and no hop-by-hop or internal header.
//   - Bodies are streamed both ways in constant memory, and flushed as they come.
//   - An answer that breaks off at the module breaks off at the client.
//   - The engine tries a request again only where nothing of it was sent, once. (Below
//     it net/http's transport sends an idempotent request without a body anew when a
//     kept connection turns out to be dead.)
//   - Every exchange gets its Done when the last byte from the module has been passed
//     on, before the client sees the end of its answer; the target's connections are
//     closed when the target retires.
//
// Goroutines: http.Server owns one for each connection and http.Transport two for
// each connection to a module; an upgraded connection has two more, joined by its
// handler. Shutdown joins all handlers. Engine holds no lock. transit.informing is
// held while an informational answer is written, which takes no longer than its
// deadline; transit.mu comes after it and is held for setting deadlines only, so that
// a request can be cut off at any time without waiting.
package nethttp
