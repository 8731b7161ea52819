// Package conformance holds the tests that every engine of the proxy has to pass. Each runs
// on our own engine, and on the one that is built from net/http and kept as its reference;
// go test -args -engine h1 runs them on one alone.
//
// Most are tables of bytes (exchangeCase, refusal): what a client sends, what a module
// answers, what each of them gets, and whether the connection goes on, with the section of
// the RFC that says so. What does not hold of net/http's parser says why. What is refused
// here is shown to nginx and to HAProxy too, and where they make something else of it the
// reason is written down (differences).
//
// What always holds: modules listen on unix sockets, clients come over TCP; answers are
// read with package wire, as strictly as requests are. A test joins what it starts.
package conformance
