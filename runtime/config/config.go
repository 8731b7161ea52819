package config

import (
	"time"

	"github.com/segue-run/segue/runtime/policy"
	"github.com/segue-run/segue/sdk/manifest"
)

// DefaultFile is what is read where no file is named; it may be missing.
const DefaultFile = "segue.yaml"

// Config is what an operator sets for one runtime.
type Config struct {
	Listen        string // where traffic comes in, host:port
	Admin         string // where reads, health and metrics are served, host:port
	ModulesDir    string // the watched directory
	StateDir      string // everything that Segue keeps
	ReleaseHeader bool   // whether answers bear Segue-Release
	Log           Log
	// Rollout is for all modules; what it leaves unset is the manifest's.
	Rollout manifest.Rollout
	// OnRemove is what the removal of the last file of a stable release means.
	OnRemove OnRemove
	// RollbackWindow is how long the previous release stays warm.
	RollbackWindow time.Duration
	// DrainTimeout is how long requests in flight may take to end when a process
	// goes; what is left then is cut off.
	DrainTimeout time.Duration
	// ShutdownGrace is the same for the stop of the whole runtime.
	ShutdownGrace time.Duration
	// Modules are settings of single modules, by name.
	Modules map[string]Module
}

// Log says how the runtime logs.
type Log struct {
	Level  string // debug, info, warn or error
	Format string // console or json
}

// OnRemove is what the removal of the last file of a stable release means.
type OnRemove string

// What a removal means.
const (
	Deactivate OnRemove = "deactivate" // the module is drained and stopped
	Keep       OnRemove = "keep"       // it goes on serving
)

// Module is what an operator sets for one module. The zero value of a field is the
// default.
type Module struct {
	Rollout manifest.Rollout
	Limits  Limits
	// StopGrace is how long an instance may take to stop before it is killed.
	StopGrace time.Duration
}

// Limits are a module's resource limits; 0 means the runtime's default.
type Limits struct {
	NoFile uint64 // open files
	Data   uint64 // bytes of data segment
	FSize  uint64 // bytes of the largest file it may write
	NProc  uint64 // processes and threads of its user
}

// Default is what holds where nothing is set.
func Default() Config {
	return Config{
		Listen:         "127.0.0.1:8080",
		Admin:          "127.0.0.1:8081",
		ModulesDir:     "modules",
		StateDir:       ".segue",
		ReleaseHeader:  true,
		Log:            Log{Level: "info", Format: "console"},
		OnRemove:       Deactivate,
		RollbackWindow: 10 * time.Minute,
		DrainTimeout:   30 * time.Second,
		ShutdownGrace:  30 * time.Second,
	}
}

// DefaultRollout is the rollout where neither the operator nor the author says
// anything: every field is set.
func DefaultRollout() manifest.Rollout {
	return manifest.Rollout{
		Strategy:  manifest.Gradual,
		Steps:     []manifest.Weight{100, 500, 2500, 5000, manifest.Full},
		Hold:      new(manifest.Duration(10 * time.Second)),
		MaxErrors: new(manifest.Weight(500)),
		Limit:     new(manifest.Duration(5 * time.Minute)), MaxSlow: new(manifest.Weight(500)), MinRequests: 50, Unproven: manifest.Proceed,
	}
}

// Module is what is set for the module of that name.
func (c Config) Module(name string) Module { return c.Modules[name] }

// RolloutFor is the whole rollout of a module, every field set: what is set for
// the module goes over what is set for all, over the author's wish, over
// DefaultRollout.
func (c Config) RolloutFor(name string, author manifest.Rollout) manifest.Rollout {
	return c.Module(name).Rollout.Over(c.Rollout).Over(author).Over(DefaultRollout())
}

// PolicyFor completes a rollout's policy.
func (c Config) PolicyFor(_ string, r manifest.Rollout) policy.Policy {
	if r.Strategy == manifest.Instant {
		r.Steps = []manifest.Weight{manifest.Full}
	}
	return policy.Policy{Rollout: r, Window: new(manifest.Duration(c.RollbackWindow))}
}
