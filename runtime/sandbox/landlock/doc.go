// Package landlock makes the ruleset by which the kernel keeps a module from files, TCP
// ports, signals and abstract sockets that are not its own.
//
// A ruleset denies all that its version of Landlock knows but what its rules allow, to
// the process that is restricted by it and all that come from it, for good; root is no
// exception. It is made by the host and put on by the launcher, who needs neither paths
// nor this package for that. The system calls are made by hand, so that a ruleset can be
// capped at an older version and tested as that.
//
// What always holds:
//
//   - no right is asked for that the version does not have, and no rule has rights that
//     its ruleset does not handle: what the kernel takes, it enforces;
//   - nothing allows making device nodes, ioctl on devices (but the few that the kernel
//     lets pass always, such as FIONBIO), binding or connecting TCP and, from version 10
//     on, UDP, or, from version 9 on, connecting to unix sockets of others by path;
//   - a rule is about the file or folder that the path named when it was made, wherever
//     that is moved to later; symbolic links in it were followed.
//
// What Landlock does not see: stat, chdir, chmod, chown, times, extended attributes,
// inotify, and descriptors that a process was given. An open descriptor keeps the rights
// that it was opened with. Before version 3 a file that may be read may be truncated.
//
// Versions up to 7 are tested; what 9 and 10 add is taken from the kernel's
// documentation.
//
// AuditReadable and WatchDenials are about the kernel's audit records, by which it says
// what it denied: since version 7, where auditing is on, to who has CAP_AUDIT_READ. Nobody
// here turns auditing on.
//
// There are no goroutines and no locks here; WatchDenials runs in its caller's.
package landlock
