// Command sandbox measures what the sandbox costs and what it is worth.
//
// Start: from the preparation of an empty program's sandbox until that program has ended,
// with each layer put on in turn on top of those before it, and without any launcher; the
// rounds are interleaved. The launcher is bin/segue. As root it is measured for root and
// for an ordinary user.
//
// Neighbours: what hello answers before and while the module escape beside it lets a bomb
// go off again and again. It is asked in two ways: on two connections that ask as soon as
// they are answered, which takes all of the machine, so that whatever a bomb may take by
// its quota is missing; and at a rate of a quarter of that, whether it is answered or not,
// where a request's time counts from when it was due. A request that is not answered is a
// failure of the run.
//
// The goroutines that ask are joined by whoever started them.
package main
