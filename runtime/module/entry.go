package module

import "time"

// Entry is one stored record of a stream, as those who keep streams and those who
// read them hand it to each other.
type Entry struct {
	Seq     uint64    // its place in the stream, from 1, rising
	Time    time.Time // when it was stored
	Subject string    // what it is about; the writer's word
	Data    []byte    // the record; belongs to the receiver
}
