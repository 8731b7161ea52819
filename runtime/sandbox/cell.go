package sandbox

import (
	"errors"
	"os"

	"github.com/segue-run/segue/runtime/launch"
	"github.com/segue-run/segue/runtime/module"
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
	// it has none. Control is the folder of its control socket. Prepare gives them to the
	// process's user.
	Data, Temp string
	Control    *os.File
	// LinkFD is the descriptor's number of the link to the host in the process; 0: none,
	// and then nothing is notified.
	LinkFD int
}

// Cell is the sandbox of one process. Its owner calls Close when the process is gone.
type Cell struct{}

// Prepare makes the sandbox of one process.
func (m *Machine) Prepare(req Request) (*Cell, error) { return nil, errors.ErrUnsupported }

// Confinement is what the launcher puts on.
func (c *Cell) Confinement() launch.Confinement { return launch.Confinement{} }

// Limits are the resource limits; none is above what this process may give.
func (c *Cell) Limits() launch.Limits { return launch.Limits{} }

// Env is what the module must know of it: GOMEMLIMIT, GOMAXPROCS, TMPDIR and the data folder.
func (c *Cell) Env() []string { return nil }

// Level and Layers say what it holds in by.
func (c *Cell) Level() module.Level { return module.LevelNone }

// Layers are those of the machine, as this process has them.
func (c *Cell) Layers() []module.Layer { return nil }

// Counts says which quotas a cgroup counts; those are not watched from outside.
func (c *Cell) Counts() Counted { return Counted{} }

// Counted are quotas that a cgroup enforces.
type Counted struct{ Memory, CPU, Processes bool }

// Hits is how often the kernel held the process to a quota: killed in it for lack of
// memory, refused a process.
func (c *Cell) Hits() Hits { return Hits{} }

// Hits are counts of a cgroup; zero where there is none.
type Hits struct{ Memory, Processes uint64 }

// Usage is what all its processes take together, by its cgroup; ok says that it is known.
func (c *Cell) Usage() (usage module.Usage, ok bool) { return module.Usage{}, false }

// Kill ends every process in it, where a cgroup or a namespace knows them; it does not
// wait.
func (c *Cell) Kill() {}

// Close gives up what Prepare made. It blocks until the cgroups are empty, or a moment.
func (c *Cell) Close() error { return nil }
