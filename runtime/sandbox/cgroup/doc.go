// Package cgroup makes control groups below the one that this process is in, and limits
// memory, processor time and numbers of processes by them.
//
// Where groups may be made is found by /proc/self/cgroup and /proc/self/mountinfo, never
// by a fixed path. Version 1 has a hierarchy for each controller; root may make groups
// there. Version 2 has one tree; root may, and an ordinary user may where his own group
// was delegated to him. The kernel lets a group of version 2 have processes or limited
// groups below it, not both; so Open moves this process into a leaf named "host", which
// it does only where the process is alone in its group, and Close moves it back.
// Controllers of both versions are used side by side on a machine that has both.
//
// The groups lie in GROUP/segue-NAME/ID. What always holds: a name is one Tree's at a
// time, by a lock that ends with its process; so all that Open finds under the name is
// left over from a runtime that is gone, and Open ends and removes it.
//
// The tests use the groups of the machine that they run on. Those of version 2 passed in
// User-Mode Linux 6.1 as root and as an ordinary user in a delegated group; where there are
// none, a tree of folders that only looks like them stands in for what is written and read.
//
// There are no goroutines here. A Tree and a Group are safe for concurrent use.
package cgroup
