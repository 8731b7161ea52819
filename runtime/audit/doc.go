// Package audit keeps who did what to what, when, and with what outcome: an
// append-only chain of records.
//
// # What always holds
//
//   - Record returns after the record is on the disk, or with an error.
//   - Records are numbered from 1 without a gap. Each carries the hash of the one
//     before and its own, so a record that was changed, taken out, put in or moved
//     breaks the chain at the first such place, which Verify names. (Records cut off
//     the end leave a whole chain; the store notices those.)
//   - Nothing here changes or removes a record.
//
// # The canonical form
//
// A record's hash is the SHA-256, in lower-case hex, of its JSON without the hash: the
// output of encoding/json for module.AuditRecord with Hash "" and Time in UTC, that is
// one object, without white space, its fields in the order in which the type declares
// them, empty optional fields left out, "hash":"" last, and <, > and & escaped as
// \u003c, \u003e and \u0026. What is stored is the same object with the hash filled in.
//
// # Locks
//
// Log.mu is held over a whole Record, since each record needs the hash of the one
// before. The package starts no goroutine.
package audit
