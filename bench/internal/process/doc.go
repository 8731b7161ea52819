// Package process reads what processes use, from /proc. It has no state and starts no
// goroutine. A process that has ended uses nothing: whoever reads of several must expect
// that some end meanwhile.
package process
