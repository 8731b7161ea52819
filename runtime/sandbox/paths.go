package sandbox

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"

	"github.com/segue-run/segue/runtime/module"
	"github.com/segue-run/segue/sdk/manifest"
)

// ErrLink marks the refusal of a path for a link on its way, which a module can have made.
var ErrLink = errors.New("a symbolic link that a module can have made")

// CheckPaths refuses permissions that no module may have, whoever grants them: paths by
// which it would have one of protected, see Config.Protected, or what always is. It takes
// modules not to run as root; Machine.Check knows. The module.Error, of kind Denied, names
// the field; it is an ErrLink where a link is on the way that a module can have made. What
// a path is may change until Prepare, which looks again.
func CheckPaths(p manifest.Permissions, protected ...string) error {
	return paths{protected: protect(protected)}.check(p)
}

// Check is CheckPaths with what Config protects, on this machine.
func (m *Machine) Check(p manifest.Permissions) error { return m.paths.check(p) }

// paths say which paths no module may have.
type paths struct {
	protected []string // real
	asRoot    bool     // modules run as root
}

// always are what would give a module the host.
var always = []string{"/proc", "/sys/fs/cgroup", "/sys/kernel/debug", "/sys/kernel/tracing", "/sys/kernel/security"}

// protect gives the real paths of those, and of what always is protected.
func protect(all []string) []string {
	var real []string
	for _, list := range [][]string{all, always} {
		for _, path := range list {
			if abs, err := filepath.Abs(path); err == nil {
				path = abs
			}
			// What does not exist yet has the real path of what it will be made in.
			real = append(real, realPath(path))
		}
	}
	return real
}

func (s paths) check(p manifest.Permissions) error {
	for _, list := range []struct {
		field string
		paths []string
	}{{"permissions.read", p.Read}, {"permissions.write", p.Write}, {"permissions.exec", p.Exec}} {
		for i, path := range list.paths {
			if !filepath.IsAbs(path) { // in its own folder
				continue
			}
			if e, refused := errors.AsType[*module.Error](s.checkPath(path)); refused {
				e.Field, e.Value = fmt.Sprintf("%s[%d]", list.field, i), path
				return e
			}
		}
	}
	return nil
}

// checkPath refuses an absolute path by its links, and by where it leads: as much of it
// as there is.
func (s paths) checkPath(path string) error {
	f, err := s.find(path)
	if errors.Is(err, fs.ErrNotExist) {
		return s.allowed(realPath(filepath.Clean(path)))
	}
	if err != nil {
		return err
	}
	defer f.Close()
	at, err := whereabouts(f)
	if err != nil {
		return err
	}
	return s.allowed(at)
}

// allowed refuses a real path by which a module would have what is protected.
func (s paths) allowed(real string) error {
	for _, protected := range s.protected {
		switch {
		case manifest.IsIn(real, protected):
			return &module.Error{
				Kind: module.Denied, Msg: "it is in " + protected + ", which no module may have",
				Hint: "a module keeps its own data in " + manifest.DataFolder,
			}
		case manifest.IsIn(protected, real):
			return &module.Error{
				Kind: module.Denied, Msg: "it has " + protected + " in it, which no module may have",
				Hint: "grant the folders below it that the module needs",
			}
		}
	}
	return nil
}
