package instance

import (
	"bytes"
	"cmp"
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"os"
	"os/exec"
	"reflect"
	"regexp"
	"strconv"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/go-plugin"
	"github.com/hashicorp/go-plugin/runner"
	"go.uber.org/zap"
	"google.golang.org/grpc"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"

	"github.com/segue-run/segue/runtime/module"
	"github.com/segue-run/segue/sdk/manifest"
	"github.com/segue-run/segue/sdk/wire"
	"github.com/segue-run/segue/sdk/wire/modulev1"
)

// Spec is one instance to be.
type Spec struct {
	// ID names the instance: 1 to 96 letters, digits, '-' and '_', and no other
	// instance's of the same run directory.
	ID string
	// Release is what Binary is.
	Release module.Release
	// ManifestText is the manifest as it was read from the artifact. What the
	// running module says of itself must match it.
	ManifestText []byte
	// Binary is the verified executable, open read-only. It stays the caller's and
	// may be closed when Start returns.
	Binary *os.File
	// Dynamic says that Binary needs an interpreter and libraries.
	Dynamic bool
	// Permissions are those that were asked for and granted; Withheld were asked for
	// alone.
	Permissions, Withheld manifest.Permissions
	// Quotas are complete. One that is zero is no limit, or the launcher's default.
	Quotas manifest.Quotas
	// DataDir is the absolute path of the module's data folder, which Start makes where
	// it is missing; empty where it has none.
	DataDir string
	// Gateway serves the module's link to the host; nil where it gets none.
	Gateway Gateway
	// Denied is told once of each different thing that the process tries and may not,
	// and of each quota that it reaches. It must not block. May be nil.
	Denied func(module.Denial)
	// Raise says what would raise a quota, for the denials of those that are reached. May
	// be nil.
	Raise func(quota string) string
	// Env is what the module's environment has beside what the contract puts
	// there: key=value. Nothing of the host's is inherited.
	Env []string
	// StopGrace is Stop's default for this instance; zero means the Starter's.
	StopGrace time.Duration
}

var idPattern = regexp.MustCompile(`^[A-Za-z0-9_-]{1,96}$`)

// Start starts the process and returns when the module has shaken hands, has
// described itself as the manifest says, and serves. It blocks for at most the
// start timeout and, where it failed, the second in which the process is reaped. A
// module.Error says what went wrong; ctx's end kills the process, and its error is
// in the chain.
func (s *Starter) Start(ctx context.Context, spec Spec) (*Instance, error) {
	i, err := s.prepare(spec)
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", spec.Release, err)
	}
	go i.supervise()
	bounded, cancel := context.WithTimeout(ctx, s.cfg.StartTimeout)
	defer cancel()
	release := context.AfterFunc(bounded, i.abandon)
	defer release()
	if failed := i.bringUp(bounded); failed != nil {
		return nil, i.giveUp(ctx, bounded, failed)
	}
	if !release() {
		return nil, i.giveUp(ctx, bounded, &step{goal: "start", when: "while it started", err: context.Cause(bounded)})
	}
	i.started = time.Now()
	close(i.serving)
	i.log.Info("instance started", zap.Int("pid", i.proc.id()))
	return i, nil
}

