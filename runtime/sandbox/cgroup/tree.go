package cgroup

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// The controllers that are used here, by the kernel's names.
const (
	Memory = "memory"
	CPU    = "cpu"
	PIDs   = "pids"
)

// Controllers are all three, in the order in which they are reported.
var Controllers = []string{Memory, CPU, PIDs}

// accounting counts processor time where version 1 has it apart from CPU.
const accounting = "cpuacct"

// Config says where groups are made.
type Config struct {
	// Name tells one runtime's groups from another's: letters, digits, '-' and '_', at
	// most 128.
	Name string
	// Proc is where the kernel tells of this process; empty means "/proc/self".
	Proc string
	// Without are controllers that are taken not to be there.
	Without []string

	kernel kernel
}

// kernel is what a folder of groups does differently from any other: it is born with
// its files, and dies with them.
type kernel struct {
	mkdir, rmdir func(dir string) error
}

// Tree is where this process's groups are.
type Tree struct {
	kernel   kernel
	branches []*branch
	why      map[string]string // of each controller that is not there
}

// branch is the folder of the Tree's groups in one hierarchy.
type branch struct {
	version     int
	controllers []string // those that are used here
	dir         string
	lock        *os.File
	host        *host // version 2 alone; nil where this process did not have to move
}

var word = regexp.MustCompile(`^[A-Za-z0-9_-]{1,128}$`)

// Open finds where groups may be made, makes the tree's folder there, and ends and
// removes what a dead runtime of that name left. The error says why no controller can be
// had at all, in words for the operator. The caller owns the Tree and calls Close.
func Open(cfg Config) (*Tree, error) {
	if !word.MatchString(cfg.Name) {
		return nil, fmt.Errorf("name of groups %q: letters, digits, - and _, at most 128", cfg.Name)
	}
	if cfg.Proc == "" {
		cfg.Proc = "/proc/self"
	}
	if cfg.kernel.mkdir == nil {
		cfg.kernel = kernel{
			mkdir: func(dir string) error { return os.Mkdir(dir, 0o755) },
			rmdir: unix.Rmdir,
		}
	}
	found, err := places(cfg.Proc)
	if err != nil {
		return nil, err
	}
	t := &Tree{kernel: cfg.kernel, why: map[string]string{}}
	t.openV1(cfg, found)
	t.openV2(cfg, found)
	if len(t.branches) == 0 {
		return nil, errors.New(t.reason())
	}
	return t, nil
}

// openV1 takes what version 1 has.
func (t *Tree) openV1(cfg Config, found []place) {
	for _, p := range found {
		used := wanted(p.controllers, cfg.Without)
		if p.version != 1 || len(used) == 0 {
			continue
		}
		b := &branch{version: 1, controllers: used, dir: filepath.Join(p.dir, prefix+cfg.Name)}
		if err := t.grow(b); err != nil {
			t.lack(used, explain(1, err))
			continue
		}
		if slices.Contains(p.controllers, accounting) {
			b.controllers = append(b.controllers, accounting)
		}
		t.branches = append(t.branches, b)
	}
	// Time is counted apart where CPU is limited without it; a lack of it is no lack.
	if t.branchOf(CPU) == nil || t.branchOf(accounting) != nil {
		return
	}
	for _, p := range found {
		if p.version == 1 && slices.Contains(p.controllers, accounting) {
			b := &branch{version: 1, controllers: []string{accounting}, dir: filepath.Join(p.dir, prefix+cfg.Name)}
			if t.grow(b) == nil {
				t.branches = append(t.branches, b)
			}
		}
	}
}

