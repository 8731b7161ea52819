package seccomp

import "golang.org/x/sys/unix"

// sharesAnonymously are the bits of mmap's flags that together make memory that outlives
// an unmapping elsewhere and that no limit on data counts.
const (
	mapAnonymous = unix.MAP_ANONYMOUS
	mapShared    = unix.MAP_SHARED // also a bit of MAP_SHARED_VALIDATE
)

// isDevice is set in the mode of block and character devices alone.
const isDevice = unix.S_IFCHR

// files are the rules for opening and making files, for ioctl and fcntl, and for memory
// that is mapped.
func files(p Policy) []rule {
	var opens, opensAt []when
	truncate, openHow := allow, allow
	if p.NoTruncate {
		const bits = unix.O_ACCMODE | unix.O_TRUNC
		opens = []when{on(denyAccess, masked(1, bits, unix.O_RDONLY|unix.O_TRUNC))}
		opensAt = []when{on(denyAccess, masked(2, bits, unix.O_RDONLY|unix.O_TRUNC))}
		truncate, openHow = denyAccess, absent // how lies behind a pointer; programs fall back
	}
	return []rule{
		{calls: "open", cases: opens},
		{calls: "openat", cases: opensAt},
		{calls: "openat2", answer: openHow},
		{calls: "creat"},
		{calls: "truncate", answer: truncate},
		{calls: "mknod", cases: []when{on(deny, has(1, isDevice))}},
		{calls: "mknodat", cases: []when{on(deny, has(2, isDevice))}},
		{calls: "mmap", cases: []when{on(deny, masked(3, mapAnonymous|mapShared, mapAnonymous|mapShared))}},
		{calls: "ioctl", answer: refuse, cases: []when{
			on(allow, is(1, harmlessRequests...)),
			on(deny, is(1, unix.TIOCSTI, unix.TIOCLINUX)),
		}},
		// Signals to others, and ways to hold up or watch those who use the same files.
		{calls: "fcntl", cases: []when{on(refuse, is(1, unix.F_SETOWN, unix.F_SETOWN_EX, unix.F_SETSIG,
			unix.F_SETLEASE, unix.F_NOTIFY))}},
	}
}

// Requests of ioctl that golang.org/x/sys does not have.
const (
	fioNonBlock    = 0x5421 // FIONBIO
	fioKeepOnExec  = 0x5450 // FIONCLEX
	fioCloseOnExec = 0x5451 // FIOCLEX
	fioAsync       = 0x5452 // FIOASYNC
	fioSize        = 0x5460 // FIOQSIZE
)

// harmlessRequests of ioctl are about a descriptor of one's own. All others are refused:
// as root some change the machine's interfaces and routes through any socket.
var harmlessRequests = []uint32{
	unix.TCGETS, unix.TIOCGWINSZ, unix.TIOCGPGRP, unix.TIOCOUTQ, unix.TIOCINQ, fioNonBlock,
	fioCloseOnExec, fioKeepOnExec, fioAsync, fioSize, unix.FICLONE, unix.FICLONERANGE,
}
