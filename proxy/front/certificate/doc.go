// Package certificate serves TLS certificates from files, and takes over new ones as soon
// as the files change.
//
// What always holds: a handshake gets a whole certificate with its key, the old one or the
// new one; files that are broken, or that do not belong together yet, change nothing. At
// most once a second a handshake looks at the files' metadata, and reads them where that
// differs; all others go on with what is there.
//
// The package starts no goroutine. The lock of a Store is a leaf.
package certificate
