// Package pebble holds the test of package acme against Pebble, the small authority that
// Let's Encrypt tests its clients with. It is a module of its own, so that nobody else
// needs what Pebble needs: run `go test ./...` in this folder.
package pebble
