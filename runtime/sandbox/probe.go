package sandbox

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/segue-run/segue/runtime/launch"
	"github.com/segue-run/segue/runtime/module"
	"github.com/segue-run/segue/runtime/sandbox/cgroup"
	"github.com/segue-run/segue/runtime/sandbox/landlock"
	"github.com/segue-run/segue/runtime/sandbox/seccomp"
)

// probeTime bounds one look at the machine.
const probeTime = 30 * time.Second

// probeExecFD is the executable's number while filters are tried.
const probeExecFD = 512

// prober tries one layer after the other.
type prober struct {
	m   *Machine
	try func(launch.Confinement) error
	// groupless says why there are no cgroups.
	groupless error
}

// probe finds all layers.
func (m *Machine) probe(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, probeTime)
	defer cancel()
	spawner := launch.NewSpawner()
	defer spawner.Close()
	p := &prober{m: m, try: func(c launch.Confinement) error { return launch.Try(ctx, spawner, c) }}
	// While this process has no child: it may have to be alone in its cgroup.
	m.tree, p.groupless = cgroup.Open(cgroup.Config{Name: m.cfg.groups(), Without: m.controllersWithout()})
	if err := p.try(launch.Confinement{}); err != nil {
		return fmt.Errorf("start a process by the launcher: %w", err)
	}
	found := findings{}
	found.on(module.LayerRlimits, module.LayerNoNewPrivs, module.LayerEnvironment, module.LayerDescriptors, module.LayerSession, module.LayerParentDeath)
	looks := []func() findings{p.landlock, p.filters, p.namespaces, p.ownUser, p.cgroups}
	each := make([]findings, len(looks))
	var wg sync.WaitGroup
	for i, look := range looks {
		wg.Go(func() { each[i] = look() })
	}
	wg.Wait()
	for _, some := range each {
		maps.Copy(found, some)
	}
	if os.Geteuid() == 0 && !found[module.LayerOwnUser].used {
		found.partly(module.LayerRlimits, "the kernel limits the number of root's processes and threads by cgroups alone",
			"a module takes no more memory and open files than its quotas, and writes no bigger file; threads it can have as many as it wants", true)
		if found[module.LayerPIDs].used {
			found.on(module.LayerRlimits)
		}
	}
	p.audit(found)
	m.layers = found.inOrder()
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("look at the machine: %w", err)
	}
	return p.together()
}

// audit finds whether what Landlock denies can be read by this process.
func (p *prober) audit(found findings) {
	switch {
	case p.without(found, module.LayerAudit):
	case p.m.abi == 0:
		found.off(module.LayerAudit, "it needs Landlock")
	case p.m.abi < 7:
		found.off(module.LayerAudit, "it needs version 7 of Landlock: Linux 6.15")
	case os.Geteuid() != 0:
		found.off(module.LayerAudit, "not root: the kernel shows its audit records to root alone; run segue as root")
	default:
		if err := landlock.AuditReadable(); err != nil {
			found.off(module.LayerAudit, err.Error())
			return
		}
		found.on(module.LayerAudit)
	}
}

// without reports whether the operator takes a layer not to be there, and says so.
func (p *prober) without(found findings, name string) bool {
	if slices.Contains(p.m.cfg.Without, name) {
		found.off(name, "taken not to be there: sandbox.without")
		return true
	}
	return false
}

func (p *prober) landlock() findings {
	found := findings{}
	if p.without(found, module.LayerLandlock) {
		return found
	}
	abi := landlock.ABI()
	if abi == 0 {
		found.off(module.LayerLandlock, "this kernel has no Landlock, or it is off: Linux 5.13 with CONFIG_SECURITY_LANDLOCK, and landlock in the kernel's parameter lsm=")
		return found
	}
	if p.m.cfg.LandlockABI > 0 {
		abi = min(abi, p.m.cfg.LandlockABI)
	}
	ruleset, flags, _, err := landlock.New(landlock.Rules{ABI: abi, Devices: baseDevices})
	if err == nil {
		err = p.try(launch.Confinement{Ruleset: ruleset, RulesetFlags: flags})
		ruleset.Close()
	}
	if err != nil {
		found.off(module.LayerLandlock, err.Error())
		return found
	}
	p.m.abi = abi
	if lacks := landlock.Lacks(abi); len(lacks) > 0 {
		found.partly(module.LayerLandlock, fmt.Sprintf("version %d does not know of %s; Linux 6.15 does", abi, strings.Join(lacks, ", ")),
			"a module reaches no file that it was not granted; what Landlock does not know of, seccomp denies where it is on, but for signals of a module that may start programs", true)
		return found
	}
	found.on(module.LayerLandlock)
	return found
}

