// Package e2e drives the real segue binary with real modules over real sockets, the
// way an operator does. It holds tests alone.
//
// The binaries are built once for the run, into a temporary directory; where
// SEGUE_E2E_BUILD names a directory with segue, modules/ and chaos/, those are used
// instead, so that the tests can run as a user who cannot build.
package e2e
