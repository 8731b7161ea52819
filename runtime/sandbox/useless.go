package sandbox

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"syscall"

	"go.uber.org/zap"
	"golang.org/x/sys/unix"

	"github.com/segue-run/segue/runtime/proc"
)

// absent is what is told of a path that was granted and is not there.
const absent = "is not there; what is made later counts from the next start"

// useless notes that a permission, "write /srv/out", comes to nothing, and why.
func (o *opener) useless(permission, path, why string) {
	told := permission + " " + path + ": " + why
	o.told = append(o.told, told)
	o.m.log.Warn("a permission that was granted comes to nothing", zap.String("module", o.req.Module),
		zap.String("instance", o.req.Instance), zap.String("permission", told))
}

// judge notes a grant that comes to nothing because the module's user may not do, by the
// modes of files, what his module may.
func (o *opener) judge(f *os.File, permission, path string) {
	at, err := whereabouts(f)
	if err != nil {
		return
	}
	info, err := f.Stat()
	if err != nil {
		return
	}
	u := userOf(o)
	for dir := at; dir != filepath.Dir(dir); {
		dir = filepath.Dir(dir)
		if above, err := os.Stat(dir); err == nil && !u.may(dir, above, 0o1) {
			o.useless(permission, path, fmt.Sprintf("%s may not pass through %s (%s)", u, dir, modeOf(above)))
			return
		}
	}
	needs, does := fs.FileMode(0o4), "read it"
	switch {
	case permission == "write" && info.IsDir():
		needs, does = 0o7, "write there"
	case permission == "write":
		needs, does = 0o6, "write it"
	case permission == "read" && info.IsDir():
		needs, does = 0o5, "read there"
	case permission == "exec" && info.IsDir():
		needs, does = 0o1, "run what is there"
	case permission == "exec":
		needs, does = 0o1, "run it"
	}
	if !u.may(proc.FD(int(f.Fd())), info, needs) {
		o.useless(permission, path, fmt.Sprintf("%s may not %s (%s)", u, does, modeOf(info)))
	}
}

// account is a user as the modes of files know him.
type account struct {
	uid    uint32
	groups []int
}

// userOf is the module's user: his own, or the runtime's.
func userOf(o *opener) account {
	if o.user != nil {
		return account{uid: o.user.UID, groups: []int{int(o.user.GID)}}
	}
	groups, _ := os.Getgroups()
	return account{uid: uint32(os.Geteuid()), groups: append(groups, os.Getegid())}
}

func (a account) String() string { return fmt.Sprintf("user %d", a.uid) }

// may reports whether the mode of what lies at path allows him all that needs has, of
// rwx. A list of access rights, which could say more, is taken to allow it. A module has
// no capability, whoever its user is.
func (a account) may(path string, info fs.FileInfo, needs fs.FileMode) bool {
	stat := info.Sys().(*syscall.Stat_t)
	mode := info.Mode().Perm()
	switch {
	case stat.Uid == a.uid:
		mode >>= 6
	case slices.Contains(a.groups, int(stat.Gid)):
		mode >>= 3
	}
	if mode&needs == needs {
		return true
	}
	size, err := unix.Getxattr(path, "system.posix_acl_access", nil)
	return err == nil && size > 0
}

// modeOf is whose a file is, and its mode: "root, mode 0755".
func modeOf(info fs.FileInfo) string {
	owner := "root"
	if uid := info.Sys().(*syscall.Stat_t).Uid; uid != 0 {
		owner = fmt.Sprintf("user %d's", uid)
	}
	return fmt.Sprintf("%s, mode %04o", owner, info.Mode().Perm())
}
