package host

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/segue-run/segue/proxy/sticky"
	"github.com/segue-run/segue/runtime/access"
	"github.com/segue-run/segue/runtime/api"
	"github.com/segue-run/segue/runtime/artifact"
	"github.com/segue-run/segue/runtime/audit"
	"github.com/segue-run/segue/runtime/catalog"
	"github.com/segue-run/segue/runtime/config"
	"github.com/segue-run/segue/runtime/hook"
	"github.com/segue-run/segue/runtime/instance"
	"github.com/segue-run/segue/runtime/module"
	"github.com/segue-run/segue/runtime/rollout"
	"github.com/segue-run/segue/runtime/sandbox"
	"github.com/segue-run/segue/runtime/state"
	"github.com/segue-run/segue/runtime/telemetry"
	"github.com/segue-run/segue/runtime/watch"
	"go.uber.org/zap"
)

const (
	// bootPatience is how long traffic waits for modules to come up after a start:
	// connections queue in the kernel meanwhile.
	bootPatience = 10 * time.Second
	// eventsKept bounds the stored events.
	eventsKept = 100_000
)

// Options are what does not come from the configuration.
type Options struct {
	Logger  *zap.Logger // nil logs nothing
	Version string      // of the runtime, for people
	// Ready is called once traffic is served; nil for nothing.
	Ready func(api.Info)
	// Reopen has the access log opened anew by its path with each value that comes; nil for
	// never.
	Reopen <-chan os.Signal
}

// host is the runtime, all parts connected.
type host struct {
	cfg     config.Config
	log     *zap.Logger
	info    api.Info
	opts    Options
	serving atomic.Bool

	store     *state.Store
	events    *telemetry.Events
	audit     *audit.Log
	history   history
	journal   *journal
	machine   *sandbox.Machine
	starter   *instance.Starter
	instances *instances
	engine    *rollout.Engine
	intake    *intake
	traffic   *traffic
	doors     *doors
	entrance  *entrance
	api       *api.Server

	admin, local net.Listener

	// closers undo open, the last first.
	closers []func() error
}

// Run is the whole life of a runtime: it blocks until ctx ends and everything has
// stopped in order (nil), or until a part fails. An error from before anything was
// started is a *module.Error that names the setting and the remedy.
func Run(ctx context.Context, cfg config.Config, opts Options) (err error) {
	if opts.Logger == nil {
		opts.Logger = zap.NewNop()
	}
	h := &host{cfg: cfg, log: opts.Logger.Named("host"), opts: opts}
	defer func() { err = errors.Join(err, h.close()) }()
	if err := h.open(ctx); err != nil {
		return err
	}
	return h.run(ctx)
}

// open acquires everything that can be refused, before anything is started.
func (h *host) open(ctx context.Context) error {
	if err := h.refuse(); err != nil {
		return err
	}
	for _, dir := range []*string{&h.cfg.StateDir, &h.cfg.ModulesDir} {
		abs, err := filepath.Abs(*dir)
		if err != nil {
			return &module.Error{Kind: module.Invalid, Field: "directory", Value: *dir, Err: err}
		}
		*dir = abs
	}
	store, err := state.Open(state.Config{Dir: h.cfg.StateDir, Logger: h.opts.Logger})
	if err != nil {
		return err
	}
	h.store = store
	h.closes(store.Close)
	if err := h.openTraffic(); err != nil {
		return err
	}
	if err := h.bind(); err != nil {
		return err
	}
	bucket, err := h.openLogs(ctx, store)
	if err != nil {
		return err
	}
	if err := h.openSandbox(ctx); err != nil {
		return err
	}
	if err := h.openParts(bucket); err != nil {
		return err
	}
	if err := h.engine.Load(ctx); err != nil {
		return &module.Error{Kind: module.Internal, Field: "state", Value: h.cfg.StateDir, Err: err,
			Hint: "restore the state directory from a copy, or use another segue that can read it"}
	}
	if err := h.openDoors(ctx); err != nil {
		return err
	}
	return h.refuseUnknown(ctx)
}

// refuse says what of the configuration cannot be done.
func (h *host) refuse() error {
	if err := copyable("", h.cfg.Rollout); err != nil {
		return err
	}
	for name, set := range h.cfg.Modules {
		if err := copyable("modules."+name+".", set.Rollout); err != nil {
			return err
		}
	}
	return nil
}

// openTraffic makes the data plane; it carries nothing yet.
func (h *host) openTraffic() error {
	key, err := loadSecret(h.cfg.StateDir)
	if err != nil {
		return err
	}
	secret, err := sticky.NewSecret(key)
	if err != nil {
		return err
	}
	h.traffic = newTraffic(secret, h.opts.Logger)
	h.traffic.terms = h.cfg
	h.closes(func() error { h.traffic.close(); return nil })
	return nil
}