func (p *prober) filters() findings {
	found := findings{}
	filter, notify := seccomp.Available()
	if p.without(found, module.LayerSeccomp) || !filter {
		if !filter {
			found.off(module.LayerSeccomp, "this kernel has no seccomp filters: it needs Linux 4.14 with CONFIG_SECCOMP_FILTER")
		}
		found.off(module.LayerNotify, "it needs seccomp")
		return found
	}
	if err := p.filter(seccomp.Policy{ExecFD: probeExecFD}); err != nil {
		found.off(module.LayerSeccomp, err.Error())
		found.off(module.LayerNotify, "it needs seccomp")
		return found
	}
	found.on(module.LayerSeccomp)
	if p.without(found, module.LayerNotify) {
		return found
	}
	if !notify {
		found.off(module.LayerNotify, "this kernel does not notify of system calls: it needs Linux 5.5")
	} else if err := p.filter(seccomp.Policy{Network: true, Notify: true, ExecFD: probeExecFD}); err != nil {
		found.off(module.LayerNotify, err.Error())
	} else {
		found.on(module.LayerNotify)
	}
	return found
}

func (p *prober) filter(policy seccomp.Policy) error {
	program, err := seccomp.Program(policy)
	if err != nil {
		return err
	}
	return p.try(launch.Confinement{Filter: program, Notify: policy.Notify, ExecFD: policy.ExecFD})
}

// spaces are the namespaces beside that of users.
var spaces = []struct {
	layer string
	ask   launch.Namespaces
}{
	{module.LayerPIDNS, launch.Namespaces{PID: true}},
	{module.LayerIPCNS, launch.Namespaces{IPC: true}},
	{module.LayerNetworkNS, launch.Namespaces{Network: true}},
}

func (p *prober) namespaces() findings {
	found := findings{}
	user := !p.without(found, module.LayerUserNS)
	if user {
		if err := p.try(launch.Confinement{Namespaces: launch.Namespaces{User: true}}); err != nil {
			user = false
			found.off(module.LayerUserNS, userNamespaceHint(err))
		} else {
			found.on(module.LayerUserNS)
		}
	}
	var wg sync.WaitGroup
	errs := make([]error, len(spaces))
	for i, space := range spaces {
		if p.without(found, space.layer) {
			continue
		}
		space.ask.User = user
		wg.Go(func() { errs[i] = p.try(launch.Confinement{Namespaces: space.ask}) })
	}
	wg.Wait()
	for i, space := range spaces {
		switch _, left := found[space.layer]; {
		case left:
		case errs[i] == nil:
			found.on(space.layer)
		case !user && os.Geteuid() != 0:
			found.off(space.layer, "who is not root has it in a user namespace only")
		default:
			found.off(space.layer, errs[i].Error())
		}
	}
	return found
}

// userNamespaceHint says which of the known switches is off.
func userNamespaceHint(err error) string {
	for _, s := range []struct{ file, closed, remedy string }{
		{"user/max_user_namespaces", "0", "sysctl user.max_user_namespaces=10000"},
		{"kernel/unprivileged_userns_clone", "0", "sysctl kernel.unprivileged_userns_clone=1"},
		{"kernel/apparmor_restrict_unprivileged_userns", "1", "sysctl kernel.apparmor_restrict_unprivileged_userns=0, or an AppArmor profile for segue that says userns"},
	} {
		raw, readErr := os.ReadFile("/proc/sys/" + s.file)
		if readErr == nil && strings.TrimSpace(string(raw)) == s.closed {
			return "user namespaces are off: " + s.remedy
		}
	}
	return err.Error() + "; in a container its seccomp profile may forbid user namespaces"
}

