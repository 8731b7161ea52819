// Package goaway knows where a long answer may be ended, and the words for it: between two
// messages of a WebSocket, between two server-sent events.
//
// What always holds: a follower changes nothing of what passes, and keeps no byte of it.
// The package starts no goroutine and holds no lock.
package goaway