// bind takes the addresses. Connections to the traffic address wait in the kernel
// until the modules are up.
func (h *host) bind() (err error) {
	if h.entrance, err = openEntrance(h.cfg, h.traffic.pool, h.opts.Logger); err != nil {
		return err
	}
	h.closes(h.entrance.close)
	if h.admin, err = listen("admin", h.cfg.Admin); err != nil {
		return err
	}
	h.closes(closeQuietly(h.admin))
	if h.local, err = access.Listen(h.socket()); err != nil {
		return err
	}
	h.closes(closeQuietly(h.local))
	h.info = api.Info{Version: h.opts.Version, Started: time.Now(), PID: os.Getpid(), ListenAddr: h.entrance.plain.Addr().String(),
		TLSAddr: h.entrance.secureAddr(), AdminAddr: h.admin.Addr().String(), ModulesDir: h.cfg.ModulesDir, StateDir: h.cfg.StateDir}
	return nil
}

// socket is where changes are taken.
func (h *host) socket() string { return filepath.Join(h.cfg.StateDir, "run", "admin.sock") }

func listen(field, address string) (net.Listener, error) {
	l, err := net.Listen("tcp", address)
	if err != nil {
		hint := fmt.Sprintf("choose another with --%s HOST:PORT", field)
		switch {
		case errors.Is(err, syscall.EADDRINUSE):
			hint = "find who listens there with `ss -ltnp`, or " + hint
		case errors.Is(err, syscall.EACCES):
			hint = "ports below 1024 need `setcap cap_net_bind_service=+ep` on segue, or " + hint
		case errors.Is(err, syscall.EADDRNOTAVAIL):
			hint = "no interface of this machine has this address: " + hint
		}
		return nil, &module.Error{Kind: module.Unavailable, Field: field, Value: address, Err: err, Hint: hint}
	}
	return l, nil
}

// openLogs opens what is kept in the state: records, events and the audit log.
func (h *host) openLogs(ctx context.Context, store *state.Store) (*state.Bucket, error) {
	bucket, err := store.Bucket(ctx, "modules", state.BucketConfig{History: 16})
	if err != nil {
		return nil, err
	}
	past, err := store.Bucket(ctx, "rollouts", state.BucketConfig{})
	if err != nil {
		return nil, err
	}
	h.history = history{bucket: past, keep: h.cfg.History}
	stored, err := store.Stream(ctx, "events", state.StreamConfig{MaxMsgs: eventsKept})
	if err != nil {
		return nil, err
	}
	metrics := telemetry.NewMetrics(telemetry.MetricsConfig{Version: h.opts.Version, Traffic: h.traffic, Groups: h.traffic.Groups,
		Modules: func() []module.Status { return h.engine.Statuses() },
		Front:   h.frontSample, Access: h.entrance.access()})
	if h.events, err = telemetry.OpenEvents(telemetry.EventsConfig{Stream: stored, Logger: h.opts.Logger, Observe: metrics.Observe}); err != nil {
		return nil, err
	}
	h.closes(h.events.Close)
	h.traffic.emit = h.events.Emit
	audited, err := store.Stream(ctx, "audit", state.StreamConfig{})
	if err != nil {
		return nil, err
	}
	if h.audit, err = audit.New(audit.Config{Stream: audited}); err != nil {
		return nil, err
	}
	h.journal = newJournal(h.events, h.audit, metrics.Observe, h.opts.Logger)
	h.closes(func() error { h.journal.close(); return nil })
	h.api, err = api.New(api.Config{Runtime: runtime{h}, Metrics: metrics.Handler(), Logger: h.opts.Logger,
		Socket: h.socket(), Address: h.cfg.Admin, ConnContext: access.ConnContext,
		Actor: actorOf})
	return bucket, err
}

// openParts builds what runs modules and brings them traffic.
func (h *host) openParts(bucket *state.Bucket) error {
	runDir := filepath.Join(h.cfg.StateDir, "instances")
	if killed, err := instance.SweepOrphans(runDir); err != nil || killed > 0 {
		h.log.Warn("leftovers of a former runtime were swept away", zap.Int("killed", killed), zap.Error(err))
	}
	artifacts, err := artifact.Open(artifact.Config{Dir: filepath.Join(h.cfg.StateDir, "artifacts"), Logger: h.opts.Logger})
	if err != nil {
		return err
	}
	h.closes(artifacts.Close)
	if h.starter, err = instance.New(instance.Config{RunDir: runDir, Machine: h.machine, Require: h.cfg.Sandbox.Require, Logger: h.opts.Logger}); err != nil {
		return err
	}
	h.closes(func() error { h.starter.Close(); return nil })
	h.instances = newInstances(artifacts, h.starter, h.journal, h.cfg, h.log)
	h.closes(func() error { h.instances.close(); return nil })
	h.engine, err = rollout.New(rollout.Config{Instances: h.instances, Traffic: h.traffic, Records: records{bucket}, History: h.history, Claims: catalog.New(catalog.Config{PreviewHost: h.cfg.PreviewHost}),
		Checks: checks{hooks: hook.New(hook.Config{Logger: h.opts.Logger, UserAgent: "segue/" + h.opts.Version}), traffic: h.traffic},
		Log:    h.journal, Logger: h.opts.Logger, DrainTimeout: h.cfg.DrainTimeout, DrainLong: h.cfg.DrainLong, Configured: h.cfg.Grants, Finished: func() { h.instances.forget(h.engine.Uses) }})
	if err != nil {
		return err
	}
	watcher, err := watch.Open(watch.Config{Dir: h.cfg.ModulesDir, Logger: h.opts.Logger})
	if err != nil {
		return err
	}
	h.intake = &intake{cfg: h.cfg, machine: h.machine, watcher: watcher, store: artifacts, instances: h.instances, engine: h.engine,
		journal: h.journal, log: h.opts.Logger.Named("intake"), files: map[string]module.Release{}}
	return nil
}

