package h1

import (
	"context"
	"time"

	"github.com/segue-run/segue/proxy"
)

// How long Shutdown waits for requests that it has cut off: first for them to end
// by themselves, then for their goroutines after their connections were closed.
const (
	cutPatience   = time.Second
	closePatience = 5 * time.Second
)

// Shutdown waits for the requests in flight, upgraded ones too; connections are closed as
// their requests end, and ones that come are closed at once. When ctx ends first, the rest
// is cut off with the cause proxy.ErrDraining and the error is ctx's. Nothing of the engine
// runs any more when it returns. An engine is not used again.
func (e *Engine) Shutdown(ctx context.Context) error {
	e.mu.Lock()
	again := e.closing.Swap(true)
	if !again && len(e.conns) == 0 {
		close(e.empty)
	}
	sweeps := e.sweeps
	e.mu.Unlock()
	for _, c := range e.snapshot(nil) {
		if c.state.CompareAndSwap(connIdle, connClosed) {
			_ = c.SetReadDeadline(past)
		}
	}
	err := e.wait(ctx)
	if err != nil {
		e.cut()
	}
	if !again {
		close(e.stop)
	}
	if sweeps {
		<-e.swept
	}
	e.pools.Range(func(_, p any) bool {
		p.(*pool).retire()
		return true
	})
	return err
}

// wait waits until there is no connection.
func (e *Engine) wait(ctx context.Context) error {
	select {
	case <-e.empty:
		return nil
	default:
	}
	select {
	case <-e.empty:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// cutOff ends what is under way on the connection, and what still begins there.
func (c *conn) cutOff() {
	c.cut.Store(true)
	if t := c.current.Load(); t != nil {
		t.cutOff(proxy.ErrDraining)
	} else {
		_ = c.SetReadDeadline(time.Now().Add(lastWords))
	}
}

// cut ends all that is under way.
func (e *Engine) cut() {
	for _, patience := range []time.Duration{cutPatience, closePatience} {
		for _, c := range e.snapshot(nil) {
			c.cutOff()
		}
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		err := e.wait(ctx)
		cancel()
		if err == nil {
			return
		}
		for _, c := range e.snapshot(nil) {
			_ = c.Conn.Close()
		}
	}
}
