package h1

import (
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"github.com/segue-run/segue/proxy"
	"github.com/segue-run/segue/proxy/carry"
	"github.com/segue-run/segue/proxy/h1/wire"
)

// Engine carries requests.
type Engine struct {
	cfg proxy.Config

	epoch     time.Time // when its clock began
	requests  wire.Limits
	answers   wire.Limits
	pools     sync.Map // proxy.Target → *pool
	counters  counters
	inFlight  atomic.Int64
	idleLinks atomic.Int64  // to all modules
	memory    *carry.Memory // of bodies that may be replayed
	lack      carry.Seldom  // logged
	date      dates

	between func(step string) // see at

	closing atomic.Bool
	mu      sync.Mutex
	conns   map[*conn]struct{}
	sweeps  bool          // the sweeper runs
	empty   chan struct{} // closed when closing and there is no connection any more
	wake    chan struct{} // has it look again
	stop    chan struct{} // ends it
	swept   chan struct{} // closed when it has ended
}

var _ proxy.Engine = (*Engine)(nil)

// New makes an engine. It panics if cfg has no Director.
func New(cfg proxy.Config) *Engine {
	cfg = cfg.Defaults()
	l := cfg.Limits
	return &Engine{
		cfg: cfg, epoch: time.Now().Add(-time.Second), conns: map[*conn]struct{}{},
		requests: wire.Limits{Bytes: l.HeadBytes, Fields: l.Headers, Target: l.URLBytes},
		answers:  wire.Limits{Bytes: l.AnswerBytes, Fields: answerFields},
		memory:   carry.NewMemory(cfg.ReplayMemory),
		empty:    make(chan struct{}), wake: make(chan struct{}, 1), stop: make(chan struct{}), swept: make(chan struct{}),
	}
}

// answerFields is how many lines the head of an answer may have.
const answerFields = 1000

// now is the engine's clock, in nanoseconds; never 0.
func (e *Engine) now() int64 { return int64(time.Since(e.epoch)) }

// after is the moment in d; 0, for ever, where d is negative.
func (e *Engine) after(d time.Duration) int64 {
	if d < 0 {
		return 0
	}
	return e.now() + int64(d)
}

// at is where a test lets others act between two steps; nothing but a test sets between.
func (e *Engine) at(step string) {
	if e.between != nil {
		e.between(step)
	}
}

// on is the moment on the engine's clock.
func (e *Engine) on(at time.Time) int64 { return int64(at.Sub(e.epoch)) }

// Serve carries what comes over the connection until it ends, and closes it.
func (e *Engine) Serve(pc *proxy.Conn) {
	c := newConn(e, pc)
	if !e.enter(c) {
		_ = pc.Close()
		return
	}
	defer e.leave(c)
	defer e.caught(func() {})
	c.serve()
}

// caught, deferred, ends a panic, and calls then where there was one.
func (e *Engine) caught(then func()) {
	if p := recover(); p != nil {
		e.cfg.Logger.Error("request ended in a panic", zap.Any("panic", p), zap.ByteString("stack", debug.Stack()))
		then()
	}
}

// enter notes the connection; not where the engine shuts down.
func (e *Engine) enter(c *conn) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closing.Load() {
		return false
	}
	e.conns[c] = struct{}{}
	if !e.sweeps {
		e.sweeps = true
		go e.sweep()
	}
	if len(e.conns) == 1 {
		select {
		case e.wake <- struct{}{}:
		default:
		}
	}
	return true
}

// leave closes the connection and forgets it.
func (e *Engine) leave(c *conn) {
	c.release()
	_ = c.pc.Close()
	e.mu.Lock()
	defer e.mu.Unlock()
	delete(e.conns, c)
	if e.closing.Load() && len(e.conns) == 0 {
		close(e.empty)
	}
}
