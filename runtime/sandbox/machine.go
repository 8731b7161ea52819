package sandbox

import (
	"context"
	"errors"

	"go.uber.org/zap"

	"github.com/segue-run/segue/runtime/module"
)

// Config says how the machine is looked at.
type Config struct {
	// Name tells this runtime's cgroups from another's: a short word.
	Name string
	// UIDs are the user ids, First to Last, that root may give to modules; zero means
	// 700000 to 765535.
	FirstUID, LastUID uint32
	// DataDir is where the modules' data folders are, one each by the module's name: who
	// owns one says which user id its module has.
	DataDir string
	// Without are layers, by their names, that are taken not to be there; for tests, and
	// for operators who must. LandlockABI bounds the version of Landlock; 0 does not.
	Without     []string
	LandlockABI int
	Logger      *zap.Logger
}

// Machine is what this kernel gives this user. It is safe for concurrent use.
type Machine struct{}

// Probe finds out by trying. It blocks for some tens of milliseconds and leaves nothing
// behind but, where it may use them, a cgroup that Close removes.
func Probe(ctx context.Context, cfg Config) (*Machine, error) { return nil, errors.ErrUnsupported }

// Layers are all layers, the outermost first, and how much of each there is.
func (m *Machine) Layers() []module.Layer { return nil }

// Level is what a module that asks for nothing would run at.
func (m *Machine) Level() module.Level { return module.LevelNone }

// Close gives up what Probe made. Close the cells first.
func (m *Machine) Close() error { return nil }