// openV2 takes of version 2 what version 1 does not have.
func (t *Tree) openV2(cfg Config, found []place) {
	var rest []string
	for _, c := range Controllers {
		switch {
		case slices.Contains(cfg.Without, c):
			t.why[c] = "taken not to be there"
		case t.branchOf(c) == nil && t.why[c] == "":
			rest = append(rest, c)
		}
	}
	if len(rest) == 0 {
		return
	}
	i := slices.IndexFunc(found, func(p place) bool { return p.version == 2 })
	if i < 0 {
		t.lack(rest, "no cgroup file system shows this process's group: mount cgroup2 at /sys/fs/cgroup, in a container give it its own cgroup namespace")
		return
	}
	b := &branch{version: 2}
	h, got, err := settle(t.kernel, found[i].dir, rest)
	if err == nil {
		b.host, b.controllers, b.dir = h, got, filepath.Join(h.base, prefix+cfg.Name)
		if err = t.grow(b); err == nil {
			err = enable(b.dir, got)
		}
		if err != nil {
			t.fell(b)
			_ = h.back(t.kernel)
		}
	}
	if err != nil {
		t.lack(rest, explain(2, err))
		return
	}
	t.branches = append(t.branches, b)
	for _, c := range rest {
		if !slices.Contains(got, c) {
			t.why[c] = "the controller " + c + " is not delegated to " + h.base + ": systemd: Delegate=" + strings.Join(Controllers, " ")
		}
	}
}

func wanted(controllers, without []string) []string {
	var used []string
	for _, c := range Controllers {
		if slices.Contains(controllers, c) && !slices.Contains(without, c) {
			used = append(used, c)
		}
	}
	return used
}

// Controllers are those that limit here.
func (t *Tree) Controllers() []string {
	var have []string
	for _, c := range Controllers {
		if t.branchOf(c) != nil {
			have = append(have, c)
		}
	}
	return have
}

// Version is that of the hierarchy by which a controller limits: 1 or 2; 0 where there
// is none.
func (t *Tree) Version(controller string) int {
	if b := t.branchOf(controller); b != nil {
		return b.version
	}
	return 0
}

// Why says why a controller is not there and what the operator can do; empty where it is.
func (t *Tree) Why(controller string) string { return t.why[controller] }

// Close removes the tree's folders and moves this process back to where it was. Groups
// that are still there are ended and removed.
func (t *Tree) Close() error {
	var errs []error
	for _, b := range slices.Backward(t.branches) {
		errs = append(errs, t.sweep(b), t.fell(b))
		if b.host != nil {
			errs = append(errs, b.host.back(t.kernel))
		}
	}
	t.branches = nil
	return errors.Join(errs...)
}

// fell removes a branch's folder, if this process has its lock.
func (t *Tree) fell(b *branch) error {
	if b.lock == nil {
		return nil
	}
	defer b.lock.Close()
	if err := t.kernel.rmdir(b.dir); err != nil {
		return fmt.Errorf("remove group %s: %w", b.dir, err)
	}
	return nil
}

func (t *Tree) branchOf(controller string) *branch {
	for _, b := range t.branches {
		if slices.Contains(b.controllers, controller) {
			return b
		}
	}
	return nil
}

func (t *Tree) lack(controllers []string, why string) {
	for _, c := range controllers {
		if slices.Contains(Controllers, c) {
			t.why[c] = why
		}
	}
}

// reason is why there is no controller: each reason once.
func (t *Tree) reason() string {
	var reasons []string
	for _, c := range Controllers {
		if why := t.why[c]; why != "" && !slices.Contains(reasons, why) {
			reasons = append(reasons, why)
		}
	}
	return strings.Join(reasons, "; ")
}

// explain says what an operator can do for groups that could not be made.
func explain(version int, err error) string {
	switch {
	case errors.Is(err, errTaken), errors.Is(err, errCrowded):
		return err.Error()
	case errors.Is(err, os.ErrPermission) && version == 2:
		return "the own cgroup is not delegated: run segue as root, or as a service with Delegate=yes"
	case errors.Is(err, os.ErrPermission):
		return "not root: cgroups of version 1 are root's; run segue as root, or boot with systemd.unified_cgroup_hierarchy=1 and delegate a cgroup (systemd: Delegate=yes)"
	case errors.Is(err, unix.EROFS):
		return "the cgroup file system is mounted read-only, as in a container: mount it writable"
	default:
		return err.Error()
	}
}
