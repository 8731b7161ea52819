package cgroup

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// hostLeaf is where this process lives while its own group has limited groups below it.
const hostLeaf = "host"

// host is this process's place in the tree of version 2.
type host struct {
	base  string   // the group below which others are made
	moved bool     // this process moved from base to its leaf
	added []string // controllers that base did not give its groups before
}

var errCrowded = errors.New("this process is not alone in its cgroup: run segue as a service of its own (systemd: Delegate=yes), to try it: systemd-run --scope -p Delegate=yes segue doctor")

// settle makes own, or the group above where this process is in its leaf already, give
// its groups as many of the controllers as it has, and says which those are.
func settle(k kernel, own string, want []string) (*host, []string, error) {
	h := &host{base: own}
	if filepath.Base(own) == hostLeaf && empty(filepath.Dir(own)) {
		h.base = filepath.Dir(own)
	}
	have, err := words(filepath.Join(h.base, "cgroup.controllers"))
	if err != nil {
		return nil, nil, err
	}
	got := slices.DeleteFunc(slices.Clone(want), func(c string) bool { return !slices.Contains(have, c) })
	if len(got) == 0 {
		return nil, nil, fmt.Errorf("%s has none of the controllers %s: delegate them (systemd: Delegate=yes)", h.base, strings.Join(want, ", "))
	}
	given, err := words(filepath.Join(h.base, "cgroup.subtree_control"))
	if err != nil {
		return nil, nil, err
	}
	h.added = slices.DeleteFunc(slices.Clone(got), func(c string) bool { return slices.Contains(given, c) })
	if len(h.added) == 0 && h.base != own {
		return h, got, nil
	}
	if h.base == own && !isRoot(own) {
		if err := h.move(k); err != nil {
			return nil, nil, err
		}
	}
	if err := enable(h.base, h.added); err != nil {
		_ = h.back(k)
		return nil, nil, err
	}
	return h, got, nil
}

// move takes this process into the leaf.
func (h *host) move(k kernel) error {
	procs, err := words(filepath.Join(h.base, "cgroup.procs"))
	if err != nil {
		return err
	}
	self := strconv.Itoa(os.Getpid())
	if len(procs) != 1 || procs[0] != self {
		return errCrowded
	}
	leaf := filepath.Join(h.base, hostLeaf)
	if err := k.mkdir(leaf); err != nil && !errors.Is(err, os.ErrExist) {
		return err
	}
	if err := write(filepath.Join(leaf, "cgroup.procs"), self); err != nil {
		_ = k.rmdir(leaf)
		return err
	}
	h.moved = true
	return nil
}

// back undoes settle.
func (h *host) back(k kernel) error {
	for _, c := range h.added {
		if err := write(filepath.Join(h.base, "cgroup.subtree_control"), "-"+c); err != nil {
			return fmt.Errorf("give up controller %s: %w", c, err)
		}
	}
	if !h.moved {
		return nil
	}
	if err := write(filepath.Join(h.base, "cgroup.procs"), strconv.Itoa(os.Getpid())); err != nil {
		return fmt.Errorf("move back to %s: %w", h.base, err)
	}
	h.moved = false
	return k.rmdir(filepath.Join(h.base, hostLeaf))
}

// enable gives controllers to the groups below dir.
func enable(dir string, controllers []string) error {
	if len(controllers) == 0 {
		return nil
	}
	if err := write(filepath.Join(dir, "cgroup.subtree_control"), "+"+strings.Join(controllers, " +")); err != nil {
		return fmt.Errorf("enable %s below %s: %w", strings.Join(controllers, ", "), dir, err)
	}
	return nil
}

// isRoot reports whether dir is the root of all groups, which may have both.
func isRoot(dir string) bool {
	_, err := os.Stat(filepath.Join(dir, "cgroup.type"))
	return errors.Is(err, os.ErrNotExist)
}

// empty reports whether no process is in the group itself.
func empty(dir string) bool {
	procs, err := words(filepath.Join(dir, "cgroup.procs"))
	return err == nil && len(procs) == 0
}

func words(file string) ([]string, error) {
	raw, err := os.ReadFile(file)
	return strings.Fields(string(raw)), err
}

// write says one thing to the kernel. The file must be there.
func write(file, text string) error {
	f, err := os.OpenFile(file, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	return errors.Join(err, f.Close())
}
