package instance

import (
	"cmp"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"time"

	"go.uber.org/zap"

	"github.com/segue-run/segue/runtime/launch"
	"github.com/segue-run/segue/runtime/module"
	"github.com/segue-run/segue/runtime/sandbox"
	"github.com/segue-run/segue/sdk/manifest"
	"github.com/segue-run/segue/sdk/wire"
)

// Sandbox is what holds the process in.
func (i *Instance) Sandbox() module.Sandbox { return i.sandbox }

// confine makes the process's sandbox, and all but the files of what the launcher is
// told. Without a Machine that is limits alone.
func (i *Instance) confine(spec Spec) error {
	begin := time.Now()
	i.sandbox = module.Sandbox{
		Level: module.LevelNone, Permissions: spec.Permissions, Withheld: spec.Withheld, Quotas: spec.Quotas,
	}
	given, unset := granted(spec.Permissions.Env)
	env := slices.Concat(spec.Env, given)
	if m := i.starter.cfg.Machine; m != nil {
		cell, err := m.Prepare(i.request(spec))
		if err != nil {
			return fmt.Errorf("prepare the sandbox: %w", err)
		}
		i.cell, i.proc.also = cell, cell.Kill
		i.sandbox.Level, i.sandbox.Layers = cell.Level(), cell.Layers()
		i.sandbox.User, i.sandbox.Useless = cell.User(), cell.Useless()
		i.launch.Limits, i.launch.Confine = cell.Limits(), cell.Confinement()
		env = append(env, cell.Env()...)
		i.phases = append(i.phases, module.PhaseTime{Name: "sandbox", Micros: time.Since(begin).Microseconds()})
	} else {
		limits, clamps := limitsOf(spec.Quotas).Clamped()
		for _, c := range clamps {
			i.log.Warn("a limit was lowered", zap.Stringer("limit", c))
		}
		i.launch.Limits, i.launch.Confine = limits, launch.Confinement{CPUSeconds: secondsOf(spec.Quotas.CPUTime)}
		env = append(env, i.folders()...)
	}
	i.sandbox.Useless = slices.Concat(i.sandbox.Useless, unset)
	if err := i.launch.Limits.Validate(); err != nil {
		return &module.Error{Kind: module.Invalid, Field: "quotas", Err: err}
	}
	i.launch.Env, i.launch.Dir = env, cmp.Or(i.dataDir, "/")
	return required(i.sandbox, i.starter.cfg.Require)
}

// hits is how often the kernel held the process to a quota.
func (i *Instance) hits() sandbox.Hits {
	if i.cell == nil {
		return sandbox.Hits{}
	}
	return i.cell.Hits()
}

// leaveCell gives up the sandbox of a process that is gone.
func (i *Instance) leaveCell() {
	if i.cell == nil {
		return
	}
	if err := i.cell.Close(); err != nil {
		i.log.Warn("the sandbox of an instance could not be removed", zap.Error(err))
	}
}

// request is what the process is to be allowed. The name of its directory is no other
// process's, not even of one whose end is not over yet.
func (i *Instance) request(spec Spec) sandbox.Request {
	req := sandbox.Request{
		Module: i.release.Module, Instance: filepath.Base(i.dir.path),
		Permissions: spec.Permissions, Quotas: spec.Quotas,
		Binary: spec.Binary, Dynamic: spec.Dynamic,
		Data: i.dataDir, Temp: i.dir.temp, Control: i.dir.control,
	}
	if spec.Gateway != nil {
		req.LinkFD = wire.LinkFD
	}
	return req
}

// required refuses what does not reach the level that the operator asks for.
func required(s module.Sandbox, least module.Level) error {
	if s.Level.Reaches(least) {
		return nil
	}
	e := &module.Error{
		Kind: module.Denied, Field: "sandbox.require", Value: string(least),
		Msg:  fmt.Sprintf("the module would run at level %q, and at least %q is required", s.Level, least),
		Hint: "see `segue doctor`",
	}
	if l, ok := missing(s.Layers); ok {
		e.Msg += fmt.Sprintf("; %s is %s", l.Name, l.State)
		if l.Why != "" {
			e.Msg += ": " + l.Why
		}
	}
	return e
}

// missing is the outermost layer that is off, or else that is not wholly on. Of those
// that no level asks for, none is meant.
func missing(layers []module.Layer) (module.Layer, bool) {
	for _, state := range []module.LayerState{module.LayerOff, module.LayerPartly} {
		for _, l := range layers {
			if l.State == state && l.Name != module.LayerNotify && l.Name != module.LayerAudit {
				return l, true
			}
		}
	}
	return module.Layer{}, false
}

// makeFolders makes the module's own folders, those that it asks for.
func (i *Instance) makeFolders(spec Spec) error {
	if spec.DataDir != "" {
		if !filepath.IsAbs(spec.DataDir) {
			return &module.Error{Kind: module.Invalid, Field: "data", Value: spec.DataDir, Msg: "is not an absolute path"}
		}
		if err := os.MkdirAll(spec.DataDir, 0o700); err != nil {
			return fmt.Errorf("make data folder: %w", err)
		}
		i.dataDir = spec.DataDir
	}
	if spec.Permissions.Uses(manifest.TempFolder) {
		return i.dir.makeTemp()
	}
	return nil
}

// folders is how a module without a sandbox knows its own folders.
func (i *Instance) folders() (env []string) {
	if i.dataDir != "" {
		env = append(env, wire.EnvData+"="+i.dataDir)
	}
	if i.dir.temp != "" {
		env = append(env, "TMPDIR="+i.dir.temp)
	}
	return env
}

// granted are the named variables of the host's own environment, those that there are;
// of the others it says so.
func granted(names []string) (env, unset []string) {
	for _, name := range names {
		if value, there := os.LookupEnv(name); there {
			env = append(env, name+"="+value)
		} else {
			unset = append(unset, "env "+name+": is not set")
		}
	}
	return env, unset
}

// limitsOf are the limits of a process that has no sandbox. That on processes would
// count the user's others too, and is left as it is.
func limitsOf(q manifest.Quotas) launch.Limits {
	l := launch.Limits{NoFile: uint64(q.OpenFiles), FSize: uint64(q.FileSize)}
	if q.Memory > 0 {
		// The Go runtime reserves so much beside its heap.
		const beside = 96 << 20
		l.Data = max(launch.MinData, min(uint64(q.Memory), math.MaxUint64-beside)+beside)
	}
	return l
}

// secondsOf is a time in whole seconds, as the kernel counts it; none of it is lost.
func secondsOf(d manifest.Duration) uint64 {
	return uint64((d.Std() + time.Second - 1) / time.Second)
}
