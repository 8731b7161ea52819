// Package goaway knows where a long answer may be ended, and the words for it: between two
// messages of a WebSocket, between two server-sent events, between two gRPC messages.
//
// What always holds:
//   - A follower changes nothing of what passes, keeps no byte of it and allocates nothing.
//   - However a stream is split, its borders are the same.
//   - What a follower does not understand has no border from there on: such an answer is
//     passed on untouched, and can only be cut off.
//   - A border is where the other end may find the end, and has everything before it whole.
//
// The package starts no goroutine and holds no lock; a follower is used by one goroutine at
// a time.
package goaway
