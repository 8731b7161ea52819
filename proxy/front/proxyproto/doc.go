// Package proxyproto reads the PROXY protocol, versions 1 and 2, with which a proxy that
// passes bytes on says whose they are. It is strict: what is not a header to the letter is
// an error.
//
// What always holds: a header has one reading or none, however it is cut into pieces; no
// more than MaxLen bytes are ever asked for. The package starts no goroutine and holds no
// lock.
package proxyproto
