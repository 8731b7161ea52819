package sandbox

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/segue-run/segue/runtime/launch"
	"github.com/segue-run/segue/runtime/module"
	"github.com/segue-run/segue/runtime/sandbox/cgroup"
	"github.com/segue-run/segue/runtime/sandbox/seccomp"
	"github.com/segue-run/segue/sdk/manifest"
)

// Request is what one process is to be allowed.
type Request struct {
	Module, Instance string
	// Permissions are those that were asked for and granted.
	Permissions manifest.Permissions
	// Quotas are complete: no field is zero but CPU, CPUTime and Storage, where that is
	// no limit.
	Quotas manifest.Quotas
	// Binary is the executable; Dynamic says that it needs an interpreter and libraries.
	Binary  *os.File
	Dynamic bool
	// Data and Temp are the absolute paths of its own folders, which exist; empty where
	// it has none. Data is Config.DataDir's folder of the module's name. Control is the
	// folder of its control socket. Prepare gives them to the process's user, and lets
	// everybody pass through the folders between Temp and the state directory.
	Data, Temp string
	Control    *os.File
	// LinkFD is the descriptor's number of the link to the host in the process; 0: none,
	// and then nothing is notified.
	LinkFD int
}

// Cell is the sandbox of one process. Its owner calls Close when the process is gone. It
// is safe for concurrent use.
type Cell struct {
	confine launch.Confinement
	limits  launch.Limits
	env     []string
	layers  []layer
	useless []string
	counts  Counted
	group   *cgroup.Group // nil where there are no cgroups

	mu     sync.Mutex
	closed bool
	hits   Hits // those at Close
}

// Counted are quotas that a cgroup enforces.
type Counted struct{ Memory, CPU, Processes bool }

// Hits are counts of a cgroup; zero where there is none.
type Hits struct{ Memory, Processes uint64 }

// Prepare makes the sandbox of one process. A grant that would open the host to it is
// refused by a module.Error that names the field. It leaves nothing behind where it
// fails.
func (m *Machine) Prepare(req Request) (_ *Cell, err error) {
	if req.Binary == nil {
		return nil, module.Errorf(module.Internal, "prepare %s: no executable", req.Instance)
	}
	c := &Cell{layers: slices.Clone(m.layers)}
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("prepare the sandbox of %s: %w", req.Instance, err), c.Close())
		}
	}()
	if err := m.own(c, &req); err != nil {
		return nil, err
	}
	if c.useless, err = m.restrict(&c.confine, &req); err != nil {
		return nil, err
	}
	c.confine.Namespaces = m.namespaces()
	c.limits = m.limits(c, req.Quotas)
	if err := m.filter(c, &req); err != nil {
		return nil, err
	}
	if err := m.count(c, &req); err != nil {
		return nil, err
	}
	c.env = environment(&req)
	return c, nil
}

// own gives the process its user, and him its folders.
func (m *Machine) own(c *Cell, req *Request) error {
	if own := filepath.Join(m.cfg.DataDir, req.Module); req.Data != "" && filepath.Clean(req.Data) != own {
		return module.Errorf(module.Internal, "the data folder of %s is %s, not %s", req.Module, own, req.Data)
	}
	info, err := req.Binary.Stat()
	if err != nil {
		return fmt.Errorf("look at the executable: %w", err)
	}
	closed := info.Mode().Perm()&0o001 == 0
	if m.users == nil || closed {
		if m.users != nil {
			c.weaken(module.LayerOwnUser, module.LayerOff, "not everybody may execute its stored executable", false)
		}
		// Root without capabilities is let into his own folders alone.
		if os.Geteuid() != 0 || req.Data == "" {
			return nil
		}
		return handOver(req.Data, 0)
	}
	uid, err := m.users.of(req.Module)
	if err != nil {
		return err
	}
	if req.Temp != "" {
		if err := m.reach(req.Temp, uid); err != nil {
			return err
		}
	}
	if req.Control != nil {
		if err := give(req.Control, uid); err != nil {
			return err
		}
	}
	c.confine.User = &launch.User{UID: uid, GID: uid}
	return nil
}

// reach gives a user a folder in the state directory, and the way to it.
func (m *Machine) reach(folder string, uid uint32) error {
	f, err := os.OpenFile(folder, unix.O_PATH|unix.O_DIRECTORY|unix.O_NOFOLLOW, 0)
	if err != nil {
		return fmt.Errorf("open the temporary folder: %w", err)
	}
	defer f.Close()
	state := filepath.Dir(m.cfg.DataDir)
	for dir := filepath.Dir(filepath.Clean(folder)); dir != state && manifest.IsIn(dir, state); dir = filepath.Dir(dir) {
		if err := letThrough(dir); err != nil {
			return fmt.Errorf("let the module through to its temporary folder: %w", err)
		}
	}
	return give(f, uid)
}

// policy is that of the filter of system calls.
func (m *Machine) policy(req *Request, execFD int) seccomp.Policy {
	p := seccomp.Policy{ExecFD: execFD, PID: launch.SelfPID, NoTruncate: m.abi < 3}
	if req == nil {
		p.Notify = m.has(module.LayerNotify)
		return p
	}
	p.Notify = m.has(module.LayerNotify) && req.LinkFD != 0
	p.Network = p.Notify && len(req.Permissions.Connect)+len(req.Permissions.Listen) > 0
	p.Spawn = len(req.Permissions.Exec) > 0
	return p
}

