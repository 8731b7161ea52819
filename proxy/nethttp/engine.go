package nethttp

import (
	"context"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"github.com/segue-run/segue/proxy"
	"github.com/segue-run/segue/proxy/carry"
	"github.com/segue-run/segue/proxy/guard"
	"github.com/segue-run/segue/proxy/page"
)

// How long Shutdown waits for requests that it has cut off: first for them to end
// by themselves, then for their handlers after their connections were closed.
const (
	cutPatience   = time.Second
	closePatience = 5 * time.Second
)

// What a client's HTTP/2 connection may have. Its streams share what is received and not
// yet passed on: one whose module takes nothing holds back a quarter of that.
const (
	maxStreams   = 128
	streamWindow = 256 << 10
	connWindow   = 4 * streamWindow
	frameSize    = 16 << 10 // what each connection may have to hold at once
)

// Engine serves requests.
type Engine struct {
	cfg       proxy.Config
	server    *http.Server
	feed      *feed
	serving   sync.Once
	served    chan struct{}           // closed when the server has ended, if it ever began
	cutOff    context.CancelCauseFunc // ends every request
	http1     *http.Transport         // of all connections to modules that speak HTTP/1.1
	upstreams sync.Map                // proxy.Target → *upstream

	inFlight atomic.Int64
	closing  atomic.Bool
	idle     chan struct{} // signalled when closing and nothing is in flight

	counters counters
	streams  *guard.Addresses // requests over HTTP/2 in flight
	memory   *carry.Memory    // of bodies that may be replayed
	lack     carry.Seldom     // logged
}

var _ proxy.Engine = (*Engine)(nil)

// New makes an engine. It panics if cfg has no Director.
func New(cfg proxy.Config) *Engine {
	cfg = cfg.Defaults()
	e := &Engine{cfg: cfg, feed: newFeed(), served: make(chan struct{}), idle: make(chan struct{}, 1), memory: carry.NewMemory(cfg.ReplayMemory),
		streams: guard.NewAddresses(cfg.Limits.Streams)}
	e.http1 = newHTTP1(cfg)
	base, cutOff := context.WithCancelCause(context.Background())
	e.cutOff = cutOff
	var protocols http.Protocols
	protocols.SetHTTP1(true)
	protocols.SetUnencryptedHTTP2(true) // whoever gives us connections has taken TLS off
	e.server = &http.Server{
		Handler:           e,
		Protocols:         &protocols,
		ReadHeaderTimeout: cfg.HeadTimeout,
		IdleTimeout:       cfg.IdleTimeout,
		MaxHeaderBytes:    cfg.Limits.HeadBytes,
		HTTP2: &http.HTTP2Config{
			MaxConcurrentStreams:          maxStreams,
			MaxReadFrameSize:              frameSize,
			MaxReceiveBufferPerStream:     streamWindow,
			MaxReceiveBufferPerConnection: connWindow,
			// Who is silent in the midst of a head cannot answer a ping, nor can the dead.
			SendPingTimeout: cfg.HeadTimeout,
			PingTimeout:     cfg.HeadTimeout,
			// A connection that takes nothing at all; a stream's own patience is paced.
			WriteByteTimeout: max(cfg.HeadTimeout, cfg.BodyGrace),
		},
		ErrorLog:    zap.NewStdLog(cfg.Logger),
		BaseContext: func(net.Listener) context.Context { return base },
		ConnContext: withConn,
		ConnState:   e.counters.connState,
	}
	return e
}

// Serve takes over a connection; it does not wait for its end.
func (e *Engine) Serve(conn *proxy.Conn) {
	e.serving.Do(func() {
		go func() {
			defer close(e.served)
			_ = e.server.Serve(e.feed) // until Shutdown
		}()
	})
	if !e.feed.give(conn) {
		conn.Close()
	}
}

// Shutdown stops accepting and waits for the requests in flight, upgraded ones too;
// connections are closed as their requests end. When ctx ends first, the rest is cut
// off with the cause proxy.ErrDraining and the error is ctx's. Nothing of the engine
// runs any more when it returns. An engine is not used again.
func (e *Engine) Shutdown(ctx context.Context) error {
	e.closing.Store(true)
	e.serving.Do(func() { close(e.served) })
	e.feed.Close()
	<-e.served
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
	e.upstreams.Range(func(_, u any) bool {
		u.(*upstream).close()
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
	crowd := !e.enter(t)
	defer func() {
		if !crowd {
			e.streams.Leave(t.counts)
		}
		if t.kept != nil {
			t.kept.end()
		}
		t.log()
		if e.inFlight.Add(-1) == 0 && e.closing.Load() {
			select {
			case e.idle <- struct{}{}:
			default:
			}
		}
	}()
	e.counters.requests.Add(1)
	end := broken
	if crowd {
		end = t.say(page.Crowded())
	} else {
		end = t.carry()
	}
	if end == broken {
		t.breakOff()
		panic(http.ErrAbortHandler) // net/http closes the connection as it is, or resets the stream
	}
	t.finish()
}

// enter counts the request for its client's address, where it is one of HTTP/2; false where
// that has too many.
func (e *Engine) enter(t *transit) bool {
	conn := connOf(t.in)
	if t.in.ProtoMajor == 1 || conn == nil || conn.Peer.Trusted {
		return true
	}
	t.counts = conn.Peer.Addr.Addr()
	return e.streams.Enter(t.counts)
}
