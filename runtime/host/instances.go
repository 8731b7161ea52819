package host

import (
	"context"
	"path/filepath"
	"sync"

	"github.com/segue-run/segue/runtime/artifact"
	"github.com/segue-run/segue/runtime/config"
	"github.com/segue-run/segue/runtime/gateway"
	"github.com/segue-run/segue/runtime/grant"
	"github.com/segue-run/segue/runtime/instance"
	"github.com/segue-run/segue/runtime/module"
	"github.com/segue-run/segue/runtime/rollout"
	"github.com/segue-run/segue/sdk/manifest"
	"go.uber.org/zap"
)

// instances starts processes from stored artifacts. It keeps an artifact open for as
// long as a module needs it, so that a restart runs the bytes that were verified
// without reading them again.
type instances struct {
	store   *artifact.Store
	starter *instance.Starter
	gateway *gateway.Gateway
	journal *journal
	cfg     config.Config
	log     *zap.Logger

	mu   sync.Mutex
	open map[module.Digest]*artifact.Artifact
	pins map[module.Digest]int // offers and starts under way: not to be forgotten yet
}

var _ rollout.Instances = (*instances)(nil)

func newInstances(store *artifact.Store, starter *instance.Starter, journal *journal, cfg config.Config, log *zap.Logger) *instances {
	return &instances{store: store, starter: starter, gateway: gateway.New(gateway.Config{Logger: log}), journal: journal, cfg: cfg, log: log,
		open: map[module.Digest]*artifact.Artifact{}, pins: map[module.Digest]int{}}
}

// keep takes over a staged artifact, and holds it at least until unpin.
func (s *instances) keep(a *artifact.Artifact) (unpin func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.open[a.Digest] == nil {
		s.open[a.Digest] = a
	} else {
		a.Close()
	}
	return s.pinLocked(a.Digest)
}

// pin keeps forget from an artifact until unpin.
func (s *instances) pin(digest module.Digest) (unpin func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.pinLocked(digest)
}

func (s *instances) pinLocked(digest module.Digest) (unpin func()) {
	s.pins[digest]++
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.pins[digest]--; s.pins[digest] == 0 {
			delete(s.pins, digest)
		}
	}
}

// artifact is the verified artifact of a digest, kept open.
func (s *instances) artifact(ctx context.Context, digest module.Digest) (*artifact.Artifact, error) {
	s.mu.Lock()
	a := s.open[digest]
	s.mu.Unlock()
	if a != nil {
		if err := a.Verify(); err == nil {
			return a, nil
		}
		s.drop(digest, a) // the file was changed in place: look at the bytes again
	}
	a, err := s.store.Load(ctx, digest)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if first := s.open[digest]; first != nil {
		a.Close()
		return first, nil
	}
	s.open[digest] = a
	return a, nil
}

// drop gives up an open artifact.
func (s *instances) drop(digest module.Digest, a *artifact.Artifact) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.open[digest] == a {
		delete(s.open, digest)
		a.Close()
	}
}

// Start starts the release as one process, or as a crew where it is to run as several.
func (s *instances) Start(ctx context.Context, id string, plan rollout.Plan) (rollout.Instance, error) {
	replicas := s.replicas(plan)
	if replicas == 1 {
		return s.start(ctx, id, plan)
	}
	made, err := startCrew(ctx, crewConfig{
		id: id, plan: plan, replicas: replicas, emit: s.journal.Emit, plain: s.cfg.DrainTimeout,
		start: func(ctx context.Context, id string) (rollout.Instance, error) { return s.start(ctx, id, plan) },
	})
	if err != nil {
		return nil, err
	}
	return made, nil
}

// replicas is as how many processes a release runs.
func (s *instances) replicas(plan rollout.Plan) int { return max(plan.Replicas, 1) }

// start starts one process of the plan.
func (s *instances) start(ctx context.Context, id string, plan rollout.Plan) (rollout.Instance, error) {
	defer s.pin(plan.Digest)()
	a, err := s.artifact(ctx, plan.Digest)
	if err != nil {
		return nil, err
	}
	permissions, withheld := s.allowed(plan)
	// What asks for too much is not taken in; a ceiling that was lowered since holds too.
	quotas, above := s.cfg.QuotasFor(plan.Module, plan.Quotas)
	if above != nil {
		s.log.Warn("a module gets less than it asks for", zap.Stringer("release", plan.Release), zap.Error(above))
	}
	inst, err := s.starter.Start(ctx, instance.Spec{
		ID: id, Release: plan.Release, ManifestText: a.ManifestText, Binary: a.File(), Dynamic: a.Executable.Interpreter != "",
		Permissions: permissions, Withheld: withheld, Quotas: quotas, DataDir: s.dataFolder(plan.Module, permissions),
		Gateway:   link{s.gateway, gateway.Request{Release: plan.Release, Permissions: permissions, Withheld: withheld}},
		Denied:    func(d module.Denial) { s.journal.denied(plan.Release, id, quotas, d) },
		Raise:     func(quota string) string { return raising(s.cfg, plan.Module, quota, plan.Quotas) },
		StopGrace: s.cfg.Module(plan.Module).StopGrace,
	})
	if err != nil {
		return nil, err
	}
	return process{Instance: inst}, nil
}

// allowed is what a process of the plan may have, and what it asked for beyond.
func (s *instances) allowed(plan rollout.Plan) (permissions, withheld manifest.Permissions) {
	granted := grant.Union(s.cfg.Grants(plan.Module), plan.Granted)
	return grant.Common(plan.Asked, granted), grant.Missing(plan.Asked, granted)
}

// dataFolder is a module's own folder; empty where it did not ask for one. It outlives
// releases, and the module itself.
func (s *instances) dataFolder(name string, p manifest.Permissions) string {
	if !p.Uses(manifest.DataFolder) {
		return ""
	}
	return filepath.Join(dataDir(s.cfg.StateDir), name)
}

// dataDir is where the modules' own folders are.
func dataDir(stateDir string) string { return filepath.Join(stateDir, "data") }

func (s *instances) Secure(ctx context.Context, digest module.Digest) error {
	a, err := s.artifact(ctx, digest)
	if err != nil {
		return err
	}
	return a.Flush()
}

// forget closes and removes the artifacts that nobody needs any more.
func (s *instances) forget(uses func(module.Digest) bool) {
	s.mu.Lock()
	for digest, a := range s.open {
		if s.pins[digest] == 0 && !uses(digest) {
			a.Close()
			delete(s.open, digest)
		}
	}
	s.mu.Unlock()
	if _, err := s.store.Collect(uses); err != nil {
		s.log.Warn("unused artifacts could not be removed", zap.Error(err))
	}
}

func (s *instances) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for digest, a := range s.open {
		a.Close()
		delete(s.open, digest)
	}
}
