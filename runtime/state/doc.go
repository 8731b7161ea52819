// Package state is the runtime's memory: key-value buckets with compare-and-swap and
// append-only streams, kept by a NATS JetStream server inside this process. It is the
// only package that knows NATS.
//
// # What always holds
//
//   - One process at a time uses a state directory: Open takes the lock on DIR/lock,
//     and the kernel gives it back when the process ends, however it ends.
//   - No port is opened; the client talks to the server through a pipe in memory.
//   - A write that returned no error is on the disk. A write that returned an error
//     other than ErrConflict may or may not be there; read before writing again.
//   - State that was acknowledged and is gone is never passed over in silence. Beside
//     JetStream's own files DIR/marks keeps, a file for each bucket and stream, the
//     last acknowledged sequence, the number of records, and for a bucket a sum over
//     the newest revisions of its keys (a server that lost a record would give an
//     older value of the key instead). What JetStream recovers is held against it
//     whenever a bucket or stream is opened. A bucket or an
//     unlimited stream that has lost records refuses to open with ErrDamaged and says
//     which directory and what to do; a stream with limits, whose records are there
//     to be forgotten, warns and goes on.
//   - A mark is written after the acknowledgement and without a sync of its own. It
//     is a lower bound: it can lag after a crash, and never runs ahead.
//   - A full disk is an error of one write (ErrFull), not the end of the store: writes
//     are refused before the server meets the end of the disk, and a server that met
//     it all the same is restarted in place by the first operation after there is
//     room again.
//   - Reading cannot stand in a write's way: it has a connection of its own, a few
//     answers are on their way at once, and each ends after some megabytes.
//   - A connection that was cut is replaced by the next operation. A write that met it
//     is looked for on the recovered server and tried once more only where it is not
//     there.
//   - What is too large for a record is Invalid and touches nothing.
//
// # Goroutines and locks
//
// The goroutines are those of the NATS server and client; Close joins them. Lock order:
// a bucket's or stream's write lock, then Store.mu (shared for an operation, exclusive
// for a restart and for Close), then a turn to read, then the reader's lock; and last
// Bucket.mu around an index, under which nothing blocks.
package state
