package host

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/segue-run/segue/runtime/api"
	"github.com/segue-run/segue/runtime/artifact"
	"github.com/segue-run/segue/runtime/config"
	"github.com/segue-run/segue/runtime/module"
	"github.com/segue-run/segue/runtime/rollout"
	"github.com/segue-run/segue/runtime/sandbox"
	"github.com/segue-run/segue/runtime/watch"
	"github.com/segue-run/segue/sdk/manifest"
	"go.uber.org/zap"
)

// intake turns files and uploads into offers. Files are taken one at a time, in the
// order the watcher gives them, so that the latest of a module wins.
type intake struct {
	cfg       config.Config
	machine   *sandbox.Machine
	watcher   *watch.Watcher
	store     *artifact.Store
	instances *instances
	engine    *rollout.Engine
	journal   *journal
	log       *zap.Logger

	// files are the releases that stand in the directory, by name. The goroutine of
	// run alone touches it.
	files map[string]module.Release
}

// run takes notices until the watcher ends.
func (in *intake) run(ctx context.Context) {
	for n := range in.watcher.Notices() {
		switch n := n.(type) {
		case *watch.Offer:
			in.file(ctx, n)
		case *watch.Refused:
			delete(in.files, n.Name)
			in.refused(n.Name, fileActor(n.Path, n.UID), module.Release{}, n.Err)
		case *watch.Removed:
			in.removed(ctx, n)
		case *watch.Waiting:
			in.waits(n.Name, fmt.Sprintf("since %s: %s", n.Since.UTC().Format(time.RFC3339), n.Why))
		case *watch.Scanned:
			in.log.Info("watched directory was scanned", zap.Int("files", len(in.files)))
			in.instances.forget(in.engine.Uses)
		}
	}
}

// file stages one settled file and offers it.
func (in *intake) file(ctx context.Context, of *watch.Offer) {
	defer of.Close()
	actor := fileActor(of.Path, of.UID)
	began := time.Now()
	a, err := in.store.Stage(ctx, of.File, of.Sidecar)
	if changed := of.Verify(); changed != nil {
		if err == nil {
			a.Close()
		}
		in.log.Info("file changed while it was staged, or somebody opened it for writing; it is taken again", zap.String("file", of.Name))
		of.Retry()
		return
	}
	if module.KindOf(err) == module.Unavailable { // this machine's trouble, not the file's
		in.waits(of.Name, err.Error())
		of.Retry()
		return
	}
	if err != nil {
		delete(in.files, of.Name)
		in.refused(of.Name, actor, module.Release{}, err)
		return
	}
	of.Close() // writers may come again
	rel := a.Release()
	in.files[of.Name] = rel
	if of.AtStart && in.engine.Knows(rel) {
		a.Close() // decided before; files are offers, state holds the decision
		return
	}
	staged := module.PhaseTime{Name: "stage", Micros: time.Since(began).Microseconds()}
	settled := module.PhaseTime{Name: "settle", Micros: began.Sub(of.Changed).Microseconds()}
	if _, err := in.offer(ctx, a, rollout.Offer{Actor: actor, Source: of.Name, Phases: []module.PhaseTime{settled, staged}}, manifest.Rollout{}); err != nil {
		in.refused(of.Name, actor, rel, err)
	}
}

// waits tells of a file that is not taken yet.
func (in *intake) waits(name, why string) {
	in.journal.Emit(module.Event{Type: module.OfferWaiting, File: name, Reason: why, Message: fmt.Sprintf("%s is not taken yet: %s", name, why)})
}

// upload stages what an actor sends and offers it.
func (in *intake) upload(ctx context.Context, actor module.Actor, up api.DeployInput) (module.RolloutStatus, error) {
	began := time.Now()
	a, err := in.store.Stage(ctx, up.Source, up.Sidecar)
	if err != nil {
		in.refused(up.FileName, actor, module.Release{}, err)
		return module.RolloutStatus{}, err
	}
	rel := a.Release()
	staged := module.PhaseTime{Name: "stage", Micros: time.Since(began).Microseconds()}
	status, err := in.offer(ctx, a, rollout.Offer{Actor: actor, Source: orUpload(up.FileName), Force: up.Force, Phases: []module.PhaseTime{staged}}, up.Rollout)
	if err != nil {
		in.refused(up.FileName, actor, rel, err)
	}
	if errors.Is(err, rollout.ErrUnchanged) {
		err = nil // what is there is the answer
	}
	return status, err
}

