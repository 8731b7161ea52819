package instance

import (
	"context"
	"errors"
	"io"
	"os/exec"
	"slices"
	"strings"
	"time"

	"github.com/hashicorp/go-plugin"
	"github.com/hashicorp/go-plugin/runner"

	"github.com/segue-run/segue/runtime/launch"
	"github.com/segue-run/segue/runtime/module"
	"github.com/segue-run/segue/runtime/proc"
)

// moduleDir is the control directory as the module names it.
var moduleDir = proc.FD(controlFD)

// moduleRunner is what go-plugin sees of an instance: it may start it, read its
// handshake line and learn where its socket is. It never gets the module's other
// output, and the address that the module names is only ever a name in the
// instance's own directory.
type moduleRunner struct {
	i   *Instance
	cmd *exec.Cmd
}

var _ runner.Runner = (*moduleRunner)(nil)

// newRunner builds the launcher's command. plugins is the environment by which
// go-plugin's server knows its client.
func (i *Instance) newRunner(plugins []string) *moduleRunner {
	plugins = slices.DeleteFunc(slices.Clone(plugins), func(entry string) bool {
		return strings.HasPrefix(entry, plugin.EnvUnixSocketDir+"=")
	})
	spec := i.launch
	// Later entries win, so nothing of the caller's can take the place of ours.
	spec.Env = slices.Concat(spec.Env, plugins, []string{
		plugin.EnvUnixSocketDir + "=" + moduleDir,
	}, i.identity())
	return &moduleRunner{i: i, cmd: launch.Command(spec)}
}

// Start implements runner.Runner. It is the moment from which the module holds its
// ends of the listener and the pipes, and the host gives up its own.
func (r *moduleRunner) Start(context.Context) error {
	begin := time.Now()
	err := r.i.proc.start(r.i.starter.spawner, r.cmd)
	r.i.launchTook = time.Since(begin)
	r.i.handOver()
	if err != nil {
		return err
	}
	r.i.watch()
	if err := r.i.writeRecord(); err != nil {
		r.i.abandon()
		return &module.Error{Kind: module.Internal, Msg: "it cannot be recorded", Err: err}
	}
	return nil
}

// Wait implements runner.AttachedRunner.
func (r *moduleRunner) Wait(context.Context) error {
	<-r.i.proc.gone
	return nil
}

// Kill implements runner.AttachedRunner. go-plugin calls it when a handshake fails,
// while it holds its lock; it does not block.
func (r *moduleRunner) Kill(context.Context) error {
	r.i.abandon()
	return nil
}

// ID implements runner.AttachedRunner.
func (r *moduleRunner) ID() string { return r.i.id }

// Name implements runner.Runner.
func (r *moduleRunner) Name() string { return r.i.release.String() }

// Stdout implements runner.Runner: the handshake line and nothing else.
func (r *moduleRunner) Stdout() io.ReadCloser { return r.i.hello }

// Stderr implements runner.Runner: nothing, since we read it ourselves.
func (r *moduleRunner) Stderr() io.ReadCloser { return io.NopCloser(strings.NewReader("")) }

// Diagnose implements runner.Runner; Start says more than go-plugin could.
func (r *moduleRunner) Diagnose(context.Context) string { return "" }

// PluginToHost implements runner.AddrTranslator.
func (r *moduleRunner) PluginToHost(network, address string) (string, string, error) {
	path, err := r.i.control.pin(r.i.dir, network, address)
	return "unix", path, err
}

// HostToPlugin implements runner.AddrTranslator: the host listens for nobody.
func (r *moduleRunner) HostToPlugin(string, string) (string, string, error) {
	return "", "", errors.New("the host has no address for modules")
}
