// Package wire reads and writes HTTP/1.1 messages (RFC 9112) strictly: what two readers
// could take for two things is refused. It knows bytes only: no connection, no policy.
//
// What always holds: a head or a body has one reading here or none; nothing is read past
// the end of what it belongs to; a parser keeps no more than what it gives. The package
// starts no goroutine and holds no lock.
package wire
