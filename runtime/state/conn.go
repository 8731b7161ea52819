package state

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
)

const (
	// maxRecord is how large one value or record may be, in bytes.
	maxRecord = 1 << 20
	// maxPayload is the server's own limit: a record with its headers.
	maxPayload = maxRecord + 1<<14
	// maxBatch is after how many bytes of records the server ends one answer.
	maxBatch = 4 << 20
	// maxReads is how many answers are on their way at once.
	maxReads = 8
	// maxPending is how many bytes the server holds for a connection before it cuts it;
	// all answers that are on their way are far less.
	maxPending = 4 * maxReads * (maxBatch + maxPayload)
)

// conn is a connection to the server in this process. It does not come back.
type conn struct {
	*nats.Conn
	closed chan struct{} // the connection's callbacks are over
}

// dial connects to the server; onClose is called once when the connection ends,
// whoever ended it.
func dial(srv *server.Server, name string, onClose func()) (*conn, error) {
	c := &conn{closed: make(chan struct{})}
	var err error
	c.Conn, err = nats.Connect("", nats.InProcessServer(srv), nats.NoReconnect(), nats.Name(name),
		nats.ClosedHandler(func(*nats.Conn) {
			onClose()
			close(c.closed)
		}))
	if err != nil {
		return nil, fmt.Errorf("connect to the state server: %w", err)
	}
	return c, nil
}

// close ends the connection, if there is one, and waits for its end.
func (c *conn) close() {
	if c != nil {
		c.Close()
		<-c.closed
	}
}

// reader is how records are read: over a connection of its own, so that no answer can
// stand in a write's way, and of a few at once. One that was cut is replaced.
type reader struct {
	srv   *server.Server
	slots chan struct{} // holds a token for each answer on its way

	mu   sync.Mutex
	conn *conn // nil before the first read
}

func newReader(srv *server.Server) *reader {
	return &reader{srv: srv, slots: make(chan struct{}, maxReads)}
}

// do runs ask, and once more where the connection was cut beneath it. It waits for
// its turn.
func (r *reader) do(ctx context.Context, ask func(*nats.Conn) error) error {
	select {
	case r.slots <- struct{}{}:
		defer func() { <-r.slots }()
	case <-ctx.Done():
		return ctx.Err()
	}
	for again := true; ; again = false {
		c, err := r.connection()
		if err != nil {
			return err
		}
		if err = ask(c); !again || !errors.Is(err, nats.ErrConnectionClosed) {
			return err
		}
	}
}

func (r *reader) connection() (*nats.Conn, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.conn == nil || r.conn.IsClosed() {
		r.conn.close()
		r.conn = nil
		c, err := dial(r.srv, "reader", func() {})
		if err != nil {
			return nil, err
		}
		r.conn = c
	}
	return r.conn.Conn, nil
}

// close ends the connection. Nobody reads any more then.
func (r *reader) close() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.conn.close()
}