// prepare makes all that an instance needs before its process. It leaves nothing
// behind where it fails.
func (s *Starter) prepare(spec Spec) (_ *Instance, err error) {
	own, err := s.check(spec)
	if err != nil {
		return nil, err
	}
	log := s.log.With(
		zap.String("module", spec.Release.Module),
		zap.Stringer("release", spec.Release),
		zap.String("instance", spec.ID))
	i := &Instance{
		starter: s, id: spec.ID, release: spec.Release, manifest: own, text: spec.ManifestText,
		grace: spec.StopGrace, log: log,
		proc: newProcess(), hello: newHandshake(), denials: denials{tell: spec.Denied},
		raise: spec.Raise, serving: make(chan struct{}), done: make(chan struct{}), released: make(chan struct{}),
	}
	if i.grace <= 0 {
		i.grace = s.cfg.StopGrace
	}
	if i.raise == nil {
		i.raise = func(quota string) string { return "raise quotas." + quota + " of the module" }
	}
	i.words = &moduleLog{
		log: log.Named("output"), most: cmp.Or(spec.Quotas.LogLines, linesPerSecond),
		excess: func(lines int) {
			i.Deny(module.Denial{By: module.ByQuota, What: "log_lines", Count: uint64(lines)})
		},
	}
	i.kills.Store(s.kills.now())
	i.control = &control{nonce: random(32), proc: i.proc}
	i.mark = random(16)
	if i.dir, err = makeDirectory(s.cfg.RunDir, spec.ID); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			i.undo()
		}
	}()
	if err := s.adopt(i); err != nil {
		return nil, err
	}
	listener, data, err := i.dir.listen()
	if err != nil {
		return nil, err
	}
	i.data, i.handedDown = data, []*os.File{listener}
	if err := i.makeFolders(spec); err != nil {
		return nil, err
	}
	if err := i.confine(spec); err != nil {
		return nil, err
	}
	i.launch.Binary, i.launch.Args = spec.Binary, []string{spec.Release.String()}
	i.launch.Files, i.launch.ListenerName = []*os.File{listener, i.dir.control}, wire.ListenerName
	if err := i.connectOutput(); err != nil {
		return nil, err
	}
	i.launch.Stdout, i.launch.Stderr = i.handedDown[1], i.handedDown[2]
	return i, i.connectLink(spec.Gateway)
}

// undo gives back what a failed prepare had made.
func (i *Instance) undo() {
	i.handOver()
	if i.out != nil {
		i.out.drain()
	}
	if i.data != nil {
		i.data.close()
	}
	i.leaveCell()
	i.starter.forget(i)
	_ = i.dir.remove()
}

// check refuses a spec that cannot be started.
func (s *Starter) check(spec Spec) (*manifest.Manifest, error) {
	if !idPattern.MatchString(spec.ID) {
		return nil, &module.Error{Kind: module.Invalid, Field: "instance", Value: spec.ID, Msg: "not an instance id"}
	}
	if spec.Binary == nil {
		return nil, module.Errorf(module.Invalid, "no executable")
	}
	own, err := manifest.Parse(spec.ManifestText)
	if err != nil {
		return nil, &module.Error{Kind: module.Invalid, Field: "manifest", Err: err}
	}
	if own.Name != spec.Release.Module || own.Version != spec.Release.Version {
		return nil, &module.Error{Kind: module.Invalid, Field: "manifest", Value: own.Name + "@" + own.Version, Msg: "it is another release's"}
	}
	return own, nil
}

// connectOutput makes the pipes and what reads them.
func (i *Instance) connectOutput() error {
	direct, errors := i.words.stream(stdout), i.words.stream(stderr)
	emit := direct.emit
	direct.emit = func(line []byte, dropped int) {
		if !i.hello.offer(line, dropped) {
			emit(line, dropped)
		}
	}
	out, outEnd, errEnd, err := newOutput(direct, errors)
	if err != nil {
		return err
	}
	i.out = out
	i.handedDown = append(i.handedDown, outEnd, errEnd)
	// Two more for what go-plugin redirects inside the module.
	i.streams = []*lines{direct, errors, i.words.stream(stdout), i.words.stream(stderr)}
	return nil
}

// connectLink makes the module's link to the host, where it has one, and begins to serve
// it. It comes last: it cannot be taken back.
func (i *Instance) connectLink(gateway Gateway) error {
	if gateway == nil {
		return nil
	}
	ours, theirs, err := openLink()
	if err != nil {
		return err
	}
	i.handedDown = append(i.handedDown, theirs)
	i.launch.Files = append(i.launch.Files, theirs)
	i.launch.Env = append(i.launch.Env, wire.EnvLink+"="+strconv.Itoa(wire.LinkFD))
	i.link.serve(gateway, ours, i.denials.add)
	return nil
}

// identity is the part of the environment that says who the module is.
func (i *Instance) identity() []string {
	return []string{
		wire.EnvNonce + "=" + i.control.nonce,
		wire.EnvInstance + "=" + i.id,
		wire.EnvRelease + "=" + i.release.String(),
		envLaunch + "=" + i.mark,
	}
}

// step is one part of a start, and how it failed.
type step struct {
	name string // of the phase
	goal string // what the module did not do
	when string // when it ended instead
	run  func(context.Context) error
	// limit is the step's own; zero means what is left of the start timeout.
	limit time.Duration
	err   error
}

