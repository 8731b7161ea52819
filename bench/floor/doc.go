// Package floor measures what no activation can do without: starting a Go program,
// starting a go-plugin and asking it once, hashing and copying a file. Each
// function does its thing once and blocks until it is done; processes it started
// are gone when it returns.
package floor
