// Package gateway does for a module what it may not do by itself: it connects and
// listens where that was granted, and passes the descriptor.
//
// A process is served in two ways. Over the link its sdk asks by name, and the answer
// comes with a socket. Programs that know nothing of that are served through the
// listener of their seccomp filter, which the launcher sends as the link's first
// message: they call socket, connect and bind, and find sockets of the host's in place
// of theirs. Every other call that comes by the listener is denied and recorded.
//
// What always holds:
//   - No socket of a module's own making carries anything over a network. The sockets
//     that it gets from socket(2) are tied to an interface that does not exist, and to
//     untie one takes a capability (which its filter withholds from root as well); the
//     ones that hear were connected or bound here, to what was granted.
//   - A grant of a name is looked at before anything is looked up, and only granted names
//     ever are: a question for another does not leave the machine. A name's addresses
//     are whatever its zone says, so a grant of a name does not reach this machine's own
//     addresses, its link's, or a cloud's metadata; those are granted as addresses, or
//     by the name localhost. It does reach private networks.
//   - An address is granted where a permission holds it, or where a granted name was
//     lately found to have it.
//   - What a process writes is read once, and the copy is used. Numbers of threads are
//     trusted only while their call is known to wait.
//   - The listener is taken from the link's first message alone, and only if it is one.
//     Any other message with a descriptor, a message that is too long or cannot be
//     understood, and a number that is used twice end the link.
//   - All that a process can have of the host has an upper limit: requests and calls at a
//     time and in a second, sockets for names, listeners, names kept, time. What is beyond waits in
//     the process, or fails there.
//
// Listening sockets are bound with SO_REUSEPORT, so that two releases of a module can
// listen on one address while the one takes over from the other; the kernel then shares
// the connections between all releases that run, whatever their weights. One process has
// at most one socket bound to an address, so that none takes more than its share. It lets any two sockets share that
// belong to the host's user and both ask for it, which are those of modules that were
// granted the same address.
//
// Limits: a connect that waits blocks its thread although the socket does not block; a
// socket that was duplicated before connect or bind is put in place under one number
// only; datagrams go nowhere but to the answerer of names, and resolvers that send them
// without connecting are not served; a process whose memory this one may not read (it
// made itself undumpable, or the machine forbids tracing) connects to nothing by itself,
// but over the link.
//
// Goroutines: Serve reads the link and joins all that follow. Each request has one, and
// so has each call of connect and bind; the supervisor has one for the listener and one
// for each socket that asks for names. They end with the link, the last process that has
// the filter, or ctx. Locks: names.refreshing is taken before names.mu, and
// that before machine.mu; the others are taken alone.
package gateway
