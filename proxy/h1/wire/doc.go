// Package wire reads and writes HTTP/1.1 messages (RFC 9112) strictly: what two readers
// could take for two things is refused. It knows bytes only: no connection, no policy.
//
// What always holds: a head or a body has one reading here or none; nothing is read past
// the end of what it belongs to; however the bytes come in pieces, the reading is the same,
// and so is the refusal; a parser keeps no more than what it gives. An incomplete head
// costs a search for line ends each time it is looked at, and no memory. The package
// starts no goroutine and holds no lock.
package wire
