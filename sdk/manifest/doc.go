// Package manifest is what a module declares of itself: the YAML document that an
// author embeds in the executable, its checks, and how it is found in the bytes
// without running anything. It is a leaf shared by the SDK and the host.
//
// What always holds: a Manifest that Parse returned is valid, whoever wrote it; no
// input makes Parse or a Scanner panic, run long or grow beyond a small multiple
// of MaxSize; and no executable contains the marker line unless it embeds a
// manifest. The package starts no goroutine and holds no lock.
package manifest
