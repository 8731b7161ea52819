package nethttp

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"sync"
	"time"

	"github.com/segue-run/segue/proxy"
	"github.com/segue-run/segue/proxy/goaway"
)

// halfOpen is how long a client may go on talking after its module has ended its own
// side: most modules that do so have closed the other as well.
const halfOpen = time.Minute

// errUpgrade is a module that changed to a protocol it was not asked for.
var errUpgrade = errors.New("module changed to another protocol than was asked for")

// tunnel makes client and module talk to each other directly, after the module has
// agreed to change the protocol.
func (t *transit) tunnel(res *http.Response) ending {
	module := res.Body.(io.ReadWriteCloser) // see check
	defer module.Close()
	client, buffered, err := t.client.Hijack()
	if err != nil {
		t.failed(err)
		return broken
	}
	defer client.Close()
	t.e.counters.tunnels.Add(1)
	defer t.e.counters.tunnels.Add(-1)
	// Whoever ends the request ends both connections, and with them both copies.
	stop := context.AfterFunc(t.ctx, func() {
		client.Close()
		module.Close()
	})
	defer stop()
	if err := t.switchProtocols(client, buffered.Writer, res); err != nil {
		t.failed(errors.Join(errClientWrite, err))
		return whole
	}
	t.outcome.Reached = true
	t.outcome.Class = proxy.ClassOf(res.StatusCode)
	if f := goaway.ForUpgrade(t.upgrade); f != nil {
		// It ends the reading alone: what the client says to a farewell goes to the module.
		t.away.follow(f, func() { _ = t.link.conn.SetReadDeadline(time.Unix(1, 0)) })
	}
	// Only what is buffered may be read through the server's reader: at its end that one
	// cancels the request, though the client has but closed its own half.
	early := io.LimitReader(buffered.Reader, int64(buffered.Reader.Buffered()))
	t.splice(client, io.MultiReader(early, client), module)
	return whole // the connection is ours, and closed
}

// switchProtocols tells the client.
func (t *transit) switchProtocols(client net.Conn, w *bufio.Writer, res *http.Response) error {
	_ = client.SetDeadline(time.Time{})
	header := make(http.Header, len(res.Header)+4)
	copyAnswerHeader(header, res.Header)
	t.setRelease(header)
	header[requestIDHeader] = []string{t.request.ID}
	t.long = true
	t.timeouts.Idle = t.e.cfg.IdleWhenLong(t.request.Route)
	t.idle.limit.Store(int64(t.timeouts.Idle))
	if t.total != nil {
		t.total.Stop()
	}
	t.exchange.Answered(proxy.Answer{Status: res.StatusCode, Wait: t.outcome.Wait, Long: true, Header: header})
	t.tap.Head(res.StatusCode, res.Header, true)
	header["Connection"] = []string{"Upgrade"}
	header["Upgrade"] = res.Header["Upgrade"]
	answer := http.Response{StatusCode: res.StatusCode, ProtoMajor: 1, ProtoMinor: 1, Header: header}
	t.status = res.StatusCode
	if err := answer.Write(w); err != nil {
		return err
	}
	return w.Flush()
}

// splice copies both ways until both have ended, or one has failed, or nothing moves. An
// end is passed on as a half-close.
func (t *transit) splice(client net.Conn, fromClient io.Reader, module io.ReadWriteCloser) {
	cut := func() {
		client.Close()
		module.Close()
	}
	up := make(chan copied, 1)
	t.idle.start(t.timeouts.Idle)
	go func() {
		c := t.convey(module, fromClient, nil)
		if c.err != nil {
			cut()
		}
		up <- c
	}()
	down := t.convey(client, module, &t.away)
	patience := halfOpen
	var rest sync.WaitGroup
	switch {
	case errors.Is(down.err, errAway):
		patience = lastWords
		_ = t.link.conn.SetReadDeadline(time.Time{})
		rest.Go(func() {
			_, _ = io.Copy(io.Discard, module) // until it has had the client's farewell
			cut()
		})
	case down.err != nil:
		cut()
	}
	_ = client.SetReadDeadline(time.Now().Add(patience))
	sent := <-up
	if errors.Is(down.err, errAway) {
		cut()
	}
	rest.Wait()
	t.idle.end()
	t.outcome.BytesOut, t.outcome.BytesIn = down.n, sent.n
	switch {
	case t.ctx.Err() != nil:
		t.failed(context.Cause(t.ctx))
	case errors.Is(down.err, errAway):
		t.failed(down.err)
	}
}

// copied is one direction of a tunnel, when it has ended.
type copied struct {
	n   int64
	err error
}

// convey copies until from ends, and then ends to; or until a is asked to end it, where
// there is one, and says farewell.
func (t *transit) convey(to io.Writer, from io.Reader, a *away) (c copied) {
	buf := buffers.Get().(*[copyBuffer]byte)
	defer buffers.Put(buf)
	for {
		if a != nil {
			a.wait()
		}
		n, err := from.Read(buf[:])
		t.idle.extend(t.timeouts.Idle)
		part, last := buf[:n], false
		if a != nil {
			part, last = a.came(part)
			last = last || errors.Is(err, os.ErrDeadlineExceeded) && a.mayEnd()
		}
		if last {
			part = append(part[:len(part):len(part)], a.follower.Farewell()...)
		}
		if len(part) > 0 {
			m, err := to.Write(part)
			c.n += int64(m)
			if err != nil {
				return copied{c.n, err}
			}
		}
		switch {
		case last:
			return copied{c.n, errAway}
		case err == io.EOF:
			return copied{c.n, endOf(to)}
		case err != nil:
			return copied{c.n, err}
		}
	}
}

// endOf ends one direction alone.
func endOf(to io.Writer) error {
	if half, ok := to.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return io.ErrClosedPipe
}
