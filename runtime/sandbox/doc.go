// Package sandbox turns permissions and quotas into what the kernel enforces, and says
// what this kernel can.
//
// [Probe] tries each layer once, by really putting it on a process; the [Machine] keeps
// what was found. [Machine.Prepare] makes the [Cell] of one process: what the launcher
// puts on, its limits and its environment.
//
// # Which layer stops what
//
//   - rlimits: open files, private memory, the size of a file, processes and threads,
//     core files. They hold for each process, and those on processes for a user.
//   - no-new-privs, environment, descriptors, session, parent-death: set-uid programs,
//     the runtime's secrets, terminals, a life after the runtime's. The launcher always
//     puts them on; they are there wherever it runs at all.
//   - landlock: files, TCP, and signals and abstract sockets to others. Without it a
//     module has all that its user has.
//   - seccomp: other programs, network sockets, connecting to other modules' sockets,
//     tracing, namespaces, mounts, io_uring, bpf, keys, chmod. It also holds what an old
//     Landlock does not know of.
//   - notify: nothing by itself. By it plain connections are served where they are
//     granted, and denied calls are told.
//   - user-namespace, pid-namespace, ipc-namespace, network-namespace: counts of its own,
//     other processes, System V memory, all networks. What comes from a module ends
//     with its first process.
//   - own-user: whatever belongs to the runtime's user or to other modules, should one of
//     the layers above fail; chmod and times, which Landlock does not know of.
//   - cgroup-memory, cgroup-cpu, cgroup-pids: memory however it is taken (shared, files'
//     cache, many processes), processor time, processes and threads of root too.
//   - landlock-audit: nothing by itself. By it files that were denied are told.
//
// A level holds if its layers are on, or what is missing of one is held by another or was
// granted: an older Landlock with seccomp, seccomp with programs that may be started.
//
// # User ids
//
// As root each module is a user of its own. Who owns a module's folder in the data folder
// says which; no other record is kept, and no id is two modules'. The state directory and
// the data folder let everybody pass through (mode 0711) and nobody look. A folder that
// changes its owner, because the runtime ran without user ids before or will again, is
// handed over with all that is in it: no link is followed, and a file that has a name
// elsewhere too is refused.
//
// # Links
//
// A granted path is walked one name at a time. A symbolic link on the way is followed only
// where no module can have laid it, whatever was granted to whichever release: the link is
// root's, and so is each folder on the way to it, in which nobody else may write. Where
// modules run as root, because the runtime does and gives them no user ids, that says
// nothing of who made it: then only links in the root folder are followed, which no grant
// opens. All others are refused with their name; the remedy is to grant the real path. A
// runtime of an ordinary user follows none of that user's links, for its modules are that
// user. What every program may read, such as /etc/localtime, is a fixed list of the
// system's, whose links are followed: who lets a module write in /etc or /usr has given it
// those.
//
// Hard links are Landlock's: a module cannot link or move a file to where it may do more
// with it, nor one that it does not reach at all. So what a granted path names is not
// refused for its other names.
//
// # What always holds
//
//   - What Prepare cannot make as it was granted it refuses. Nothing is put on less
//     strictly than Layers says.
//
//   - No grant opens the state directory, what the runtime protects, /proc or cgroups,
//     through no link: what is judged is the file that was opened.
//
//   - A module's word decides nothing: its dynamic loader is of a fixed list, and links in
//     its own folders, or that it can have laid elsewhere, are not followed.
//
//   - What the kernel's records tell of denials is bounded in number; a record names a
//     process, and nothing that a module wrote says which.
//
// There are no goroutines here but for the time of a Probe, which joins them;
// WatchDenials runs in its caller's. A Cell's lock is held while its cgroup is read; users'
// lock while a folder is handed over. None is taken under the other.
package sandbox
