// Package proc is what the kernel tells of a process in /proc, and of this one's own
// descriptors.
//
// What it is told of a number is of whoever has that number at the moment. Who must be
// sure compares Stat.Start, or keeps the process from being reaped meanwhile. Nothing here
// trusts what a process can write: its command's name may hold anything.
//
// There is no state, lock or goroutine.
package proc
