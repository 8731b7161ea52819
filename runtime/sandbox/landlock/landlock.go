package landlock

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/segue-run/segue/runtime/proc"
)

// ABI is the version of the kernel's Landlock; 0: this kernel has none, or it was not
// switched on when it was started.
func ABI() int {
	abi, _, errno := unix.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET, 0, 0, unix.LANDLOCK_CREATE_RULESET_VERSION)
	if errno != 0 {
		return 0
	}
	return int(abi)
}

// Lacks is what that version does not cover, in words for an operator and with the
// version that does: "truncate (needs 3)". What versions after 7 added is not among it,
// for the filter of system calls denies that as well: connecting to unix sockets, and UDP.
func Lacks(abi int) []string {
	var lacks []string
	for _, v := range versions {
		if v.abi > abi && v.lacks != "" {
			lacks = append(lacks, fmt.Sprintf("%s (needs %d)", v.lacks, v.abi))
		}
	}
	return lacks
}

// Rules are what a process may reach. The zero value is nothing at all.
type Rules struct {
	ABI   int      // at most this version; 0: whatever there is
	Read  []string // absolute paths of files or folders: read, and list
	Write []string // read, write, create, remove, rename, truncate below
	Exec  []string // read and execute
	// Files are single open files that may be read and executed: the artifact.
	Files []*os.File
	// Folders are open folders with all of Write's rights: the control folder.
	Folders []*os.File
	Devices []string // e.g. /dev/null: read and write without create
}

// New makes a ruleset: everything that is not named is denied, TCP connect and bind
// altogether, and signals and abstract sockets out of the domain. Paths are followed
// through symbolic links, once, now: what they name then is what is allowed. What does
// not exist, or cannot be reached by this process, is left out and told in missing. A path
// that leads to this process's own folder below /proc is refused. The caller closes
// the file; Rules' own files stay the caller's. flags are for landlock_restrict_self:
// they switch on the log of what is denied after the exec, from version 7 on.
func New(r Rules) (ruleset *os.File, flags uint32, missing []string, err error) {
	abi := ABI()
	if abi == 0 {
		return nil, 0, nil, fmt.Errorf("make a Landlock ruleset: this kernel has no Landlock: %w", errors.ErrUnsupported)
	}
	if r.ABI > 0 {
		abi = min(abi, r.ABI)
	}
	b, err := begin(upTo(abi))
	if err != nil {
		return nil, 0, nil, err
	}
	if missing, err = b.addAll(r); err != nil {
		return nil, 0, nil, errors.Join(err, b.ruleset.Close())
	}
	return b.ruleset, b.handled.flags, missing, nil
}

// A builder adds rules to a ruleset.
type builder struct {
	ruleset *os.File
	handled version
}

// begin makes a ruleset without rules, which denies all that handled has.
func begin(handled version) (*builder, error) {
	attr := struct{ files, network, scopes uint64 }{handled.files, handled.network, handled.scopes}
	fd, _, errno := unix.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET,
		uintptr(unsafe.Pointer(&attr)), unsafe.Sizeof(attr), 0)
	if errno != 0 {
		return nil, fmt.Errorf("make a Landlock ruleset of version %d: %w", handled.abi, errno)
	}
	return &builder{os.NewFile(fd, "landlock ruleset"), handled}, nil
}

func (b *builder) addAll(r Rules) (missing []string, err error) {
	for _, f := range r.Files {
		if err := b.allow(f, unix.LANDLOCK_ACCESS_FS_READ_FILE|unix.LANDLOCK_ACCESS_FS_EXECUTE); err != nil {
			return nil, err
		}
	}
	for _, f := range r.Folders {
		if err := b.allow(f, rightsToWrite); err != nil {
			return nil, err
		}
	}
	for _, set := range []struct {
		paths  []string
		rights uint64
	}{
		{r.Read, rightsToRead}, {r.Write, rightsToWrite}, {r.Exec, rightsToExec}, {r.Devices, rightsToDevices},
	} {
		for _, path := range set.paths {
			err := b.allowPath(path, set.rights)
			if unreachable(err) {
				missing = append(missing, path)
			} else if err != nil {
				return nil, err
			}
		}
	}
	slices.Sort(missing)
	return slices.Compact(missing), nil
}

func unreachable(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission) || errors.Is(err, unix.ENOTDIR)
}

func (b *builder) allowPath(path string, rights uint64) error {
	if !filepath.IsAbs(path) {
		return fmt.Errorf("allow %q by Landlock: the path is not absolute", path)
	}
	f, err := os.OpenFile(path, unix.O_PATH, 0)
	if err != nil {
		return fmt.Errorf("allow a path by Landlock: %w", err)
	}
	defer f.Close()
	own, err := leadsToItself(f)
	if err != nil {
		return err
	}
	if own {
		return fmt.Errorf("allow %q by Landlock: it leads to the runtime's own folder below /proc", path)
	}
	return b.allow(f, rights)
}

// leadsToItself reports whether f is below this process's folder in /proc, which
// /proc/self and the like lead to, and which has its secrets.
func leadsToItself(f *os.File) (bool, error) {
	path, err := os.Readlink(proc.FD(int(f.Fd())))
	if err != nil {
		return false, fmt.Errorf("see where a path leads: %w", err)
	}
	own := "/proc/" + strconv.Itoa(os.Getpid())
	return path == own || strings.HasPrefix(path, own+"/"), nil
}

// allow adds a rule for f and what is below it.
func (b *builder) allow(f *os.File, rights uint64) error {
	info, err := f.Stat()
	if err != nil {
		return fmt.Errorf("allow a path by Landlock: %w", err)
	}
	if !info.IsDir() {
		rights &= rightsOfFiles
	}
	attr := unix.LandlockPathBeneathAttr{Allowed_access: rights & b.handled.files, Parent_fd: int32(f.Fd())}
	_, _, errno := unix.Syscall6(unix.SYS_LANDLOCK_ADD_RULE, b.ruleset.Fd(), unix.LANDLOCK_RULE_PATH_BENEATH,
		uintptr(unsafe.Pointer(&attr)), 0, 0, 0)
	if errno != 0 {
		return fmt.Errorf("allow %s by Landlock: %w", f.Name(), errno)
	}
	return nil
}
