// Package access says who somebody is and what he may do. In this runtime a caller is
// known by the kernel's word alone: the credentials of the process at the other end of
// the admin socket.
//
// # What always holds
//
//   - The socket lies in a directory of mode 0700 and has mode 0600 itself; both are
//     the runtime's own. A caller of another user than the runtime's, root aside, is
//     hung up on unheard, should modes ever let him in.
//   - A request that came over the socket has an actor; one that came by another way,
//     over TCP for instance, has none, and so changes nothing.
//   - The socket's path may be longer than the 107 bytes that an address holds: both
//     ends go through a descriptor of the directory.
//   - A socket that answers is never taken from a runtime that lives.
//
// Credentials are those of the moment of connecting, and name a user, not a program:
// what runs as the runtime's own user counts as its operator. Keeping modules away from
// the socket is the sandbox's part.
//
// The package starts no goroutine and has no lock.
package access
