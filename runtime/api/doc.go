// Package api is the admin API: what an operator, a script or the command line
// asks of a running runtime, as HTTP and JSON under /v1.
//
// One table of routes is served twice. Over the local unix socket it answers
// reads and carries out changes, each with the actor that the socket's peer
// credentials name. Over TCP it answers reads, /healthz, /readyz and /metrics; a
// change attempted there is refused before the runtime hears of it.
//
// What always holds:
//   - A change has an actor, and only the local side has actors.
//   - Whatever goes wrong is answered as application/problem+json; the status
//     follows from the error's module.Kind in one place (problem.go).
//   - The TCP side answers only requests whose Host is an IP address, localhost or
//     the configured address, so that a web page cannot reach it under a name of
//     its own (DNS rebinding).
//   - An order that names a rollout reaches no other one: it is a conflict that says
//     which one is under way, who began it and when.
//   - What opens a candidate's preview is told over the local side alone.
//   - The document at /v1/openapi.json describes exactly the registered routes.
//
// Goroutines: Run owns one per listener and joins them. A follower of events has
// one that reads the runtime's sequence; the request's handler joins it. The
// package holds no locks.
package api
