package nethttp

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"time"

	"github.com/segue-run/segue/proxy"
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
	// Only what is buffered may be read through the server's reader: at its end that one
	// cancels the request, though the client has but closed its own half.
	early := io.LimitReader(buffered.Reader, int64(buffered.Reader.Buffered()))
	t.splice(client, io.MultiReader(early, client), module)
	return whole // the connection is ours, and closed
}

// switchProtocols tells the client.
func (t *transit) switchProtocols(client net.Conn, w *bufio.Writer, res *http.Response) error {
	_ = client.SetDeadline(time.Time{})
	header := make(http.Header, len(res.Header)+3)
	copyAnswerHeader(header, res.Header)
	t.setRelease(header)
	t.exchange.Answered(proxy.Answer{Status: res.StatusCode, Wait: t.outcome.Wait, Long: true, Header: header})
	t.tap.head(res, true)
	header["Connection"] = []string{"Upgrade"}
	header["Upgrade"] = res.Header["Upgrade"]
	answer := http.Response{StatusCode: res.StatusCode, ProtoMajor: 1, ProtoMinor: 1, Header: header}
	if err := answer.Write(w); err != nil {
		return err
	}
	return w.Flush()
}

// splice copies both ways until both have ended, or one has failed. An end is passed
// on as a half-close.
func (t *transit) splice(client net.Conn, fromClient io.Reader, module io.ReadWriteCloser) {
	type copied struct {
		n   int64
		err error
	}
	up := make(chan copied, 1)
	go func() {
		n, err := pass(module, fromClient)
		if err != nil {
			client.Close()
			module.Close()
		}
		up <- copied{n, err}
	}()
	down, err := pass(client, module)
	if err != nil {
		client.Close()
		module.Close()
	}
	_ = client.SetReadDeadline(time.Now().Add(halfOpen))
	sent := <-up
	t.outcome.BytesOut = down
	t.outcome.BytesIn = sent.n
	if t.ctx.Err() != nil {
		t.failed(context.Cause(t.ctx))
	}
}

// pass copies until from ends, and then ends to.
func pass(to io.Writer, from io.Reader) (int64, error) {
	n, err := io.Copy(to, from)
	if err != nil {
		return n, err
	}
	if half, ok := to.(interface{ CloseWrite() error }); ok {
		return n, half.CloseWrite()
	}
	return n, io.ErrClosedPipe // it cannot end in one direction alone
}