func (p *prober) ownUser() findings {
	found := findings{}
	cfg := p.m.cfg
	if p.without(found, module.LayerOwnUser) {
		return found
	}
	if os.Geteuid() != 0 {
		found.off(module.LayerOwnUser, "not root: run segue as root")
		return found
	}
	if err := p.try(launch.Confinement{User: &launch.User{UID: cfg.FirstUID, GID: cfg.FirstUID}}); err != nil {
		why := err.Error()
		if errors.Is(err, os.ErrPermission) {
			why += "; everybody must be allowed to execute segue: chmod o+x its file"
		}
		found.off(module.LayerOwnUser, why)
		return found
	}
	if err := p.openDataDir(); err != nil {
		found.off(module.LayerOwnUser, err.Error())
		return found
	}
	if cfg.DataDir != "" {
		p.m.users = &users{dir: cfg.DataDir, first: cfg.FirstUID, last: cfg.LastUID}
	}
	found.on(module.LayerOwnUser)
	return found
}

// openDataDir makes the data folder and lets modules get to theirs.
func (p *prober) openDataDir() error {
	dir := p.m.cfg.DataDir
	if dir == "" {
		return nil
	}
	state := filepath.Dir(dir)
	above := filepath.Dir(state)
	if !p.m.cfg.Look {
		if err := os.MkdirAll(dir, 0o711); err != nil {
			return fmt.Errorf("make the data folder: %w", err)
		}
		if err := errors.Join(letThrough(state), letThrough(dir)); err != nil {
			return fmt.Errorf("let modules through to their data folders: %w", err)
		}
	}
	closed, err := passable(above)
	if err != nil && !(p.m.cfg.Look && errors.Is(err, os.ErrNotExist)) {
		return fmt.Errorf("see whether modules can get to their data folders: %w", err)
	}
	if closed != "" {
		return fmt.Errorf("modules cannot get to their data folders through %s: chmod o+x %s, or keep the state elsewhere (--state)", closed, closed)
	}
	return nil
}

// controllersWithout are those that are taken not to be there.
func (m *Machine) controllersWithout() []string {
	var without []string
	for controller, name := range cgroupLayers {
		if slices.Contains(m.cfg.Without, name) {
			without = append(without, controller)
		}
	}
	return without
}

func (p *prober) cgroups() findings {
	found := findings{}
	err := p.groupless
	if err == nil {
		if err = p.join(p.m.tree); err != nil {
			err = errors.Join(err, p.m.Close())
		}
	}
	for controller, name := range cgroupLayers {
		switch {
		case p.without(found, name):
		case err != nil:
			found.off(name, err.Error())
		case p.m.tree.Version(controller) == 0:
			found.off(name, p.m.tree.Why(controller))
		default:
			found.on(name)
		}
	}
	return found
}

// cgroupLayers are the layers of the controllers.
var cgroupLayers = map[string]string{cgroup.Memory: module.LayerMemory, cgroup.CPU: module.LayerCPU, cgroup.PIDs: module.LayerPIDs}

// join tries whether a process can be put into a group.
func (p *prober) join(tree *cgroup.Tree) error {
	group, err := tree.Make("probe", cgroup.Limits{Memory: 1 << 30, CPUQuota: 1000, PIDs: 256})
	if err != nil {
		return err
	}
	procs, err := group.Procs()
	if err == nil {
		err = p.try(launch.Confinement{Cgroups: procs})
		for _, f := range procs {
			f.Close()
		}
	}
	return errors.Join(err, group.Remove())
}

// together tries all that was found at once: layers that each work can be in each
// other's way, and then no module would start.
func (p *prober) together() error {
	m := p.m
	c := launch.Confinement{Namespaces: m.namespaces()}
	if m.has(module.LayerOwnUser) {
		c.User = &launch.User{UID: m.cfg.FirstUID, GID: m.cfg.FirstUID}
	}
	if _, err := m.restrict(&c, nil); err != nil {
		return err
	}
	if c.Ruleset != nil {
		defer c.Ruleset.Close()
	}
	if m.has(module.LayerSeccomp) {
		policy := m.policy(nil, probeExecFD)
		program, err := m.program(policy)
		if err != nil {
			return err
		}
		c.Filter, c.Notify, c.ExecFD = program, policy.Notify, policy.ExecFD
	}
	if err := p.try(c); err != nil {
		return &module.Error{
			Kind: module.Unavailable, Field: "sandbox", Err: err, Msg: "its layers work each, but not together",
			Hint: "name one of them in sandbox.without",
		}
	}
	return nil
}

func (m *Machine) namespaces() launch.Namespaces {
	return launch.Namespaces{User: m.has(module.LayerUserNS), PID: m.has(module.LayerPIDNS), IPC: m.has(module.LayerIPCNS), Network: m.has(module.LayerNetworkNS)}
}
