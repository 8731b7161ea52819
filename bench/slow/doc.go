// Command slow measures whether clients that are slow or idle hinder the others: it opens
// thousands of connections that say nothing, or have had one answer and wait, and others
// that send a byte a second of a head or of a body, while a steady load is served. No
// request of the load may fail, and every connection that waits must be served in the end.
//
// A slow client that is shut out comes again at once. Each has a goroutine; all are joined
// before the command ends.
package main
