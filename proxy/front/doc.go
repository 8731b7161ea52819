// Package front accepts the connections of clients and hands each to the engine of its
// protocol.
package front
