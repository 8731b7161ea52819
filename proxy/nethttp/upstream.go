package nethttp

import (
	"context"
	"errors"
	"net"
	"net/http"
	"syscall"
	"time"

	"github.com/segue-run/segue/proxy"
)

// upstreamHost stands in the URL of every forwarded request; nothing resolves it,
// and a module sees it only if the client named no host.
const upstreamHost = "module"

// transport is the target's pool of connections, made on first use and gone when
// the target retires.
func (e *Engine) transport(target proxy.Target) *http.Transport {
	if tr, ok := e.transports.Load(target); ok {
		return tr.(*http.Transport)
	}
	held, loaded := e.transports.LoadOrStore(target, e.newTransport(target))
	tr := held.(*http.Transport)
	if !loaded {
		target.OnRetire(func() {
			e.transports.Delete(target)
			tr.CloseIdleConnections()
		})
	}
	return tr
}

func (e *Engine) newTransport(target proxy.Target) *http.Transport {
	var protocols http.Protocols
	protocols.SetHTTP1(true)
	return &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return dial(ctx, target, e.cfg.Timeouts.Connect)
		},
		Protocols:              &protocols,
		DisableCompression:     true,
		MaxIdleConns:           e.cfg.MaxIdle,
		MaxIdleConnsPerHost:    e.cfg.MaxIdle,
		IdleConnTimeout:        e.cfg.KeepIdle,
		ResponseHeaderTimeout:  e.cfg.Timeouts.Answer,
		ExpectContinueTimeout:  time.Second,
		MaxResponseHeaderBytes: int64(e.cfg.Limits.AnswerBytes),
		WriteBufferSize:        16 << 10,
	}
}

// dialError is a connection that did not come about: nothing was sent.
type dialError struct{ error }

func (e *dialError) Unwrap() error { return e.error }

// dial connects to target, and leaves at once where the host lacks the means. A unix socket whose accept queue is full answers EAGAIN:
// that is a busy module, not a dead one.
func dial(ctx context.Context, target proxy.Target, timeout time.Duration) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
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
