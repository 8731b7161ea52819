package instance

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/segue-run/segue/runtime/launch"
	"github.com/segue-run/segue/runtime/module"
	"github.com/segue-run/segue/runtime/sandbox"
)

// ErrClosed is the answer of a Starter that was closed.
var ErrClosed = errors.New("the starter is closed")

// Config says where instances live and how long things may take.
type Config struct {
	// RunDir is the directory in which each instance gets one of its own. It is
	// made if it is missing, and may lie at a path of any length.
	RunDir string
	// Logger gets what instances do and what modules write; nil discards it.
	Logger *zap.Logger
	// Machine makes the sandbox of each process. It stays the caller's, and is open for
	// longer than the Starter. Nil is none: then only resource limits hold a module in,
	// which is for tests of other things.
	Machine *sandbox.Machine
	// Require is the level that a sandbox must reach at least; empty is any.
	Require module.Level
	// StartTimeout bounds Start as a whole; default 10 s.
	StartTimeout time.Duration
	// CallTimeout bounds one control call; default 2 s. (A probe has the manifest's
	// own timeout, and Start what is left of the start timeout.)
	CallTimeout time.Duration
	// StopGrace is what a module may take to finish its requests and exit before it
	// is killed, where Stop names none; default 5 s.
	StopGrace time.Duration
}

// Starter starts instances. It is safe for concurrent use.
type Starter struct {
	cfg     Config
	log     *zap.Logger
	spawner *launch.Spawner
	kills   *kernelKills

	mu      sync.Mutex
	closed  bool
	running map[*Instance]struct{}
}

// New makes a Starter. The caller owns it and calls Close.
func New(cfg Config) (*Starter, error) {
	if cfg.RunDir == "" {
		return nil, errors.New("instance: no run directory")
	}
	dir, err := filepath.Abs(cfg.RunDir)
	if err != nil {
		return nil, fmt.Errorf("run directory %s: %w", cfg.RunDir, err)
	}
	cfg.RunDir = dir
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make run directory: %w", err)
	}
	if cfg.Logger == nil {
		cfg.Logger = zap.NewNop()
	}
	def := func(d *time.Duration, v time.Duration) {
		if *d <= 0 {
			*d = v
		}
	}
	def(&cfg.StartTimeout, 10*time.Second)
	def(&cfg.CallTimeout, 2*time.Second)
	def(&cfg.StopGrace, 5*time.Second)
	return &Starter{
		cfg:     cfg,
		log:     cfg.Logger.Named("instance"),
		spawner: launch.NewSpawner(),
		kills:   &kernelKills{path: "/proc/vmstat"},
		running: make(map[*Instance]struct{}),
	}, nil
}

// Close kills what still runs, waits until all of it is released, and ends the
// spawner. A Start under way fails. It blocks for about a second at most, unless
// the kernel cannot end a process. Stop instances first: Close gives no grace.
func (s *Starter) Close() {
	s.mu.Lock()
	s.closed = true
	left := make([]*Instance, 0, len(s.running))
	for i := range s.running {
		left = append(left, i)
	}
	s.mu.Unlock()
	for _, i := range left {
		i.abandon()
	}
	for _, i := range left {
		i.awaitRelease(reapPatience)
	}
	s.spawner.Close()
}

// adopt counts i among what runs. One that has ended, and whose directory is still being
// removed, does not keep its id.
func (s *Starter) adopt(i *Instance) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return ErrClosed
	}
	for other := range s.running {
		select {
		case <-other.done:
			continue
		default:
		}
		if other.id == i.id {
			return &module.Error{Kind: module.Conflict, Field: "instance", Value: i.id, Msg: "an instance with this id runs"}
		}
	}
	s.running[i] = struct{}{}
	return nil
}

func (s *Starter) forget(i *Instance) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.running, i)
}

// withCallTimeout bounds one control call.
func (s *Starter) withCallTimeout(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, s.cfg.CallTimeout)
}
