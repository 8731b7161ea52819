// Package entry is what a re-executed host does before it becomes a module: it
// reads its orders from the arguments and the filter from standard input, puts on the
// limits and the confinement, and executes the module in its own place. The package
// launch tells in which order and why.
//
// It runs from init, so that none of the host's other packages is initialised
// first, and therefore imports next to nothing: os for the arguments, syscall and
// unsafe. Keep it so; each import delays every start of a module. What always
// holds: a process whose argv[0] is Argv0 never reaches main. It becomes the
// module or ends with Failure and one line on standard error. Nothing that it was
// ordered to put on is skipped.
//
// The calling thread is the process's main thread (the Go runtime keeps init
// there), so what belongs to a thread, such as no_new_privs, Landlock and the filter,
// is what the module inherits; the other threads end at the exec. There are no
// goroutines here.
package entry
