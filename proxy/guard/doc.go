// Package guard decides whom the proxy believes and whom it lets in: trusted peers, the
// client's own address, what modules are told of it, and how many connections an address
// may have.
package guard
