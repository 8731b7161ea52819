package nethttp

import (
	"context"
	"errors"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"github.com/segue-run/segue/proxy"
)

// Config says how the engine carries requests. Zero values mean the default.
type Config struct {
	Director proxy.Director // required
	Logger   *zap.Logger    // default: none

	// OmitRelease leaves out the Segue-Release header that every answer of a module
	// bears.
	OmitRelease bool

	// Towards clients.
	ReadHeaderTimeout time.Duration // for a request's head; default 10 s
	IdleTimeout       time.Duration // of a kept-alive connection; default 75 s
	MaxHeaderBytes    int           // of a request's head; default 64 KiB

	// Towards modules.
	DialTimeout time.Duration // default 5 s
	// AnswerTimeout is how long a module may take from the end of the request to the
	// head of its answer, and before that for each piece of the body, of 32 KiB at most;
	// default 60 s.
	AnswerTimeout time.Duration
	// KeepIdle is how long an idle connection to a module is kept; default 30 s. It
	// must be less than what the module keeps, or a request may meet a closing
	// connection.
	KeepIdle time.Duration
	// MaxIdle is how many idle connections are kept to each target; default 256.
	MaxIdle int
	// MaxAnswerHeaderBytes bounds an answer's head; default 256 KiB.
	MaxAnswerHeaderBytes int64
	// ReplayMemory bounds the bytes that are kept of requests' bodies, of all requests
	// together, so that they can be sent again (proxy.Exchange.Keep); default 64 MiB.
	ReplayMemory int64
}

func (c *Config) setDefaults() {
	if c.Logger == nil {
		c.Logger = zap.NewNop()
	}
	for _, d := range []struct {
		at   *time.Duration
		dflt time.Duration
	}{
		{&c.ReadHeaderTimeout, 10 * time.Second},
		{&c.IdleTimeout, 75 * time.Second},
		{&c.DialTimeout, 5 * time.Second},
		{&c.AnswerTimeout, 60 * time.Second},
		{&c.KeepIdle, 30 * time.Second},
	} {
		if *d.at == 0 {
			*d.at = d.dflt
		}
	}
	if c.MaxHeaderBytes == 0 {
		c.MaxHeaderBytes = 64 << 10
	}
	if c.MaxIdle == 0 {
		c.MaxIdle = 256
	}
	if c.MaxAnswerHeaderBytes == 0 {
		c.MaxAnswerHeaderBytes = 256 << 10
	}
	if c.ReplayMemory == 0 {
		c.ReplayMemory = 64 << 20
	}
}

// How long Shutdown waits for requests that it has cut off: first for them to end
// by themselves, then for their handlers after their connections were closed.
const (
	cutPatience   = time.Second
	closePatience = 5 * time.Second
)

// Engine serves requests.
type Engine struct {
	cfg        Config
	server     *http.Server
	cutOff     context.CancelCauseFunc // ends every request
	transports sync.Map                // proxy.Target → *http.Transport

	inFlight atomic.Int64
	closing  atomic.Bool
	idle     chan struct{} // signalled when closing and nothing is in flight

	counters counters
	memory   memory // of bodies that may be replayed
	lack     seldom // logged
}

// New makes an engine. It panics if cfg has no Director.
func New(cfg Config) *Engine {
	if cfg.Director == nil {
		panic("nethttp: no director")
	}
	cfg.setDefaults()
	e := &Engine{cfg: cfg, idle: make(chan struct{}, 1), memory: memory{limit: cfg.ReplayMemory}}
	base, cutOff := context.WithCancelCause(context.Background())
	e.cutOff = cutOff
	e.server = &http.Server{
		Handler:           e,
		ReadHeaderTimeout: cfg.ReadHeaderTimeout,
		IdleTimeout:       cfg.IdleTimeout,
		MaxHeaderBytes:    cfg.MaxHeaderBytes,
		ErrorLog:          zap.NewStdLog(cfg.Logger),
		BaseContext:       func(net.Listener) context.Context { return base },
		ConnContext:       withConn,
	}
	return e
}

// Serve accepts connections from l, which it owns from here on, until Shutdown; it
// may be called for several listeners. It returns nil as soon as Shutdown begins, and
// otherwise the error that ended accepting; a lack of descriptors or memory does not
// end it.
func (e *Engine) Serve(l net.Listener) error {
	if err := e.server.Serve(enduring{l}); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// Shutdown stops accepting and waits for the requests in flight, upgraded ones too;
// connections are closed as their requests end. When ctx ends first, the rest is cut
// off with the cause proxy.ErrDraining and the error is ctx's. Nothing of the engine
// runs any more when it returns. An engine is not used again.
func (e *Engine) Shutdown(ctx context.Context) error {
	e.closing.Store(true)
	err := e.server.Shutdown(ctx)
	if err == nil {
		err = e.wait(ctx)
	}
	e.cutOff(proxy.ErrDraining)
	if err != nil {
		patience, cancel := context.WithTimeout(context.Background(), cutPatience)
		_ = e.wait(patience)
		cancel()
		_ = e.server.Close()
		patience, cancel = context.WithTimeout(context.Background(), closePatience)
		_ = e.wait(patience)
		cancel()
	}
	e.transports.Range(func(_, tr any) bool {
		tr.(*http.Transport).CloseIdleConnections()
		return true
	})
	return err
}

// wait waits until nothing is in flight.
func (e *Engine) wait(ctx context.Context) error {
	for e.inFlight.Load() > 0 {
		select {
		case <-e.idle:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// ServeHTTP carries one request. It is for the engine's own server.
func (e *Engine) ServeHTTP(w http.ResponseWriter, in *http.Request) {
	e.inFlight.Add(1)
	t := newTransit(e, w, in)
	defer func() {
		if t.kept != nil {
			t.kept.end()
		}
		if e.inFlight.Add(-1) == 0 && e.closing.Load() {
			select {
			case e.idle <- struct{}{}:
			default:
			}
		}
	}()
	e.counters.requests.Add(1)
	if t.carry() == broken {
		t.breakOff()
		panic(http.ErrAbortHandler) // net/http closes the connection as it is
	}
	t.finish()
}
