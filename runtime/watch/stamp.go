package watch

import (
	"os"

	"golang.org/x/sys/unix"
)

// stamp is how a version of a file is known. The zero stamp is that of no file.
type stamp struct {
	dev, ino     uint64
	format       uint32 // S_IFREG, S_IFDIR, …
	size         int64  // bytes
	mtime, ctime int64  // nanoseconds since 1970
}

// edition is how a version of an offer is known.
type edition struct{ main, sidecar stamp }

// version is the stamp without the time of the inode's last change, which also a
// chmod or a rename moves.
func (s stamp) version() stamp {
	s.ctime = 0
	return s
}

func (e edition) version() edition { return edition{e.main.version(), e.sidecar.version()} }

// newStamp takes size and times of regular files only: those of a directory move with
// what is in it.
func newStamp(st *unix.Stat_t) stamp {
	s := stamp{dev: st.Dev, ino: st.Ino, format: st.Mode & unix.S_IFMT}
	if s.format == unix.S_IFREG {
		s.size, s.mtime, s.ctime = st.Size, st.Mtim.Nano(), st.Ctim.Nano()
	}
	return s
}

func stampFile(f *os.File) (stamp, error) {
	var st unix.Stat_t
	if _, err := control(f, func(fd int) (int, error) { return 0, unix.Fstat(fd, &st) }); err != nil {
		return stamp{}, err
	}
	return newStamp(&st), nil
}
