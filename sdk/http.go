package sdk

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"time"
)

// readHeaderTimeout is far above what the runtime needs to send a head, and keeps
// a connection that stalls within one from lasting for ever.
const readHeaderTimeout = 30 * time.Second

// All calls of gRPC share connections: one that the module takes nothing of must leave
// room for the others.
const (
	streamWindow = 128 << 10
	connWindow   = 16 * streamWindow
)

// httpServer serves handler until it is shut down. The contexts of requests end
// with base.
func httpServer(handler http.Handler, base context.Context) *http.Server {
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	protocols.SetUnencryptedHTTP2(true)
	return &http.Server{
		Handler:           handler,
		Protocols:         protocols,
		HTTP2:             &http.HTTP2Config{MaxReceiveBufferPerStream: streamWindow, MaxReceiveBufferPerConnection: connWindow},
		ReadHeaderTimeout: readHeaderTimeout,
		// Only the runtime connects, and it decides how long an idle connection is
		// kept. Were it closed here, the runtime could be sending a request on it at
		// that very moment, and not know whether it may send that one again.
		IdleTimeout: -1,
		ErrorLog:    slog.NewLogLogger(Logger().Handler(), slog.LevelError),
		BaseContext: func(net.Listener) context.Context { return base },
	}
}

// shutdown finishes the requests in flight, and cuts off those that are left when
// ctx ends.
func shutdown(ctx context.Context, s *http.Server, cutOff context.CancelFunc) {
	if err := s.Shutdown(ctx); err != nil {
		Logger().Warn("requests were cut off", "reason", err.Error())
		_ = s.Close() // first: a handler that gives up must not seem to have answered
		cutOff()
	}
}
