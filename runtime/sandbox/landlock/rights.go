package landlock

import "golang.org/x/sys/unix"

// The rights to files, put together. A right that a version does not have is taken out
// when it is asked for.
const (
	rightsToRead  = unix.LANDLOCK_ACCESS_FS_READ_FILE | unix.LANDLOCK_ACCESS_FS_READ_DIR
	rightsToExec  = rightsToRead | unix.LANDLOCK_ACCESS_FS_EXECUTE
	rightsToWrite = rightsToRead | unix.LANDLOCK_ACCESS_FS_WRITE_FILE |
		unix.LANDLOCK_ACCESS_FS_TRUNCATE | unix.LANDLOCK_ACCESS_FS_REMOVE_DIR |
		unix.LANDLOCK_ACCESS_FS_REMOVE_FILE | unix.LANDLOCK_ACCESS_FS_MAKE_DIR |
		unix.LANDLOCK_ACCESS_FS_MAKE_REG | unix.LANDLOCK_ACCESS_FS_MAKE_SOCK |
		unix.LANDLOCK_ACCESS_FS_MAKE_FIFO | unix.LANDLOCK_ACCESS_FS_MAKE_SYM |
		unix.LANDLOCK_ACCESS_FS_REFER
	rightsToDevices = unix.LANDLOCK_ACCESS_FS_READ_FILE | unix.LANDLOCK_ACCESS_FS_WRITE_FILE |
		unix.LANDLOCK_ACCESS_FS_TRUNCATE

	// rightsOfFiles are those that mean something for what is no folder; the kernel
	// refuses a rule for a file with others.
	rightsOfFiles = unix.LANDLOCK_ACCESS_FS_EXECUTE | unix.LANDLOCK_ACCESS_FS_READ_FILE |
		unix.LANDLOCK_ACCESS_FS_WRITE_FILE | unix.LANDLOCK_ACCESS_FS_TRUNCATE |
		unix.LANDLOCK_ACCESS_FS_IOCTL_DEV
)

// A version is what a version of Landlock added.
type version struct {
	abi     int
	files   uint64
	network uint64
	scopes  uint64
	flags   uint32
	lacks   string // what the one before does not cover; empty where seccomp denies it as well
}

// versions are all that this package knows, the oldest first.
var versions = []version{
	{abi: 1, files: unix.LANDLOCK_ACCESS_FS_REFER - 1, lacks: "files"},
	{abi: 2, files: unix.LANDLOCK_ACCESS_FS_REFER,
		lacks: "renaming and linking from folder to folder, which is denied altogether"},
	{abi: 3, files: unix.LANDLOCK_ACCESS_FS_TRUNCATE, lacks: "truncate"},
	{abi: 4, network: unix.LANDLOCK_ACCESS_NET_BIND_TCP | unix.LANDLOCK_ACCESS_NET_CONNECT_TCP,
		lacks: "TCP connect and bind"},
	{abi: 5, files: unix.LANDLOCK_ACCESS_FS_IOCTL_DEV, lacks: "ioctl on devices"},
	{abi: 6, scopes: unix.LANDLOCK_SCOPE_ABSTRACT_UNIX_SOCKET | unix.LANDLOCK_SCOPE_SIGNAL,
		lacks: "signals and abstract unix sockets"},
	{abi: 7, flags: unix.LANDLOCK_RESTRICT_SELF_LOG_NEW_EXEC_ON, lacks: "audit records"},
	{abi: 9, files: unix.LANDLOCK_ACCESS_FS_RESOLVE_UNIX},
	{abi: 10, network: unix.LANDLOCK_ACCESS_NET_BIND_UDP | unix.LANDLOCK_ACCESS_NET_CONNECT_SEND_UDP},
}

// upTo is everything that the versions up to abi have.
func upTo(abi int) version {
	all := version{abi: abi}
	for _, v := range versions {
		if v.abi <= abi {
			all.files |= v.files
			all.network |= v.network
			all.scopes |= v.scopes
			all.flags |= v.flags
		}
	}
	return all
}
