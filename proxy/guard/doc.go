// Package guard decides whom the proxy believes and whom it lets in: trusted peers, the
// client's own address, what modules are told of it, and how many connections an address
// may have.
//
// What always holds:
//   - What a module is told of its client (Client.Tell) was seen by us or said by a peer
//     that is trusted. The first address of X-Forwarded-For and of Forwarded is
//     Client.Addr; all that follow are trusted peers.
//   - Every address in a line is canonical, and a line has no more than maxHops.
//   - What is kept of addresses is bounded by the connections that are open now.
//
// The package starts no goroutine. The locks of Addresses are leaves.
package guard
