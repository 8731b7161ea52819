// Package watchdog holds a process to the quotas that no layer of the kernel holds it
// to: memory where no cgroup counts it, its share of the processors, and what its
// folders hold.
//
// It is the second net, not the first. It looks from outside, some times a second, so
// that a process can be over a quota for a moment; the resource limits, which the kernel
// enforces, say how far.
//
//   - Memory: the resident memory of the process, and of those that it has started where
//     it may start any, is read at least ten times a second. Over the quota it is killed.
//     Pages of files do not count: the kernel takes those back when it needs them. Page
//     tables do. What is on its way in sockets is the kernel's memory, which only a cgroup
//     counts: the limit of open files bounds it.
//   - Processors: the processes are stopped and continued, so that over any tenth of a
//     second they take no more than their share. They are never stopped before they
//     serve, never longer than a second, and always continued at the end.
//   - Storage: the folders are walked every second, or as seldom as it takes for that to
//     cost a twentieth of a processor. What an entry holds is rounded up to a block of
//     4 KiB, and so is each further name of a file: their number has a bound as well.
//     Over the quota the processes may not write to files any more (EFBIG) until the
//     folders hold a twentieth less than it; where the limit may not be set, or they
//     grow all the same, by empty files for one, the process is killed.
//
// What always holds: nothing is signalled or limited but the process and what descends
// from it; nothing is read through a link, and no file of the process's is opened, only
// folders; a walk is bounded in entries and memory, and what is beyond that bound counts
// as over the quota.
//
// Goroutines: Run owns one for each quota that it watches, and has joined them when it
// returns. crew.mu is the only lock.
package watchdog
