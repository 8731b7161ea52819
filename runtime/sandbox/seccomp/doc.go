// Package seccomp makes the filter of system calls that a module runs under.
//
// The filter is an allow list with a complete table: every call that the tables of names
// know has one rule, and a number that they do not know does not exist (ENOSYS), so that
// a newer kernel opens nothing. A deny list would be shorter and would have let io_uring
// in on the day that it was invented. The price is that a new harmless call has to be
// added by hand before modules may use it; programs fall back on what ENOSYS tells them.
// The rules are one table in four files: rules.go has the calls whose arguments do not
// matter, processes.go, files.go and network.go those whose arguments do.
//
// What always holds, whatever the policy:
//
//   - a call by another architecture, or by x32, ends the process;
//   - no namespace, mount, trace, io_uring, BPF, key, user id, session or unlinked
//     executable memory is to be had, and no second filter;
//   - sockets of the module's own are unix stream sockets, and sequential-packet pairs:
//     a datagram socket could send to any name;
//   - what is decided is decided by registers. A filter cannot see behind a pointer, and
//     what it could not decide safely it denies or leaves to the listener.
//
// A denied call has one of three answers. What no honest program tries goes to the
// listener where there is one (Policy.Notify), and is EPERM, or EACCES for the network,
// where there is none. What honest programs try without needing it (chmod, affinity,
// extended attributes) is EPERM and tells nobody. What has an older sibling (clone3) is
// ENOSYS.
//
// # What the listener must do
//
// It gets whatever is denied, and answers it with an error. With Policy.Network it gets
// socket, connect, bind and listen as well, which it may serve, and setsockopt for the
// error queue of IP (IP_RECVERR, IPV6_RECVERR), which the C library must have:
//
//   - It must never let connect continue: the address lies in memory that another thread
//     may change after it was read. It reads the address once and acts on its own copy.
//   - Nor may socket continue for an internet family: a stream socket could be listened
//     on without bind. It puts a socket of its own in place that carries nothing.
//   - bind and listen may continue only for a socket whose own family (SO_DOMAIN, of a
//     copy by pidfd_getfd) is AF_UNIX, and only because no socket that a second thread
//     could put in its place meanwhile carries anything.
//   - Go looks for IP support by binding [::1]:0 and [::ffff:127.0.0.1]:0 before it
//     first connects or listens by IP: an error is well taken, and is no denial.
//
// Without Policy.Network it must answer socket with an error: bind and listen pass then.
//
// # What a filter cannot do
//
// execveat passes for one descriptor, and an absolute path makes the kernel ignore the
// descriptor: that what is executed after the module has begun is nothing but what
// Landlock lets it execute is Landlock's doing. A process that may spawn may send signals to
// a single process by its number, for which numbers its own get nobody knows; Landlock's
// scope, a pid namespace, or a user id of its own keep it from others. So it is for one
// whose Policy names no PID. Shared memory by a mapping of /dev/zero is Landlock's to keep away.
// stat and chdir are free: that a file exists can be found out, by its name.
//
// There are no goroutines and no locks here.
package seccomp
