// Package launch starts a process that is held in before its first instruction.
//
// The host executes itself again under the name "segue-launch"; the package entry
// below this one catches that in the earliest initialiser, puts on the limits and the
// Confinement of the Spec, and executes the module in its own place. So every binary
// that imports this package can be its own launcher, test binaries too, and no helper
// program has to be installed. Secrets travel in the environment, never in the
// arguments. There each variable of the module's is marked, so that it does not speak to
// the Go runtime of the launcher.
//
// What always holds: the module gets exactly the environment, the descriptors and
// the limits of its Spec, no_new_privs and no capabilities; it leads a session and
// process group of its own; and the kernel kills it when the host dies. What the
// Confinement names is put on, or the launcher ends with FailureCode and one line that
// names the layer.
//
// # Order
//
// Each layer takes away something that those before it may still need.
//
//  1. The kernel makes the process in its namespaces and with its user, and sets the
//     parent-death signal after that, for a change of user takes the signal away.
//  2. The launcher reads the host's word from standard input. The host speaks when the
//     launcher runs, so with the signal set: it lives, or its death takes the process
//     along. The word carries the filter, which is too long for an argument.
//  3. It joins its cgroups while it has their descriptors, and so that what follows is
//     counted. The kernel asks who opened those: root has, whoever this is by now.
//  4. umask, and the working directory, which Landlock or a limit could keep it from.
//  5. Descriptors: a table of its own, then /dev/null as standard input, all but the
//     module's marked to be closed by the exec, and the executable moved up to its own
//     number. That lies above the limit of open files, so it comes before the limit.
//     In a table that is shared between threads the move would wait for all processors.
//  6. Signals to their defaults; then its processors and the resource limits. The limit
//     of memory is the last of these; little is allocated after it.
//  7. Capabilities: the bounding set is emptied and root is made a user like any other,
//     which takes capabilities itself; then the rest is dropped. Without this a module of
//     a root host, or root in its user namespace, would have them back after the exec.
//     Dropping alone takes the parent-death signal away from nobody.
//  8. no_new_privs, without which the next two are for the privileged only, and which
//     keeps set-uid programs and files with capabilities from undoing 7.
//  9. Landlock. It comes before the filter, which need not let its calls pass.
//  10. seccomp, the last: it holds at once. The filter may name the process's own pid,
//     which is known only here: it takes the place of SelfPID. What follows is all that every filter must
//     let pass: sendmsg of the listener to the host, execveat of the module's
//     descriptor, nanosleep before another try if its file is still being written,
//     and write and exit_group, should that fail.
//  11. The exec, which closes the executable, the ruleset, the cgroups and the listener.
//     The filter lets execveat pass for ExecFD alone, and no descriptor can ever have
//     that number again.
//
// # The parent's thread
//
// The kernel ties parent death to the thread that started the child, not to
// the process. Therefore children are started through a Spawner, which owns one
// goroutine locked to one thread for as long as it is open. There are no locks
// here beyond the Spawner's channel.
package launch
