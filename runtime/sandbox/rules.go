package sandbox

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/segue-run/segue/runtime/launch"
	"github.com/segue-run/segue/runtime/module"
	"github.com/segue-run/segue/runtime/proc"
	"github.com/segue-run/segue/runtime/sandbox/landlock"
	"github.com/segue-run/segue/sdk/manifest"
)

// What every program may read. None of it is the host's secret.
var (
	baseReads = []string{
		"/etc/localtime", "/etc/timezone", "/usr/share/zoneinfo",
		"/etc/mime.types", "/usr/share/mime",
		"/dev/zero", "/dev/urandom", "/dev/random",
	}
	baseDevices = []string{os.DevNull}
	// networkReads are for names, ports and certificates.
	networkReads = []string{
		"/etc/resolv.conf", "/etc/hosts", "/etc/nsswitch.conf", "/etc/host.conf", "/etc/gai.conf", "/etc/services", "/etc/protocols",
		"/etc/ssl/certs", "/etc/ssl/cert.pem", "/etc/ssl/ca-bundle.pem", "/etc/ssl/openssl.cnf",
		"/usr/share/ca-certificates", "/usr/local/share/ca-certificates", "/usr/lib/ssl",
		"/etc/pki/tls/certs", "/etc/pki/tls/cert.pem", "/etc/pki/ca-trust", "/etc/ca-certificates",
	}
	// libraries are for programs that are linked dynamically. Their dynamic loader is
	// not taken from the program's word, which could name any file, but from here.
	libraries = []string{
		"/lib", "/lib32", "/lib64", "/usr/lib", "/usr/lib32", "/usr/lib64", "/usr/libexec", "/usr/local/lib", "/usr/local/lib64",
		"/etc/ld.so.cache", "/etc/ld.so.preload",
	}
	loaders = []string{
		"/lib64/ld-linux-x86-64.so.2", "/lib/ld-linux-aarch64.so.1",
		"/lib/ld-musl-x86_64.so.1", "/lib/ld-musl-aarch64.so.1",
	}
)

// restrict gives c its Landlock ruleset; req is nil where there is nothing to allow but
// what every program may read. Without Landlock what was granted is judged all the same,
// and the process's own folders are made. useless are the grants that come to nothing.
func (m *Machine) restrict(c *launch.Confinement, req *Request) (useless []string, err error) {
	rules := landlock.Rules{ABI: m.abi, Read: baseReads, Devices: baseDevices}
	if req != nil {
		o := opener{m: m, req: req, user: c.User, rules: &rules}
		defer o.close()
		if err := o.all(); err != nil {
			return nil, err
		}
		useless = o.told
	}
	if !m.has(module.LayerLandlock) {
		return useless, nil
	}
	ruleset, flags, _, err := landlock.New(rules)
	if err != nil {
		return nil, fmt.Errorf("restrict files: %w", err)
	}
	c.Ruleset, c.RulesetFlags = ruleset, flags
	return useless, nil
}

// opener turns what was granted into rules. It opens each path once, and what it judges
// is what the rule is made of: a link that changes meanwhile opens nothing else.
type opener struct {
	m      *Machine
	req    *Request
	user   *launch.User // nil: the runtime's own
	rules  *landlock.Rules
	opened []*os.File
	told   []string // of grants that come to nothing
}

func (o *opener) close() {
	for _, f := range o.opened {
		f.Close()
	}
}

