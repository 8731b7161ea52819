package config

import (
	"time"

	"github.com/segue-run/segue/proxy"
	"github.com/segue-run/segue/runtime/module"
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
	// Rollout is for all modules; what it leaves unset is the manifest's. Its Window
	// is RollbackWindow's.
	Rollout policy.Policy
	// OnRemove is what the removal of the last file of a stable release means.
	OnRemove OnRemove
	// RollbackWindow is how long the previous release stays warm.
	RollbackWindow time.Duration
	// History is how many rollouts that are over are kept of each module.
	History int
	// ShieldMemory is how many bytes of requests may be kept for a replay, of all
	// modules together.
	ShieldMemory uint64
	// DrainTimeout is how long requests in flight may take to end when a process
	// goes; what is left then is cut off.
	DrainTimeout time.Duration
	// DrainLong is the same for requests whose answers last, such as upgraded connections,
	// server-sent events and gRPC.
	DrainLong time.Duration
	// ShutdownGrace is the same for the stop of the whole runtime.
	ShutdownGrace time.Duration
	// Proxy is how traffic is carried.
	Proxy Proxy
	// Sandbox is what holds modules in.
	Sandbox Sandbox
	// Quotas are ceilings for every module; where neither they nor its own set one, the
	// default is the ceiling.
	Quotas manifest.Quotas
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
	Rollout policy.Policy
	// Quotas are its ceilings, and what it gets where it asks for nothing.
	Quotas manifest.Quotas
	// Grants are its permissions, as far as the file grants them.
	Grants manifest.Permissions
	// StopGrace is how long an instance may take to stop before it is killed.
	StopGrace time.Duration
	// Replicas is how many processes serve a release; 0 for what its manifest wishes.
	Replicas int
	// Limits are ceilings of all its requests together.
	Limits ModuleLimits
	// Timeouts are ceilings of its routes' timeouts, and what holds where a route sets none;
	// negative is for ever.
	Timeouts  proxy.Timeouts
	Retry     Retry
	Queue     Queue
	Ejection  Ejection
	SlowStart time.Duration // negative for none
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
		RollbackWindow: policy.Default().Window.Std(),
		History:        50,
		ShieldMemory:   64 << 20,
		DrainTimeout:   30 * time.Second,
		DrainLong:      5 * time.Minute,
		ShutdownGrace:  30 * time.Second,
		Proxy:          defaultProxy(),
		Sandbox:        Sandbox{Require: module.LevelConfined, UIDs: defaultUIDs},
	}
}

// Module is what is set for the module of that name.
func (c Config) Module(name string) Module { return c.Modules[name] }

// RolloutFor is the complete policy of a module's rollout: a deploy's wish goes over
// what is set for the module, that over what is set for all, that over the author's
// wish, that over policy.Default.
func (c Config) RolloutFor(name string, author, wish manifest.Rollout) policy.Policy {
	return policy.Policy{Rollout: wish}.Over(c.operator(name)).
		Over(policy.Policy{Rollout: policy.ByAuthor(author), Window: new(manifest.Duration(c.RollbackWindow))}).Complete()
}

// PreviewHost is where candidates of the module of that name are seen; empty for nowhere.
func (c Config) PreviewHost(name string) string { return c.operator(name).PreviewHost }

// operator is what the operator sets for a module, with what is set for all.
func (c Config) operator(name string) policy.Policy { return c.Module(name).Rollout.Over(c.Rollout) }
