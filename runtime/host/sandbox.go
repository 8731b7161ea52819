package host

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/segue-run/segue/runtime/artifact"
	"github.com/segue-run/segue/runtime/config"
	"github.com/segue-run/segue/runtime/grant"
	"github.com/segue-run/segue/runtime/module"
	"github.com/segue-run/segue/runtime/sandbox"
	"github.com/segue-run/segue/sdk/manifest"
	"go.uber.org/zap"
)

// openSandbox finds out what this machine can hold modules in by, and refuses to run
// below what the operator requires: before anything is started.
func (h *host) openSandbox(ctx context.Context) error {
	machine, err := sandbox.Probe(ctx, sandbox.Config{
		Name: "segue", FirstUID: h.cfg.Sandbox.UIDs.First, LastUID: h.cfg.Sandbox.UIDs.Last,
		DataDir: dataDir(h.cfg.StateDir), Protected: h.cfg.Protected(),
		Without: h.cfg.Sandbox.Without, Logger: h.opts.Logger,
	})
	if err != nil {
		return err
	}
	h.machine = machine
	h.closes(machine.Close)
	if least := h.cfg.Sandbox.Require; !machine.Level().Reaches(least) {
		return &module.Error{Kind: module.Denied, Field: "sandbox.require", Value: string(least),
			Msg:  fmt.Sprintf("modules would run at level %q here", machine.Level()),
			Hint: "`segue doctor` says what is missing and what would change that; or set sandbox.require lower"}
	}
	if err := checkGrants(h.cfg, machine.Check, h.log); err != nil {
		return err
	}
	h.info.Sandbox = machine.Level()
	h.log.Info("modules are held in", zap.String("level", string(machine.Level())), zap.Strings("not_there", namesLacking(machine.Layers())))
	return nil
}

// checkGrants refuses to run where the configuration grants what no module may have. A
// link on the way of a path is told alone: a module that may write there could have laid
// it, and would keep the runtime from starting. What asks for the path is refused.
func checkGrants(cfg config.Config, check func(manifest.Permissions) error, log *zap.Logger) error {
	for _, name := range slices.Sorted(maps.Keys(cfg.Modules)) {
		err := check(cfg.Grants(name))
		if errors.Is(err, sandbox.ErrLink) {
			log.Warn("a path that is granted has a link on its way", zap.String("module", name), zap.Error(err))
			continue
		}
		if e, refused := errors.AsType[*module.Error](err); refused {
			e.Kind = module.Invalid
			e.Field = "modules." + name + ".grants." + strings.TrimPrefix(e.Field, "permissions.")
			return e
		}
	}
	return nil
}

// watchDenials has what the kernel tells of denials counted with the instances. Modules
// are held in all the same where it cannot.
func (h *host) watchDenials(ctx context.Context) error {
	if err := h.machine.WatchDenials(ctx, h.starter.Deny); err != nil {
		h.log.Warn("files that are denied are not told any more", zap.Error(err))
	}
	return nil
}

// refuseUnknown refuses grants for a module that nobody knows: none is in the state, and
// no file of it in the watched directory. A name that is misspelt would grant nothing.
func (h *host) refuseUnknown(ctx context.Context) error {
	unknown := map[string]bool{}
	for name, set := range h.cfg.Modules {
		if len(grant.Lines(set.Grants)) > 0 {
			unknown[name] = true
		}
	}
	for _, known := range h.engine.Statuses() {
		delete(unknown, known.Name)
	}
	if len(unknown) == 0 {
		return nil
	}
	files, err := os.ReadDir(h.cfg.ModulesDir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("read the watched directory: %w", err)
	}
	for _, file := range files {
		if found, err := artifact.Inspect(ctx, filepath.Join(h.cfg.ModulesDir, file.Name())); err == nil && found.Manifest != nil {
			delete(unknown, found.Manifest.Name)
		}
	}
	if len(unknown) == 0 {
		return nil
	}
	name := slices.Sorted(maps.Keys(unknown))[0]
	return &module.Error{Kind: module.NotFound, Field: "modules." + name + ".grants", Msg: "no module of this name was ever deployed, and no file of it is in " + h.cfg.ModulesDir,
		Hint: "mend the name, or put its file there first; without the grants it waits for `segue approve " + name + " grant`"}
}

// namesLacking are the names of the layers that are not wholly there.
func namesLacking(layers []module.Layer) []string {
	var names []string
	for _, l := range layers {
		if l.State != module.LayerOn {
			names = append(names, l.Name)
		}
	}
	return names
}