func (o *opener) all() error {
	req, p := o.req, o.req.Permissions
	o.rules.Files = []*os.File{req.Binary}
	if req.Control != nil {
		o.rules.Folders = []*os.File{req.Control}
	}
	if len(p.Connect) > 0 {
		o.rules.Read = append(o.rules.Read[:len(o.rules.Read):len(o.rules.Read)], networkReads...)
	}
	if req.Dynamic || len(p.Exec) > 0 {
		o.rules.Read = append(o.rules.Read[:len(o.rules.Read):len(o.rules.Read)], libraries...)
		o.rules.Exec = loaders
	}
	for _, list := range []struct {
		permission string
		paths      []string
		rules      *[]string
		write      bool
	}{
		{"write", p.Write, &o.rules.Write, true}, // first: it makes folders
		{"read", p.Read, &o.rules.Read, false},
		{"exec", p.Exec, &o.rules.Exec, false},
	} {
		for i, path := range list.paths {
			f, err := o.open(path, list.write)
			if errors.Is(err, fs.ErrNotExist) {
				o.useless(list.permission, path, absent)
				continue
			}
			if err != nil {
				return refusal(fmt.Sprintf("permissions.%s[%d]", list.permission, i), path, err)
			}
			o.opened = append(o.opened, f)
			o.judge(f, list.permission, path)
			*list.rules = append((*list.rules)[:len(*list.rules):len(*list.rules)], proc.FD(int(f.Fd())))
		}
	}
	return nil
}

func refusal(field, path string, err error) error {
	var refused *module.Error
	if errors.As(err, &refused) {
		refused.Field, refused.Value = field, path
		return refused
	}
	return &module.Error{
		Kind: module.Invalid, Field: field, Value: path, Err: err,
		Msg: "it cannot be opened for the module", Hint: "withdraw the grant, or let the runtime's user reach it",
	}
}

// open opens what a permission names, as O_PATH.
func (o *opener) open(path string, write bool) (*os.File, error) {
	for placeholder, own := range map[string]string{manifest.DataFolder: o.req.Data, manifest.TempFolder: o.req.Temp} {
		if rest, ok := strings.CutPrefix(path, placeholder); ok && (rest == "" || rest[0] == '/') {
			return o.openOwn(own, strings.Trim(rest, "/"), write)
		}
	}
	if !filepath.IsAbs(path) {
		return nil, &module.Error{Kind: module.Invalid, Msg: "not an absolute path"}
	}
	f, err := o.m.paths.find(path)
	if err != nil {
		return nil, err
	}
	at, err := whereabouts(f)
	if err == nil {
		err = o.m.paths.allowed(at)
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// openOwn opens what lies in one of the module's own folders. The module writes there,
// so no link is followed. A folder that it may write in is made for it: it could not do
// that itself.
func (o *opener) openOwn(own, rest string, write bool) (*os.File, error) {
	if own == "" {
		return nil, module.Errorf(module.Internal, "the module has no such folder")
	}
	at, err := os.OpenFile(own, unix.O_PATH|unix.O_DIRECTORY|unix.O_NOFOLLOW, 0)
	for name := range strings.SplitSeq(rest, "/") {
		if err != nil || rest == "" {
			break
		}
		var below *os.File
		below, err = o.below(at, name, write)
		at.Close()
		at = below
	}
	return at, err
}

// below opens one name in a folder, and makes it where it is to be written and not there.
func (o *opener) below(dir *os.File, name string, write bool) (*os.File, error) {
	if name == "" || name == "." || name == ".." {
		return nil, module.Errorf(module.Invalid, "not a path below its own folder")
	}
	made := false
	if write {
		err := unix.Mkdirat(int(dir.Fd()), name, 0o700)
		if made = err == nil; err != nil && !errors.Is(err, fs.ErrExist) {
			return nil, fmt.Errorf("make %s: %w", name, err)
		}
	}
	fd, err := unix.Openat(int(dir.Fd()), name, unix.O_PATH|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	f := os.NewFile(uintptr(fd), filepath.Join(dir.Name(), name))
	info, err := f.Stat()
	switch {
	case err == nil && info.Mode()&fs.ModeSymlink != 0:
		err = module.Errorf(module.Denied, "a link in its own folder, which could lead anywhere")
	case err == nil && made && !info.IsDir():
		err = module.Errorf(module.Denied, "another process of the module put something in the place of the folder that was made")
	case err == nil && made && o.user != nil:
		err = give(f, o.user.UID)
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// whereabouts is the path of an open file, without links.
func whereabouts(f *os.File) (string, error) {
	path, err := os.Readlink(proc.FD(int(f.Fd())))
	if err != nil {
		return "", fmt.Errorf("see where a path leads: %w", err)
	}
	return path, nil
}
