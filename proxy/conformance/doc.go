// Package conformance holds the tests that every engine of the proxy has to pass: each runs
// on our own engine, and on the one that is built from net/http and kept as its reference.
package conformance
