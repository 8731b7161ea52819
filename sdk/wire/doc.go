// Package wire names what the host and a module must agree on: the handshake,
// the environment, and the health service's name. It is a leaf: it imports
// nothing, so that both sides can share it. The control contract itself is in
// the package modulev1 below it.
package wire