// bringUp takes the process from nothing to serving. It returns the step that
// failed, or nil.
func (i *Instance) bringUp(ctx context.Context) *step {
	for _, s := range []step{
		{name: "handshake", goal: "shake hands", when: "before the handshake", run: i.shakeHands},
		{name: "connect", goal: "take the control connection", when: "after the handshake", run: i.connect},
		{name: "describe", goal: "describe itself", when: "when asked to describe itself", run: i.describe, limit: i.starter.cfg.CallTimeout},
		{name: "start", goal: "start", when: "while it started", run: i.serve},
	} {
		begin := time.Now()
		s.err = s.run(ctx)
		took := time.Since(begin)
		if s.name == "handshake" {
			i.phases = append(i.phases, module.PhaseTime{Name: "launch", Micros: i.launchTook.Microseconds()})
			took -= i.launchTook
		}
		i.phases = append(i.phases, module.PhaseTime{Name: s.name, Micros: took.Microseconds()})
		if s.err != nil {
			return &s
		}
	}
	return nil
}

// shakeHands lets go-plugin start the process. The end of ctx kills the process,
// which ends the wait.
func (i *Instance) shakeHands(context.Context) (err error) {
	defer func() { // what a module writes must not end the host, whatever go-plugin makes of it
		if r := recover(); r != nil {
			err = module.Errorf(module.Invalid, "the handshake cannot be taken: %v", r)
		}
	}()
	i.plugin = plugin.NewClient(&plugin.ClientConfig{
		HandshakeConfig: plugin.HandshakeConfig{
			ProtocolVersion:  wire.ProtocolVersion,
			MagicCookieKey:   wire.CookieKey,
			MagicCookieValue: wire.CookieValue,
		},
		Plugins:          plugin.PluginSet{wire.PluginName: modulePlugin{}},
		AllowedProtocols: []plugin.Protocol{plugin.ProtocolGRPC},
		GRPCDialOptions:  i.control.options(),
		RunnerFunc: func(_ hclog.Logger, cmd *exec.Cmd, _ string) (runner.Runner, error) {
			return i.newRunner(cmd.Env), nil
		},
		SkipHostEnv:      true,
		UnixSocketConfig: &plugin.UnixSocketConfig{TempDir: i.dir.path},
		StartTimeout:     2 * i.starter.cfg.StartTimeout, // ours comes first
		SyncStdout:       i.streams[2],
		SyncStderr:       i.streams[3],
		Logger:           newPluginLog(i.log),
	})
	_, err = i.plugin.Start()
	return err
}

// connect opens the gRPC connection.
func (i *Instance) connect(context.Context) error {
	client, err := i.plugin.Client()
	if err != nil {
		return err
	}
	dispensed, err := client.Dispense(wire.PluginName)
	if err != nil {
		return err
	}
	cc := dispensed.(*grpc.ClientConn)
	i.calls, i.health = modulev1.NewModuleClient(cc), healthpb.NewHealthClient(cc)
	return nil
}

// describe asks the module who it is.
func (i *Instance) describe(ctx context.Context) error {
	ctx, cancel := i.starter.withCallTimeout(ctx)
	defer cancel()
	answer, err := i.calls.Describe(ctx, &modulev1.DescribeRequest{})
	if err != nil {
		return err
	}
	return i.compare(answer.GetManifest())
}

// compare checks the module's own word: the same bytes, or another spelling of the
// same.
func (i *Instance) compare(told []byte) error {
	if bytes.Equal(told, i.text) {
		return nil
	}
	own, err := manifest.Parse(told)
	if err != nil {
		return &module.Error{Kind: module.Invalid, Field: "manifest", Msg: "what the running module says of itself cannot be read", Err: err}
	}
	if reflect.DeepEqual(own, i.manifest) {
		return nil
	}
	return &module.Error{
		Kind: module.Invalid, Field: "manifest", Value: own.Name + "@" + own.Version,
		Msg:  "the running module describes itself otherwise than its file does",
		Hint: "embed one manifest and pass the same to the SDK",
	}
}

// serve tells the module to begin. It may take all that is left of the start
// timeout: this is where it opens what it needs.
func (i *Instance) serve(ctx context.Context) error {
	_, err := i.calls.Start(ctx, &modulev1.StartRequest{})
	return err
}

// random is so many random bytes in hex.
func random(n int) string {
	raw := make([]byte, n)
	_, _ = rand.Read(raw) // never fails
	return hex.EncodeToString(raw)
}
