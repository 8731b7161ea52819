package api

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/segue-run/segue/runtime/module"
)

const (
	headerTimeout = 5 * time.Second  // to send a request's head
	writeTimeout  = 30 * time.Second // for one write to get through
	idleTimeout   = 2 * time.Minute
	shutdownGrace = 5 * time.Second // for requests that run when the server stops
	maxHeader     = 32 << 10
)

// Config is what a Server needs. Runtime, Actor, Metrics and Socket must be set.
type Config struct {
	Runtime Runtime
	// Actor says who sent a request over the local socket, or that he may not
	// change anything.
	Actor func(*http.Request) (module.Actor, error)
	// ConnContext prepares the context of a local connection for Actor; nil leaves
	// it as it is.
	ConnContext func(ctx context.Context, conn net.Conn) context.Context
	// Metrics serves GET /metrics.
	Metrics http.Handler
	// Socket is the path of the local socket, to name it where a change is refused.
	Socket string
	// Address is the TCP address as configured; its host is one that clients may
	// ask by.
	Address string
	// MaxArtifact is the largest executable that is taken, in bytes; default 1 GiB.
	MaxArtifact int64
	// MaxSidecar is the largest manifest beside it, in bytes; default 1 MiB.
	MaxSidecar int64
	// MaxFollowers is how many event streams each side holds open; default 64.
	MaxFollowers int
	// Heartbeat is how often a silent event stream shows that it lives; default 15s.
	Heartbeat time.Duration
	Logger    *zap.Logger // nil for none
}

// Server is the admin API.
type Server struct {
	cfg      Config
	log      *zap.Logger
	local    http.Handler
	public   http.Handler
	stop     sync.Once
	stopping chan struct{} // closed when followers are to end
}

// New makes a server; it starts nothing.
func New(cfg Config) (*Server, error) {
	if cfg.Runtime == nil || cfg.Actor == nil || cfg.Metrics == nil || cfg.Socket == "" {
		return nil, errors.New("api: Runtime, Actor, Metrics and Socket must be set")
	}
	if cfg.MaxArtifact == 0 {
		cfg.MaxArtifact = 1 << 30
	}
	if cfg.MaxSidecar == 0 {
		cfg.MaxSidecar = 1 << 20
	}
	if cfg.MaxFollowers == 0 {
		cfg.MaxFollowers = 64
	}
	if cfg.Heartbeat == 0 {
		cfg.Heartbeat = 15 * time.Second
	}
	if cfg.Logger == nil {
		cfg.Logger = zap.NewNop()
	}
	s := &Server{cfg: cfg, log: cfg.Logger.Named("api"), stopping: make(chan struct{})}
	s.local = s.handler(newSide(true, cfg.MaxFollowers))
	s.public = s.handler(newSide(false, cfg.MaxFollowers))
	return s, nil
}

// Local serves reads and changes; only for connections that Config.Actor knows.
func (s *Server) Local() http.Handler { return s.local }

// Public serves reads alone.
func (s *Server) Public() http.Handler { return s.public }

// Run serves both listeners until ctx ends or one of them fails, and closes them.
// Event streams end at once then; other requests get 5 s. It returns nil when ctx
// ended it. Run may be called once.
func (s *Server) Run(ctx context.Context, local, public net.Listener) error {
	servers := []*http.Server{s.server(s.local), s.server(s.public)}
	servers[0].ConnContext = s.cfg.ConnContext
	failed := make(chan error, len(servers))
	var running sync.WaitGroup
	for i, ln := range []net.Listener{local, public} {
		running.Go(func() {
			if err := servers[i].Serve(ln); !errors.Is(err, http.ErrServerClosed) {
				failed <- fmt.Errorf("serve admin API on %s: %w", ln.Addr(), err)
			}
		})
	}
	var err error
	select {
	case <-ctx.Done():
	case err = <-failed:
	}
	s.stop.Do(func() { close(s.stopping) })
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownGrace)
	defer cancel()
	for _, srv := range servers {
		running.Go(func() {
			if srv.Shutdown(grace) != nil {
				_ = srv.Close() // those that outlast the grace are cut
			}
		})
	}
	running.Wait()
	return err
}

func (s *Server) server(h http.Handler) *http.Server {
	return &http.Server{
		Handler:           h,
		ReadHeaderTimeout: headerTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeader,
		ErrorLog:          zap.NewStdLog(s.log),
	}
}
