// Package front accepts the connections of clients and hands each to the engine of its
// protocol: it limits how many there are, reads the PROXY protocol where a listener's
// peers speak it, does TLS, and tells HTTP/1 from HTTP/2.
//
// What always holds:
//   - A connection is either with the front, and then bounded by Config.HeadTimeout, or
//     with an engine; whoever has it closes it. What is counted for it is taken back when
//     it is closed.
//   - A connection that has sent nothing holds no buffer.
//   - What the PROXY protocol says is believed only of peers that are trusted for it; a
//     client behind such a peer is trusted by its own address.
//
// Each call of Serve runs on its caller's goroutine. It starts one for each connection,
// which the engine may go on with. Shutdown joins all of them. Front.mu is a leaf.
package front