// run starts the parts, waits for the end, and stops them in order.
func (h *host) run(ctx context.Context) error {
	failed := make(chan error, 6)
	denials := part(failed, "denials", h.watchDenials)
	defer denials.stop()
	rollouts := part(failed, "rollouts", h.engine.Run)
	admin := part(failed, "admin API", func(ctx context.Context) error { return h.api.Run(ctx, h.local, h.admin) })
	if err := h.boot(ctx, failed); err != nil || ctx.Err() != nil {
		h.engine.StopBy(time.Now().Add(h.cfg.ShutdownGrace))
		rollouts.stop()
		admin.stop()
		return err
	}
	traffic := part(failed, "traffic", h.entrance.run)
	reopening := part(failed, "access log", h.entrance.reopenLog(h.opts.Reopen))
	defer reopening.stop()
	files := part(failed, "watched directory", h.watchFiles)
	h.serving.Store(true)
	h.events.Emit(module.Event{Type: module.HostStarted, Message: fmt.Sprintf("segue %s serves on %s, admin on %s, watches %s", h.info.Version, h.entrance.addresses(), h.info.AdminAddr, h.info.ModulesDir)})
	if h.opts.Ready != nil {
		h.opts.Ready(h.info)
	}

	var err error
	select {
	case <-ctx.Done():
	case err = <-failed:
	}
	h.serving.Store(false)
	h.events.Emit(module.Event{Type: module.HostStopping, Message: "segue stops: no new offers, requests in flight end, modules stop"})
	deadline := time.Now().Add(h.cfg.ShutdownGrace)
	h.engine.StopBy(deadline)
	files.stop()
	drain, cancel := context.WithDeadline(context.Background(), deadline)
	defer cancel()
	if cut := h.entrance.shutdown(drain); cut != nil {
		h.log.Warn("requests were cut off at the end of the grace", zap.Error(cut))
	}
	traffic.stop()
	rollouts.stop()
	admin.stop()
	return err
}

// boot waits until the modules are up, or have failed to come up, or a part fails, or
// ctx ends, but not for ever.
func (h *host) boot(ctx context.Context, failed <-chan error) error {
	patience, cancel := context.WithTimeout(ctx, bootPatience)
	defer cancel()
	booted := make(chan error, 1)
	go func() { booted <- h.engine.Booted(patience) }()
	select {
	case err := <-failed:
		cancel()
		<-booted
		return err
	case err := <-booted:
		if err != nil && ctx.Err() == nil {
			h.log.Warn("some modules are still not up; traffic is served without them")
		}
		return nil
	}
}

// watchFiles runs the watcher and the intake of what it finds.
func (h *host) watchFiles(ctx context.Context) error {
	var taking sync.WaitGroup
	taking.Go(func() { h.intake.run(context.WithoutCancel(ctx)) })
	defer taking.Wait()
	return h.intake.watcher.Run(ctx)
}

// running is a part of the host that runs in a goroutine of its own.
type running struct {
	cancel context.CancelFunc
	done   chan struct{}
}

// part starts run; its failure is sent to failed.
func part(failed chan<- error, name string, run func(context.Context) error) running {
	ctx, cancel := context.WithCancel(context.Background())
	r := running{cancel: cancel, done: make(chan struct{})}
	go func() {
		defer close(r.done)
		if err := run(ctx); err != nil {
			failed <- fmt.Errorf("%s: %w", name, err)
		}
	}()
	return r
}

// stop ends the part and waits for its goroutine.
func (r running) stop() {
	r.cancel()
	<-r.done
}

func (h *host) closes(f func() error) { h.closers = append(h.closers, f) }

func (h *host) close() error {
	var errs []error
	for i := len(h.closers) - 1; i >= 0; i-- {
		errs = append(errs, h.closers[i]())
	}
	return errors.Join(errs...)
}

// closeQuietly closes a listener that its server may have closed before.
func closeQuietly(l net.Listener) func() error {
	return func() error {
		if err := l.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
			return err
		}
		return nil
	}
}
