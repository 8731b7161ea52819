package sandbox

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"

	"go.uber.org/zap"

	"github.com/segue-run/segue/runtime/module"
	"github.com/segue-run/segue/runtime/sandbox/cgroup"
)

// Config says how the machine is looked at.
type Config struct {
	// Name, with DataDir, tells this runtime's cgroups from another's: at most 64 letters,
	// digits, '-' and '_'; empty means "runtime".
	Name string
	// UIDs are the user ids, First to Last, that root may give to modules; zero means
	// module.DefaultFirstUID to DefaultLastUID.
	FirstUID, LastUID uint32
	// DataDir is where the modules' data folders are, one each by the module's name: who
	// owns one says which user id its module has. It lies in the state directory. Where
	// modules have user ids of their own, Probe makes it and lets everybody through it
	// and the state directory (mode 0711), so that modules can get to their own folders.
	// Empty means that there are no data folders, and no user ids but for a look.
	DataDir string
	// Protected are files and folders that no grant may open, whatever the operator
	// says: neither they nor what is in them nor a folder that they are in. The state
	// directory, /proc and what else would give a module the host always are.
	Protected []string
	// Without are layers, by their names, that are taken not to be there; for tests, and
	// for operators who must. LandlockABI bounds the version of Landlock; 0 does not.
	Without     []string
	LandlockABI int
	// Look makes Probe change no file: DataDir is looked at only. For who will not
	// start modules.
	Look   bool
	Logger *zap.Logger
}

// Machine is what this kernel gives this user. It is safe for concurrent use.
type Machine struct {
	cfg      Config
	log      *zap.Logger
	layers   []layer
	abi      int          // Landlock's version; 0 where it is not used
	tree     *cgroup.Tree // nil where there are no cgroups
	users    *users       // nil where modules run as the runtime's own user
	paths    paths
	programs sync.Map // seccomp.Policy to its program, which nobody changes
	turn     atomic.Uint64
}

func (cfg Config) complete() (Config, error) {
	cfg.Name = cmp.Or(cfg.Name, "runtime")
	if cfg.FirstUID == 0 && cfg.LastUID == 0 {
		cfg.FirstUID, cfg.LastUID = module.DefaultFirstUID, module.DefaultLastUID
	}
	if cfg.FirstUID < 1 || cfg.LastUID < cfg.FirstUID || cfg.LastUID == ^uint32(0) {
		return cfg, &module.Error{
			Kind: module.Invalid, Field: "sandbox.uids", Value: fmt.Sprintf("%d-%d", cfg.FirstUID, cfg.LastUID),
			Msg: "not a range of user ids", Hint: "name the first and the last, above 0, that no user of this machine has",
		}
	}
	for _, name := range cfg.Without {
		if !slices.Contains(module.AvoidableLayers, name) {
			return cfg, &module.Error{
				Kind: module.Invalid, Field: "sandbox.without", Value: name,
				Msg: "not a layer that can be left out", Hint: fmt.Sprintf("it is one of %v", module.AvoidableLayers),
			}
		}
	}
	if cfg.DataDir != "" {
		abs, err := filepath.Abs(cfg.DataDir)
		if err != nil {
			return cfg, fmt.Errorf("find the data folder: %w", err)
		}
		cfg.DataDir = abs
	}
	if cfg.Logger == nil {
		cfg.Logger = zap.NewNop()
	}
	return cfg, nil
}

// groups is the name of the cgroups: two state directories are two runtimes.
func (cfg Config) groups() string {
	if cfg.DataDir == "" {
		return cfg.Name
	}
	sum := sha256.Sum256([]byte(realPath(cfg.DataDir)))
	return cfg.Name + "-" + hex.EncodeToString(sum[:6])
}

// protected are what no grant may open beside what always is protected.
func (cfg Config) protected() []string {
	if cfg.DataDir == "" {
		return cfg.Protected
	}
	return append(slices.Clone(cfg.Protected), filepath.Dir(cfg.DataDir))
}

// Probe finds out by trying. It blocks for some tens of milliseconds and leaves nothing
// behind but, where it may use them, a cgroup that Close removes, and what Config.DataDir
// says. It fails only where no module could be started at all, or cfg makes no sense.
func Probe(ctx context.Context, cfg Config) (*Machine, error) {
	cfg, err := cfg.complete()
	if err != nil {
		return nil, err
	}
	m := &Machine{cfg: cfg, log: cfg.Logger.Named("sandbox")}
	m.paths.protected = protect(cfg.protected())
	if err := m.probe(ctx); err != nil {
		return nil, errors.Join(err, m.Close())
	}
	m.paths.asRoot = os.Geteuid() == 0 && m.users == nil
	return m, nil
}

// Layers are all layers, the outermost first, and how much of each there is.
func (m *Machine) Layers() []module.Layer { return told(m.layers) }

// Level is what a module that asks for nothing would run at.
func (m *Machine) Level() module.Level { return levelOf(m.layers) }

// Close gives up what Probe made. Close the cells first.
func (m *Machine) Close() error {
	if m.tree == nil {
		return nil
	}
	err := m.tree.Close()
	m.tree = nil
	return err
}

// has reports whether modules get a layer.
func (m *Machine) has(name string) bool {
	i := slices.IndexFunc(m.layers, func(l layer) bool { return l.Name == name })
	return i >= 0 && m.layers[i].used
}

// realPath resolves as much of path as exists.
func realPath(path string) string {
	rest := ""
	for dir := path; ; dir = filepath.Dir(dir) {
		if real, err := filepath.EvalSymlinks(dir); err == nil {
			return filepath.Join(real, rest)
		} else if !errors.Is(err, os.ErrNotExist) || dir == filepath.Dir(dir) {
			return path
		}
		rest = filepath.Join(filepath.Base(dir), rest)
	}
}
