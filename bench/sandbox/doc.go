// Command sandbox measures what the sandbox costs and what it is worth.
//
// Start: from the preparation of an empty program's sandbox until that program has ended,
// with each layer put on in turn on top of those before it, and without any launcher; the
// rounds are interleaved. As root it is measured for root and for an ordinary user, for
// whom the program executes itself again.
//
// Neighbours: how many requests hello answers on two connections that ask as fast as they
// are answered, before and while the module escape beside it lets a bomb go off. A request
// that is not answered is a failure of the run.
//
// The goroutines that ask are joined by whoever started them.
package main
