// Package launch starts a process with limits that hold before its first
// instruction.
//
// The host executes itself again under the name "segue-launch"; the package entry
// below this one catches that in the earliest initialiser, closes every
// descriptor that was not announced, sets the resource limits and no_new_privs,
// and executes the module in its own place. So every binary that imports this
// package can be its own launcher, test binaries too, and no helper program has to
// be installed. Secrets travel in the environment, never in the arguments.
//
// What always holds: the module gets exactly the environment, the descriptors and
// the limits of its Spec; it leads a session and process group of its own; and the
// kernel kills it when the host dies.
//
// The kernel ties that last promise to the thread that started the child, not to
// the process. Therefore children are started through a Spawner, which owns one
// goroutine locked to one thread for as long as it is open. There are no locks
// here beyond the Spawner's channel.
package launch
