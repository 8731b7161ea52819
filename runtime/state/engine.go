package state

import (
	"context"
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"strings"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"go.uber.org/zap"
)

// engine is one run of the embedded server with the connections to it. A store has one
// at a time and replaces it when it failed.
type engine struct {
	srv    *server.Server
	writer *conn // its end is the engine's
	js     jetstream.JetStream
	reader *reader
	// found are the streams that the server recovered from the disk.
	found map[string]server.StreamDetail
	// warns are what the server complained of while it recovered them.
	warns []string
	// failed is cancelled with the cause once the server reports an error.
	failed context.Context
	fail   context.CancelCauseFunc
}

// startEngine starts the server on dir and returns when it is ready. Nothing listens.
func startEngine(dir string, log *zap.Logger) (*engine, error) {
	e := &engine{}
	e.failed, e.fail = context.WithCancelCause(context.Background())
	srv, err := server.NewServer(&server.Options{
		ServerName:             "segue",
		DontListen:             true,
		NoSigs:                 true,
		NoLog:                  true,
		JetStream:              true,
		StoreDir:               dir, // the server adds "jetstream"
		SyncAlways:             true,
		MaxPayload:             maxPayload,
		MaxPending:             maxPending,
		JetStreamMaxStore:      math.MaxInt64 / 2, // the disk's end is ours to see
		JetStreamMaxMemory:     1 << 26,
		DisableJetStreamBanner: true,
	})
	if err != nil {
		return nil, fmt.Errorf("make state server: %w", err)
	}
	e.srv, e.reader = srv, newReader(srv)
	logger := &serverLog{log: log, onError: func(err error) { e.fail(err) }}
	srv.SetLoggerV2(logger, false, false, false)
	srv.Start() // returns when ready, as nothing is listened on
	warns, fatal := logger.started()
	e.warns = warns
	if fatal == nil && !srv.JetStreamEnabled() {
		fatal = errors.New("the state server did not start")
	}
	if fatal == nil {
		fatal = e.connect()
	}
	if fatal == nil {
		fatal = e.inventory()
	}
	if fatal != nil {
		e.stop()
		return nil, pathError(filepath.Join(dir, "jetstream"), fatal)
	}
	return e, nil
}

func (e *engine) connect() (err error) {
	e.writer, err = dial(e.srv, "writer", func() { e.fail(nats.ErrConnectionClosed) })
	if err != nil {
		return err
	}
	e.js, err = jetstream.New(e.writer.Conn)
	return err
}

// inventory notes what the server found on the disk.
func (e *engine) inventory() error {
	acc, err := e.srv.JszAccount(&server.JSzOptions{Account: server.DEFAULT_GLOBAL_ACCOUNT, Streams: true, Config: true})
	if err != nil {
		return fmt.Errorf("list streams: %w", err)
	}
	e.found = make(map[string]server.StreamDetail, len(acc.Streams))
	for _, d := range acc.Streams {
		e.found[d.Name] = d
	}
	return nil
}

// complaint is what the server said about a stream while recovering it, or "".
func (e *engine) complaint(stream string) string {
	for _, w := range e.warns {
		if strings.Contains(w, stream) {
			return strings.TrimSpace(w)
		}
	}
	return ""
}

// stop ends the connections and the server and waits for them.
func (e *engine) stop() {
	e.fail(ErrClosed)
	e.writer.close()
	e.reader.close()
	e.srv.Shutdown()
	e.srv.WaitForShutdown()
}
