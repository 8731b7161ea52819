package instance

import (
	"context"
	"errors"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/go-plugin"
	"go.uber.org/zap"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"

	"github.com/segue-run/segue/runtime/launch"
	"github.com/segue-run/segue/runtime/module"
	"github.com/segue-run/segue/runtime/sandbox"
	"github.com/segue-run/segue/sdk/manifest"
	"github.com/segue-run/segue/sdk/wire/modulev1"
)

// ErrGone is the answer to a Dial after the process has ended.
var ErrGone = errors.New("the instance's process has ended")

// reapPatience is how long a process that was sent SIGKILL is waited for. Only one
// that hangs in the kernel needs more, and nobody can end that one.
const reapPatience = time.Second

// Instance is one running process of a release. It is safe for concurrent use. It
// ends by itself when its process does; Stop ends it on purpose.
type Instance struct {
	starter  *Starter
	id       string
	release  module.Release
	manifest *manifest.Manifest
	text     []byte // the manifest as it was read from the file
	grace    time.Duration
	log      *zap.Logger

	dir     *directory
	dataDir string        // the module's data folder; empty where it has none
	cell    *sandbox.Cell // nil where there is no Machine
	sandbox module.Sandbox
	denials denials
	raise   func(quota string) string // says what would raise it
	link    link
	watched watched     // by the watchdog
	launch  launch.Spec // all but what the environment gets at the last moment
	proc    *process
	data    *endpoint
	control *control
	mark    string // of this launch, in the environment
	plugin  *plugin.Client
	calls   modulev1.ModuleClient
	health  healthpb.HealthClient

	hello   *handshake
	out     *output
	words   *moduleLog
	streams []*lines
	// handedDown are the module's ends of the listener and the pipes; the host
	// gives them up once, after the process was started or could not be.
	handedDown []*os.File
	giveDown   sync.Once

	launchTook time.Duration
	started    time.Time
	serving    chan struct{} // closed when it serves
	phases     []module.PhaseTime

	kills atomic.Uint64 // the kernel's count, a while ago; see kernelKills
	meter meter

	requested atomic.Bool
	exit      Exit          // written before done is closed
	done      chan struct{} // the process has ended, and what it wrote was read
	released  chan struct{} // nothing of it is left
}

// ID is the instance's id, as its Spec gave it.
func (i *Instance) ID() string { return i.id }

// Release is what runs.
func (i *Instance) Release() module.Release { return i.release }

// PID is the process's id.
func (i *Instance) PID() int { return i.proc.id() }

// Started is when Start had its last answer.
func (i *Instance) Started() time.Time { return i.started }

// Phases says how long each part of the start took, in order: sandbox, launch,
// handshake, connect, describe, start. Without a Machine there is no part of the sandbox.
func (i *Instance) Phases() []module.PhaseTime { return i.phases }

// Done is closed when the process has ended, whoever wanted it.
func (i *Instance) Done() <-chan struct{} { return i.done }

// Exit is how the process ended. It blocks until it has.
func (i *Instance) Exit() Exit {
	<-i.done
	return i.exit
}

// Cause sorts how the process ended by itself. It blocks until it has.
func (i *Instance) Cause() module.DeathCause { return i.Exit().Cause }

// Dial opens a connection to the module's HTTP listener, which nobody else can
// reach. After the process has ended it fails at once. Where the host itself lacked
// what it takes, which is no fault of the module's, the error is a module.Error of kind
// Quota.
func (i *Instance) Dial(ctx context.Context) (net.Conn, error) {
	select {
	case <-i.proc.gone:
		return nil, ErrGone
	default:
	}
	conn, err := i.data.dial(ctx, i.proc.gone)
	if errors.Is(err, os.ErrClosed) {
		return nil, ErrGone
	}
	return conn, err
}

// supervise sees the process to its end and gives back all that it held.
func (i *Instance) supervise() {
	<-i.proc.gone
	i.watched.stop()
	i.handOver() // where it was never started
	i.hello.close()
	i.out.drain()
	for _, s := range i.streams {
		s.flush()
	}
	i.words.close()
	i.exit = i.ending()
	i.log.Info("instance ended", zap.Int("pid", i.proc.id()), zap.Stringer("exit", i.exit), zap.Bool("requested", i.exit.Requested))
	close(i.done)

	i.control.close()
	i.data.close()
	i.link.close()
	i.watched.wait()
	i.leaveCell()
	if err := i.dir.remove(); err != nil {
		i.log.Warn("an instance's directory could not be removed", zap.Error(err))
	}
	i.starter.forget(i)
	close(i.released)
}

// handOver closes the module's ends, which it holds by now.
func (i *Instance) handOver() { i.giveDown.Do(func() { closeAll(i.handedDown) }) }

// abandon kills the process without a word to it.
func (i *Instance) abandon() {
	select {
	case <-i.proc.gone:
		return // by itself
	default:
	}
	i.requested.Store(true)
	i.proc.kill()
}

// awaitRelease waits until nothing is left, at most so long.
func (i *Instance) awaitRelease(patience time.Duration) {
	select {
	case <-i.released:
	case <-time.After(patience):
	}
}
