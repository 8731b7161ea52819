// Package apitest is a runtime without a host: it remembers what it is asked and
// answers what a test has put there. Tests of the API, of its client and of the
// command line share it.
//
// Goroutines: Serve owns those of the server and joins them when the test ends. A
// Runtime has none; its mutex guards everything below it.
package apitest