// program is the filter of a policy. There are few policies, and a program takes longer
// to make than all else that Prepare does; each is made once.
func (m *Machine) program(p seccomp.Policy) ([]byte, error) {
	if made, ok := m.programs.Load(p); ok {
		return made.([]byte), nil
	}
	made, err := seccomp.Program(p)
	if err != nil {
		return nil, fmt.Errorf("filter system calls: %w", err)
	}
	m.programs.Store(p, made)
	return made, nil
}

// filter gives the process its filter of system calls.
func (m *Machine) filter(c *Cell, req *Request) error {
	c.confine.ExecFD = int(c.limits.NoFile)
	if !m.has(module.LayerSeccomp) {
		return nil
	}
	p := m.policy(req, c.confine.ExecFD)
	program, err := m.program(p)
	if err != nil {
		return err
	}
	c.confine.Filter = program
	c.confine.Notify, c.confine.NotifyFD = p.Notify, req.LinkFD
	if p.Spawn {
		c.weaken(module.LayerSeccomp, module.LayerPartly, "it may start the programs that it was granted", true)
	}
	if m.has(module.LayerNotify) && !p.Notify {
		c.weaken(module.LayerNotify, module.LayerOff, "the process has no link to the runtime", false)
	}
	return nil
}

// count puts the process into a cgroup, or bounds its processors where there is none.
func (m *Machine) count(c *Cell, req *Request) error {
	q := req.Quotas
	c.counts = Counted{
		Memory:    m.has(module.LayerMemory) && q.Memory > 0,
		CPU:       m.has(module.LayerCPU) && q.CPU > 0,
		Processes: m.has(module.LayerPIDs) && q.Processes > 0,
	}
	if q.CPU > 0 && !c.counts.CPU {
		c.confine.Processors = m.processors(int(q.CPU))
	}
	if m.tree == nil {
		return nil
	}
	group, err := m.tree.Make(req.Instance, cgroup.Limits{Memory: uint64(q.Memory), CPUQuota: int(q.CPU), PIDs: q.Processes})
	if err != nil {
		return err
	}
	c.group = group
	c.confine.Cgroups, err = group.Procs()
	return err
}

// weaken says that this process has less of a layer than the machine.
func (c *Cell) weaken(name string, state module.LayerState, why string, holds bool) {
	i := slices.IndexFunc(c.layers, func(l layer) bool { return l.Name == name })
	l := &c.layers[i]
	l.State, l.Why, l.Means = state, why, meaning(name).off
	if state == module.LayerPartly {
		l.Means = meaning(name).on + ", but for what was granted"
	}
	l.used, l.holds = state != module.LayerOff, l.holds && holds
}

// Confinement is what the launcher puts on. Its files are the cell's.
func (c *Cell) Confinement() launch.Confinement { return c.confine }

// Limits are the resource limits; none is above what this process may give.
func (c *Cell) Limits() launch.Limits { return c.limits }

// Env is what the module must know of it: GOMEMLIMIT, GOMAXPROCS, HOME, TMPDIR and the
// data folder.
func (c *Cell) Env() []string { return c.env }

// Level says how well the process is held in.
func (c *Cell) Level() module.Level { return levelOf(c.layers) }

// Layers are those of the machine, as this process has them.
func (c *Cell) Layers() []module.Layer { return told(c.layers) }

// Useless are the granted permissions that come to nothing for this process, each with
// why: "write /srv/out: user 700001 may not write there (root, mode 0755)".
func (c *Cell) Useless() []string { return c.useless }

// User is the id of the user of its own that the process has; 0 where it runs as the
// runtime's.
func (c *Cell) User() uint32 {
	if c.confine.User == nil {
		return 0
	}
	return c.confine.User.UID
}

// Counts says which quotas a cgroup counts; those are not watched from outside.
func (c *Cell) Counts() Counted { return c.counts }

// Hits is how often the kernel held the process to a quota: killed in it for lack of
// memory, refused a process. After Close it is what it was then.
func (c *Cell) Hits() Hits {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.closed && c.group != nil {
		e := c.group.Events()
		c.hits = Hits{Memory: e.OOMKills, Processes: e.PIDsMax}
	}
	return c.hits
}

// Usage is what all its processes take together, by its cgroup; ok says that it is known.
func (c *Cell) Usage() (usage module.Usage, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed || c.group == nil {
		return module.Usage{}, false
	}
	u, ok := c.group.Usage()
	return module.Usage{Memory: u.Memory, Peak: u.Peak, CPU: u.CPU}, ok
}

// Kill ends every process in it, where a cgroup knows them; it does not wait. A pid
// namespace's end with the first of them, whom the cell does not know.
func (c *Cell) Kill() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.closed && c.group != nil {
		c.group.Kill()
	}
}

// Close gives up what Prepare made, and ends what is still in it. It blocks until the
// cgroups are empty, or a moment. Closing twice does nothing.
func (c *Cell) Close() error {
	hits := c.Hits()
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return nil
	}
	c.closed, c.hits = true, hits
	if c.confine.Ruleset != nil {
		_ = c.confine.Ruleset.Close()
	}
	for _, f := range c.confine.Cgroups {
		_ = f.Close()
	}
	if c.group == nil {
		return nil
	}
	c.group.Kill()
	return c.group.Remove()
}
