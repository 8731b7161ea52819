// Package proxy is the seam between what decides about a request and what carries
// its bytes. An engine reads a request, makes a Request of it, asks a Director
// where it goes, carries it to the Target it was given and reports an Outcome. The
// director knows no bytes; the engine knows no policy. Either can be replaced.
//
// What always holds:
//   - Request.Host and Request.Path are in the one spelling that CleanHost and
//     CleanPath give, and the engine sends exactly Request.Path to the target: what
//     decided is what the module gets.
//   - Every Exchange that a director, or another exchange's Replay, hands out gets exactly
//     one Done, after the last byte, whatever happened.
//   - What of a client's header a module may get is said here alone (ForwardHeader); what
//     replays and copies send obeys it too.
//   - Headers and cookies that begin with Segue- are the runtime's own: no module sees or
//     sets them.
//
// The package starts no goroutine and holds no lock.
package proxy
