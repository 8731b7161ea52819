package nethttp

import (
	"context"
	"errors"
	"net"
	"net/http"
	"strings"
	"syscall"
	"time"

	"github.com/segue-run/segue/proxy"
)

// upstreamHost stands in the URL of every forwarded request; nothing resolves it,
// and a module sees it only if the client named no host.
const upstreamHost = "module"

// upstream is what is kept of the way to one target: connections for a request each, and
// those that all gRPC shares.
type upstream struct {
	links links
	grpc  *http.Transport
}

// upstream is the target's, made on first use and gone when the target retires.
func (e *Engine) upstream(target proxy.Target) *upstream {
	if u, ok := e.upstreams.Load(target); ok {
		return u.(*upstream)
	}
	held, loaded := e.upstreams.LoadOrStore(target, &upstream{links: links{e: e, target: target}, grpc: e.newGRPC(target)})
	u := held.(*upstream)
	if !loaded {
		target.OnRetire(func() {
			e.upstreams.Delete(target)
			u.close()
		})
	}
	return u
}

// close lets go of the connections that are idle.
func (u *upstream) close() {
	u.links.close()
	u.grpc.CloseIdleConnections()
}

type dialledKey struct{}

// newHTTP1 makes what makes an HTTP/1.1 connection of one that was dialled.
func newHTTP1(cfg proxy.Config) *http.Transport {
	var protocols http.Protocols
	protocols.SetHTTP1(true)
	return &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return ctx.Value(dialledKey{}).(net.Conn), nil
		},
		Protocols:              &protocols,
		DisableCompression:     true,
		ExpectContinueTimeout:  time.Second,
		MaxResponseHeaderBytes: int64(cfg.Limits.AnswerBytes),
		WriteBufferSize:        16 << 10,
	}
}

type connectKey struct{}

// newGRPC makes the target's pool of HTTP/2 connections, which begin with prior knowledge.
// One that has as many streams as the module takes is joined by another. What a module
// sends is held for each stream by itself, so that a client that takes nothing holds up no
// other.
func (e *Engine) newGRPC(target proxy.Target) *http.Transport {
	var protocols http.Protocols
	protocols.SetUnencryptedHTTP2(true)
	return &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			timeout, _ := ctx.Value(connectKey{}).(time.Duration)
			conn, err := e.dial(ctx, target, timeout)
			if err != nil {
				return nil, err
			}
			return conn, nil
		},
		Protocols: &protocols,
		HTTP2: &http.HTTP2Config{
			MaxReceiveBufferPerStream: streamWindow,
			SendPingTimeout:           e.cfg.KeepIdle, // a process that hangs as a whole
			PingTimeout:               e.cfg.KeepIdle,
		},
		DisableCompression:     true,
		IdleConnTimeout:        e.cfg.KeepIdle,
		MaxResponseHeaderBytes: int64(e.cfg.Limits.AnswerBytes),
	}
}

// send sends the request to the target and gives the head of its answer. Over a kept
// connection that turns out to be dead before anything of the request was written, it is
// sent anew; where something was written, a module may have begun it, and it is not.
func (t *transit) send(target proxy.Target) (*http.Response, error) {
	u := t.e.upstream(target)
	if t.grpc {
		return u.grpc.RoundTrip(t.out.WithContext(context.WithValue(t.out.Context(), connectKey{}, t.timeouts.Connect)))
	}
	for {
		l, err := u.links.take(t.out.Context(), t.timeouts.Connect)
		if err != nil {
			return nil, err
		}
		before := l.conn.written.Load()
		res, err := l.RoundTrip(t.out)
		if err == nil {
			l.withheld = withholds(t.in.Method, res)
			t.link = l
			return res, nil
		}
		l.Close()
		switch {
		case l.conn.written.Load() != before, t.out.Context().Err() != nil, t.taken() > 0:
			return nil, err
		case !l.kept:
			return nil, &dialError{err} // it was accepted by nobody
		}
	}
}

// withholds reports whether an answer declares a body that is not to come: what comes late
// would be the next answer.
func withholds(method string, res *http.Response) bool {
	if method != http.MethodHead && res.StatusCode != http.StatusNotModified {
		return false
	}
	length := res.Header.Get("Content-Length")
	return strings.Trim(length, "0") != "" || len(res.TransferEncoding) > 0
}

// release gives back the link that the answer came over.
func (t *transit) release() {
	if t.link != nil {
		t.link.pool.put(t.link)
		t.link = nil
	}
}

// dialError is a connection that did not come about: nothing was sent.
type dialError struct{ error }

func (e *dialError) Unwrap() error { return e.error }

// dial connects to target, and leaves at once where the host lacks the means. A unix
// socket whose accept queue is full answers EAGAIN: that is a busy module, not a dead one.
func (e *Engine) dial(ctx context.Context, target proxy.Target, timeout time.Duration) (*counted, error) {
	if err := e.cfg.Links.Take(); err != nil {
		return nil, &dialError{err}
	}
	conn, err := connect(ctx, target, timeout)
	if err != nil {
		e.cfg.Links.Give()
		return nil, err
	}
	return &counted{Conn: conn, links: e.cfg.Links}, nil
}

func connect(ctx context.Context, target proxy.Target, timeout time.Duration) (net.Conn, error) {
	if timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, timeout)
		defer cancel()
	}
	for pause := time.Millisecond; ; pause = min(2*pause, 50*time.Millisecond) {
		conn, err := target.Dial(ctx)
		if err == nil {
			return conn, nil
		}
		if proxy.HostLacks(err) || !errors.Is(err, syscall.EAGAIN) {
			return nil, &dialError{err}
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return nil, &dialError{err}
		}
	}
}
