// Package acme serves TLS certificates that it obtains from a certificate authority
// (RFC 8555), and renews by itself. A host is proven over the TLS port itself
// (TLS-ALPN-01, RFC 8737); over HTTP too, where Manager.Challenges is served on port 80.
//
// What always holds: nothing is asked of the authority for a host that is not in
// Config.Hosts; account key and certificates lie in Config.Dir, which nobody else can
// read; a handshake waits for a certificate that is being obtained no longer than it
// lives itself.
//
// Get starts a goroutine for each host whose certificate is not there yet. Run joins them;
// a lock of the Manager's is a leaf.
package acme
