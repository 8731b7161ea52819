// Package load sends a steady stream of requests to the hello module and checks
// every answer: its status, that its body is right, and that body and
// Segue-Release header speak of the same release.
//
// Keep-alive and fresh connections, GET and POST with bodies take turns. A request
// that the HTTP client would silently try again on another connection counts as
// failed: the point is to see what a less forgiving client sees.
//
// Run starts one goroutine a worker and one that sets the pace, and joins them all
// before it returns. It is bounded in time, in number and in what it remembers.
package load