// offer hands a staged artifact to the rollouts, under the policy that holds for it:
// the deploy's wish over the operator's configuration over the manifest.
func (in *intake) offer(ctx context.Context, a *artifact.Artifact, of rollout.Offer, wish manifest.Rollout) (module.RolloutStatus, error) {
	rel := a.Release()
	if err := module.CheckWish(wish); err != nil {
		a.Close()
		return module.RolloutStatus{}, err
	}
	if err := in.refuse(rel.Module, a.Manifest); err != nil {
		a.Close()
		return module.RolloutStatus{}, err
	}
	of.Plan = rollout.Plan{Release: rel, Routes: a.Manifest.Routes, Health: a.Manifest.Health.WithDefaults(), Asked: a.Manifest.Permissions, Quotas: a.Manifest.Quotas, Replicas: a.Manifest.Replicas}
	of.Configured = in.cfg.Grants(rel.Module)
	of.Policy = in.cfg.RolloutFor(rel.Module, a.Manifest.Rollout, wish)
	unpin := in.instances.keep(a)
	status, err := in.engine.Offer(ctx, of)
	unpin()
	if err != nil {
		in.instances.forget(in.engine.Uses)
	}
	return status, err
}

// refuse says what of a manifest no operator's word can make good: quotas above their
// ceilings, and what no module may have.
func (in *intake) refuse(name string, m *manifest.Manifest) error {
	if _, err := in.cfg.QuotasFor(name, m.Quotas); err != nil {
		return err
	}
	return in.machine.Check(m.Permissions)
}

// removed deactivates a module when the last file of what serves is gone.
func (in *intake) removed(ctx context.Context, n *watch.Removed) {
	rel, known := in.files[n.Name]
	delete(in.files, n.Name)
	if !known {
		return
	}
	for _, other := range in.files {
		if other.Digest == rel.Digest {
			return
		}
	}
	status, err := in.engine.Status(rel.Module)
	if err != nil || status.Stable == nil || status.Stable.Digest != rel.Digest {
		return
	}
	if status.Candidate != nil && !status.Rollout.Over() {
		in.log.Info("the last file of stable was removed while its successor is on its way; stable serves until that has taken over", zap.Stringer("release", rel), zap.String("file", n.Name))
		return
	}
	if in.cfg.OnRemove == config.Keep {
		in.log.Info("the last file of a release that serves was removed; it goes on serving", zap.Stringer("release", rel), zap.String("file", n.Name))
		return
	}
	actor := module.Actor{Kind: "file", Name: n.Name}
	if err := in.engine.Remove(ctx, rollout.Order{Actor: actor, Module: rel.Module, Reason: fmt.Sprintf("its last file %s was removed", n.Name)}); err != nil {
		in.log.Error("module could not be deactivated", zap.String("module", rel.Module), zap.Error(err))
	}
}

// refused tells of an offer that changes nothing.
func (in *intake) refused(name string, actor module.Actor, rel module.Release, err error) {
	ev := module.Event{Type: module.OfferRefused, Module: rel.Module, Version: rel.Version, Digest: rel.Digest,
		File: name, Actor: actor.String(), Reason: err.Error(), Message: fmt.Sprintf("%s is refused: %v", orUpload(name), err)}
	if errors.Is(err, rollout.ErrUnchanged) {
		ev.Type, ev.Reason = module.OfferUnchanged, ""
		ev.Message = fmt.Sprintf("%s is %s, which serves or is on its way already", orUpload(name), rel)
	}
	in.journal.Emit(ev)
}

func orUpload(name string) string {
	if name == "" {
		return "an upload"
	}
	return name
}

func fileActor(path string, uid uint32) module.Actor {
	return module.Actor{Kind: "file", Name: filepath.Base(path), UID: &uid}
}
