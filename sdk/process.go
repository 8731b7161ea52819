package sdk

import (
	"context"
	"errors"
	"net"
	"net/http"
	"os"
	"runtime/debug"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"

	"github.com/segue-run/segue/sdk/wire/modulev1"
)

// process is this process as the runtime drives it: the control contract.
type process struct {
	modulev1.UnimplementedModuleServer

	module   Module
	document []byte
	listener net.Listener
	health   health
	// stdout and stderr are those that the process was born with.
	stdout, stderr *os.File

	// running ends when the module is to stop; requests ends when those still in
	// flight are cut off; ending ends when the control connection is to close.
	running, requests, ending context.Context
	stopRunning, cutOff, end  context.CancelFunc

	control *grpc.Server   // set before the first call
	start   sync.Mutex     // one Start at a time; held through the hook
	drain   sync.WaitGroup // the Drain hook
	stopped chan struct{}  // closed when the process may exit

	mu       sync.Mutex // guards what follows
	http     *http.Server
	started  bool // the Start hook has passed
	serving  bool
	drained  bool
	stopping bool
	code     int
}

func newProcess(m Module, listener net.Listener) *process {
	p := &process{
		module: m, document: document(m.Manifest), listener: listener,
		health: health{hook: m.Health},
		stdout: os.Stdout, stderr: os.Stderr,
		stopped: make(chan struct{}),
	}
	p.running, p.stopRunning = context.WithCancel(context.Background())
	p.requests, p.cutOff = context.WithCancel(context.Background())
	p.ending, p.end = context.WithCancel(context.Background())
	return p
}

// probe answers for the module's health.
func (p *process) probe(ctx context.Context) *healthpb.HealthCheckResponse {
	p.mu.Lock()
	serving := p.serving && !p.stopping
	p.mu.Unlock()
	return p.health.probe(ctx, serving)
}

// Describe implements the control contract.
func (p *process) Describe(context.Context, *modulev1.DescribeRequest) (*modulev1.DescribeResponse, error) {
	return &modulev1.DescribeResponse{Manifest: p.document, SdkVersion: sdkVersion()}, nil
}

// Start implements the control contract. Called again it changes nothing.
func (p *process) Start(ctx context.Context, _ *modulev1.StartRequest) (*modulev1.StartResponse, error) {
	p.start.Lock()
	defer p.start.Unlock()
	if p.isServing() {
		return &modulev1.StartResponse{}, nil
	}
	// go-plugin has put pipes of its own there, whose contents are lost when the
	// process ends; the runtime reads the true ones to their end.
	os.Stdout, os.Stderr = p.stdout, p.stderr
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(p.running, cancel)()
	if err := call(ctx, "Start", p.module.Start); err != nil {
		return nil, status.Error(codes.FailedPrecondition, err.Error())
	}
	server := httpServer(p.module.Handler, p.requests)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.started = true
	if p.stopping {
		return nil, status.Error(codes.FailedPrecondition, "the module is stopping")
	}
	p.http, p.serving = server, true
	go p.serve(server)
	return &modulev1.StartResponse{}, nil
}

func (p *process) isServing() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.serving
}

func (p *process) serve(server *http.Server) {
	if err := server.Serve(p.listener); !errors.Is(err, http.ErrServerClosed) {
		Logger().Error("the HTTP server ended", "reason", err.Error())
		p.stop(0, 1)
	}
}

// Drain implements the control contract.
func (p *process) Drain(context.Context, *modulev1.DrainRequest) (*modulev1.DrainResponse, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.module.Drain != nil && !p.drained && !p.stopping {
		p.drain.Go(func() {
			// A panic is logged; there is nobody else to tell.
			_ = call(p.running, "Drain", func(ctx context.Context) error { p.module.Drain(ctx); return nil })
		})
	}
	p.drained = true
	return &modulev1.DrainResponse{}, nil
}

// Stop implements the control contract. It answers at once, so that a short
// deadline of the call does not cut the grace short.
func (p *process) Stop(_ context.Context, req *modulev1.StopRequest) (*modulev1.StopResponse, error) {
	p.stop(time.Duration(req.GetGraceMs())*time.Millisecond, 0)
	return &modulev1.StopResponse{}, nil
}

// stop begins to end the process, which exits with code; only the first call
// counts. It does not wait.
func (p *process) stop(grace time.Duration, code int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.stopping {
		return
	}
	p.stopping, p.code = true, code
	go p.finish(grace)
}

// answerTime is what is left of the grace for the last control answers, and how
// long they may take.
const answerTime = 200 * time.Millisecond

// finish ends the requests, the module and the control connection, in this order.
func (p *process) finish(grace time.Duration) {
	defer close(p.stopped)
	ctx, cancel := context.WithTimeout(context.Background(), max(grace-answerTime, grace/2))
	defer cancel()
	p.stopRunning()
	p.start.Lock() // until a Start hook that still runs has returned
	p.mu.Lock()
	server, started := p.http, p.started
	p.mu.Unlock()
	p.start.Unlock()
	if server != nil {
		shutdown(ctx, server, p.cutOff)
	}
	p.drain.Wait()
	if started {
		if err := call(ctx, "Stop", p.module.Stop); err != nil {
			Logger().Error("the Stop hook failed", "reason", err.Error())
		}
	}
	p.end()
	defer time.AfterFunc(answerTime, p.control.Stop).Stop()
	p.control.GracefulStop()
}

// exit waits for the end of finish and gives the exit code.
func (p *process) exit() int {
	<-p.stopped
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.code
}

// sdkVersion is the version of the module that this package belongs to.
func sdkVersion() string {
	const path = "github.com/segue-run/segue"
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return ""
	}
	if info.Main.Path == path {
		return info.Main.Version
	}
	for _, dep := range info.Deps {
		if dep.Path == path {
			return dep.Version
		}
	}
	return ""
}
